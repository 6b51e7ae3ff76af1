"""What is added to Faust so that it is exact and fast: record batches, durable partitions, stall guard and watchdog."""
