"""The agents on a real broker."""
