"""All projects of one partition: what is kept, stored, due and compared."""
