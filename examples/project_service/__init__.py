"""A sample project service: it numbers episodes in PostgreSQL and sends events to Kafka after the commit."""
