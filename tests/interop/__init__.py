"""Producers of other clients and languages, through every combination, at a worker on Apache Kafka."""
