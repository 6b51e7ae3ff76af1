"""A replay beside the states of the live monitor."""
