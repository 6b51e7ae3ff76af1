"""What is added to Faust so that it is exact and fast: record batches, durable partitions, a fence and a watchdog."""
