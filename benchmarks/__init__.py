"""What the monitor can do on this machine, measured on Apache Kafka with the worker as users run it."""
