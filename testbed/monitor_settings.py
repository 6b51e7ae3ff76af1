"""Where a test's monitor finds its Kafka and its topics: names that no other test has."""


def monitor_settings(broker: str, prefix: str) -> dict[str, str]:
    """As environment variables."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": broker,
        "MONITOR_ID": f"{prefix}monitor",
        "EVENTS_TOPIC": f"{prefix}events",
        "ALERTS_TOPIC": f"{prefix}alerts",
        "DEAD_LETTERS_TOPIC": f"{prefix}dead-letters",
        "ALERT_DEAD_LETTERS_TOPIC": f"{prefix}alert-dead-letters",
        "AUDIT_TOPIC": f"{prefix}audit",
    }
