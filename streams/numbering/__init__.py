"""Which numbers exist, which are missing or used twice, and what was said about it."""
