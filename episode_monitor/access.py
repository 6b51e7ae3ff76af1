"""What commands need beside a worker: where Kafka and the service's table are, and keys, from the settings.

Nothing of a worker is imported here, which would make each command start later.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import SecretStr

from agents.kafka.access import KafkaAccess
from agents.kafka.topics import TopicNames
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.settings.audit import key_bytes
from episode_monitor.settings.settings import Settings
from models.audit_signature import private_key, public_key


def secret(value: SecretStr | None) -> str | None:
    """What a secret setting holds; None where it is not set."""
    return None if value is None else value.get_secret_value()


def topic_names(settings: Settings) -> TopicNames:
    """The topics of this monitor."""
    return TopicNames.of(
        settings.monitor_id,
        settings.events_topic,
        settings.alerts_topic,
        settings.dead_letters_topic,
        settings.alert_dead_letters_topic,
        settings.audit_topic if settings.audit_checkpoint_seconds else "",
    )


def kafka_access(settings: Settings) -> KafkaAccess:
    """Where Kafka is and how it is reached."""
    return KafkaAccess(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        security_protocol=settings.kafka_security_protocol.value,
        sasl_mechanism=settings.kafka_sasl_mechanism.value,
        sasl_username=settings.kafka_sasl_username or "",
        sasl_password=secret(settings.kafka_sasl_password) or "",
        oauth_token_file=settings.kafka_sasl_oauth_token_file,
        oauth_token_command=settings.kafka_sasl_oauth_token_command or "",
        ssl_cafile=settings.kafka_ssl_cafile,
        ssl_certfile=settings.kafka_ssl_certfile,
        ssl_keyfile=settings.kafka_ssl_keyfile,
        ssl_key_password=secret(settings.kafka_ssl_key_password) or "",
    )


def audit_key(settings: Settings) -> Ed25519PrivateKey | None:
    """The key that signs audit checkpoints."""
    text = secret(settings.audit_signing_key)
    return None if text is None else private_key(key_bytes(text))


def audit_public_key(settings: Settings) -> Ed25519PublicKey | None:
    """The key that verifies them: the one that is set, or that of the signing key."""
    if settings.audit_public_key is not None:
        return public_key(key_bytes(settings.audit_public_key))
    private = audit_key(settings)
    return None if private is None else private.public_key()


def episodes_table(settings: Settings) -> EpisodesTable:
    """Where the project service keeps its episodes."""
    return EpisodesTable(
        table=settings.episodes_table,
        id_column=settings.episodes_id_column,
        project_column=settings.episodes_project_column,
        number_column=settings.episodes_number_column,
        version_column=settings.episodes_version_column,
        created_column=settings.episodes_created_column,
        deleted_column=settings.episodes_deleted_column,
    )
