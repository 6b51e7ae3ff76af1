"""What happened when: operations, windows, counts by second, minute and day, and what is computed from them."""
