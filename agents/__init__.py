"""The Faust shell: takes records from Kafka to the pure core and what the core tells back to Kafka. No thresholds here."""
