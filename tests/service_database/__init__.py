"""Tests of what is read of the project service's database, on real PostgreSQL."""
