"""A sample project service: it numbers episodes in PostgreSQL and tells Kafka what happened, after the commit."""
