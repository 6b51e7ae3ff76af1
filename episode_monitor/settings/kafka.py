"""Where Kafka is, and the topics."""

from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, SecretStr, model_validator

from episode_monitor.settings import validators
from episode_monitor.settings.fields import Topic, setting
from episode_monitor.settings.kafka_login import SaslMechanism, SecurityProtocol, check_login

_kafka = partial(setting, "Kafka")


class KafkaSettings(BaseModel):
    """The group "Kafka"."""

    kafka_bootstrap_servers: Annotated[str, AfterValidator(validators.bootstrap_servers)] = _kafka(
        "localhost:9092", "Where Kafka is.", form="host:port, several separated by commas"
    )
    kafka_security_protocol: Annotated[SecurityProtocol, BeforeValidator(validators.upper)] = _kafka(
        SecurityProtocol.PLAINTEXT, "Whether connections to Kafka are encrypted (SSL) and somebody logs in (SASL)."
    )
    kafka_sasl_mechanism: Annotated[SaslMechanism, BeforeValidator(validators.upper)] = _kafka(
        SaslMechanism.PLAIN, "How the user logs in, where the protocol is a SASL one."
    )
    kafka_sasl_username: str | None = _kafka(None, "The user.", form="text")
    kafka_sasl_password: SecretStr | None = _kafka(None, "The user's password.", form="text")
    kafka_ssl_cafile: Annotated[Path, AfterValidator(validators.certificates)] | None = _kafka(
        None, "Whose certificates are trusted, in PEM; unset: the authorities this machine trusts.", form="path"
    )
    monitor_id: Annotated[str, AfterValidator(validators.monitor_id)] = _kafka(
        "episode-monitor",
        "Names this monitor: its consumer group and its own topics. Workers with the same name share the work.",
        form="letters, digits, dots, underscores, hyphens",
    )
    events_topic: Topic = _kafka("episode-events", "The topic the project service writes to.", form="topic name")
    alerts_topic: Topic = _kafka("episode-alerts", "The topic of alert transitions.", form="topic name")
    dead_letters_topic: Topic = _kafka(
        "episode-dead-letters", "Where records go that cannot be used.", form="topic name"
    )
    alert_dead_letters_topic: Topic = _kafka(
        "alert-dead-letters", "Where alerts go that a destination refused for good.", form="topic name"
    )
    events_partitions: int = _kafka(
        8,
        "Partitions of the events topic if it has to be created; an existing topic's own count wins.",
        ge=1,
        le=10_000,
    )
    topic_replication_factor: int | None = _kafka(
        None, "Copies of each topic that has to be created; unset: as the broker decides.", ge=1, le=32
    )
    kafka_session_timeout_seconds: int = _kafka(
        10, "A worker silent for so long has its partitions given to others.", unit="seconds", ge=1, le=300
    )
    kafka_rebalance_timeout_seconds: int = _kafka(
        30, "How long workers may take to meet when partitions are dealt out anew.", unit="seconds", ge=1, le=600
    )
    flush_interval_ms: int = _kafka(
        1000, "How often state is written to Kafka; this much is done again after a crash.", unit="ms", ge=10, le=1000
    )

    @model_validator(mode="after")
    def _kafka_user_is_whole(self) -> "KafkaSettings":
        check_login(
            self.kafka_security_protocol, bool(self.kafka_sasl_username), bool(self.kafka_sasl_password),
            bool(self.kafka_ssl_cafile),
        )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _topics_differ(self) -> "KafkaSettings":
        seen: dict[str, str] = {}
        for name in ("events_topic", "alerts_topic", "dead_letters_topic", "alert_dead_letters_topic"):
            topic = getattr(self, name)
            if topic in seen:
                raise ValueError(f"{name.upper()} is {topic!r}, as {seen[topic].upper()} is; give each its own topic")
            seen[topic] = name
        return self
