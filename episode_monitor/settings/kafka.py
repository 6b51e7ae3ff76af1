"""Where Kafka is, and the topics."""

from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, SecretStr, model_validator

from episode_monitor.settings import validators
from episode_monitor.settings.fields import ReadableFile, Topic, setting
from episode_monitor.settings.kafka_login import (
    Login,
    SaslMechanism,
    SecurityProtocol,
    check_login,
    check_own_certificate,
)

_kafka = partial(setting, "Kafka")


class KafkaSettings(BaseModel):
    """The group "Kafka"."""

    kafka_bootstrap_servers: Annotated[str, AfterValidator(validators.bootstrap_servers)] = _kafka(
        "localhost:9092", "The addresses of the Kafka brokers.", form="host:port, several separated by commas"
    )
    kafka_security_protocol: Annotated[SecurityProtocol, BeforeValidator(validators.upper)] = _kafka(
        SecurityProtocol.PLAINTEXT, "Whether connections to Kafka are encrypted (SSL) and authenticated (SASL)."
    )
    kafka_sasl_mechanism: Annotated[SaslMechanism, BeforeValidator(validators.upper)] = _kafka(
        SaslMechanism.PLAIN, "The SASL mechanism, where the protocol is SASL_PLAINTEXT or SASL_SSL."
    )
    kafka_sasl_username: str | None = _kafka(None, "The SASL user.", form="text")
    kafka_sasl_password: SecretStr | None = _kafka(None, "The SASL user's password.", form="text")
    kafka_ssl_cafile: Annotated[Path, AfterValidator(validators.certificates)] | None = _kafka(
        None, "A PEM file with the trusted certificate authorities; unset: those of this machine.", form="path"
    )
    kafka_ssl_certfile: ReadableFile | None = _kafka(
        None, "A PEM file with the certificate that the monitor shows to Kafka, and those of its signers.", form="path"
    )
    kafka_ssl_keyfile: ReadableFile | None = _kafka(
        None, "A PEM file with the key of KAFKA_SSL_CERTFILE; unset: the key is in that file too.", form="path"
    )
    kafka_ssl_key_password: SecretStr | None = _kafka(None, "The password of that key, if it has one.", form="text")
    kafka_sasl_oauth_token_file: Path | None = _kafka(
        None,
        "For the mechanism OAUTHBEARER: a file with the token, read at each login; another program may renew it.",
        form="path",
    )
    kafka_sasl_oauth_token_command: str | None = _kafka(
        None,
        "For the mechanism OAUTHBEARER, instead of a file: a command that prints a token, run without a shell when the "
        "last token ends within 30 s.",
        form="command",
    )
    monitor_id: Annotated[str, AfterValidator(validators.monitor_id)] = _kafka(
        "episode-monitor",
        "The name of this monitor, its consumer group and its own topics. Workers with the same name share the work.",
        form="letters, digits, dots, underscores, hyphens",
    )
    events_topic: Topic = _kafka("episode-events", "The topic the project service writes to.", form="topic name")
    alerts_topic: Topic = _kafka("episode-alerts", "The topic of alert transitions.", form="topic name")
    dead_letters_topic: Topic = _kafka(
        "episode-dead-letters", "The topic for records that cannot be processed.", form="topic name"
    )
    alert_dead_letters_topic: Topic = _kafka(
        "alert-dead-letters", "The topic for alerts that a destination rejected permanently.", form="topic name"
    )
    audit_topic: Topic = _kafka("episode-audit", "The topic of audit checkpoints.", form="topic name")
    events_partitions: int = _kafka(
        8,
        "Partitions of the events topic if it has to be created; an existing topic's own count wins.",
        ge=1,
        le=10_000,
    )
    topic_replication_factor: int | None = _kafka(
        None, "Replicas of each topic that has to be created; unset: the broker's default.", ge=1, le=32
    )
    kafka_session_timeout_seconds: int = _kafka(
        10, "A worker that is silent for this long loses its partitions to other workers.", unit="seconds", ge=1, le=300
    )
    kafka_rebalance_timeout_seconds: int = _kafka(
        30, "How long workers may take to rejoin the group in a rebalance.", unit="seconds", ge=1, le=600
    )
    flush_interval_ms: int = _kafka(
        1000,
        "How often state is written to Kafka; at most this much work is repeated after a crash.",
        unit="ms",
        ge=10,
        le=1000,
    )

    @model_validator(mode="after")
    def _kafka_user_is_whole(self) -> "KafkaSettings":
        check_login(
            Login(
                self.kafka_security_protocol, self.kafka_sasl_mechanism, bool(self.kafka_sasl_username),
                bool(self.kafka_sasl_password), bool(self.kafka_sasl_oauth_token_file),
                bool(self.kafka_sasl_oauth_token_command), bool(self.kafka_ssl_cafile),
            )
        )  # fmt: skip
        check_own_certificate(
            self.kafka_security_protocol, self.kafka_ssl_certfile, self.kafka_ssl_keyfile,
            None if self.kafka_ssl_key_password is None else self.kafka_ssl_key_password.get_secret_value(),
        )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _topics_differ(self) -> "KafkaSettings":
        seen: dict[str, str] = {}
        for name in ("events_topic", "alerts_topic", "dead_letters_topic", "alert_dead_letters_topic", "audit_topic"):
            topic = getattr(self, name)
            if topic in seen:
                raise ValueError(f"{name.upper()} is {topic!r}, as {seen[topic].upper()} is; give each its own topic")
            seen[topic] = name
        return self
