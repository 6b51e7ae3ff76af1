"""The monitor's own tables, on a real PostgreSQL that is killed, frozen and misconfigured."""
