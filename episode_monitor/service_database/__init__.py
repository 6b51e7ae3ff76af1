"""The project service's own database: what is read of it, and what repair changes in it."""
