"""How Kafka is logged in to: the names that Kafka has for it, and which settings go together."""

from enum import Enum


class SecurityProtocol(Enum):
    """How a connection to Kafka is protected, by Kafka's own names."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class SaslMechanism(Enum):
    """How a user logs in to Kafka."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


def check_login(protocol: SecurityProtocol, has_username: bool, has_password: bool, has_cafile: bool) -> None:
    """Raises ValueError where the settings contradict each other; the sentence says what to do."""
    said = f"KAFKA_SECURITY_PROTOCOL is {protocol.value}"
    logs_in = protocol.value.startswith("SASL_")
    if logs_in and not (has_username and has_password):
        raise ValueError(f"{said}, which needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
    if not logs_in and (has_username or has_password):
        raise ValueError(
            f"{said}, which does not authenticate; change it to SASL_SSL or SASL_PLAINTEXT, or unset "
            f"KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
        )
    if has_cafile and not protocol.value.endswith("SSL"):
        raise ValueError(f"{said}, which does not encrypt; change it to SSL or SASL_SSL, or unset KAFKA_SSL_CAFILE")
