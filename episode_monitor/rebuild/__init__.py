"""Builds the state of a monitor anew under another id, beside the running one; compares, switches, deletes.

The old monitor's topics are only read, but for the note that it was replaced, until its deletion is confirmed by name.
"""
