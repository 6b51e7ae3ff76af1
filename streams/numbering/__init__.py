"""Which numbers exist, are missing, or are used twice; waivers and history of findings."""
