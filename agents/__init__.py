"""The Faust shell: takes records from Kafka to the pure core and what that emits back to Kafka. No thresholds here."""
