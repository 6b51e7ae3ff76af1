"""Tests of the integrity checks."""
