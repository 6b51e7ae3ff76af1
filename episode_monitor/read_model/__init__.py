"""How any worker answers every question: from its own partitions, from what the others told, or by asking them."""
