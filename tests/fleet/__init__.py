"""Questions and acts across workers."""
