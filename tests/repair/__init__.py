"""Tests of repair, on real PostgreSQL where it writes."""
