"""One file a kind of sink, found by being here: its settings, the check of its addresses, its messages, its builder."""
