"""What each partition's owner tells all workers, through a compacted topic: how the partition is, and where to ask."""
