"""Tests of the sample project service, its load driver and the local receiver, on a real broker and PostgreSQL."""
