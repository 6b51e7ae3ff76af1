"""Integrity checks: what they compare, when they run, what becomes of their results."""
