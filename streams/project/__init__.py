"""One project: its state, one step of it, its rules, and its stored form."""
