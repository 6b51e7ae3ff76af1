"""The fleet topic (compacted): each partition's owner publishes its summary and its own address."""
