"""What the owner of each partition publishes, in a compacted topic: how the partition is, and where to ask."""
