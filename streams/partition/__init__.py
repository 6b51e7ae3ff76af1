"""All projects of one partition: what is cached, stored, due and compared."""
