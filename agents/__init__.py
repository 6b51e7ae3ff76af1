"""The Faust shell: takes records from Kafka to the pure core and what it tells back to Kafka. No thresholds here."""
