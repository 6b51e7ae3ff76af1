"""What the client must know, read once from the environment. Without `KAFKA_BOOTSTRAP_SERVERS` it does nothing."""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .security import SettingsError, security_options

DEFAULT_TOPIC = "episode-events"
DEFAULT_QUEUE_MAX = 10_000
DEFAULT_FLUSH_SECONDS = 5.0
IDEMPOTENCE_WORDS = ("auto", "required", "off")
_NO = frozenset({"0", "false", "no", "off"})
_YES = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Settings of one client. `producer_options` go to aiokafka's producer as they are (TLS, SASL, ...)."""

    bootstrap_servers: str
    topic: str = DEFAULT_TOPIC
    source: str = field(default_factory=lambda: socket.gethostname()[:80] or "project-service")
    idempotence: str = "auto"  # `auto`: where the broker can; `required`; `off`
    queue_max: int = DEFAULT_QUEUE_MAX  # events; beyond it the oldest is dropped
    flush_seconds: float = DEFAULT_FLUSH_SECONDS  # how long a shutdown waits for Kafka
    producer_options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # may hold a password

    def __post_init__(self) -> None:
        if not self.bootstrap_servers.strip():
            raise SettingsError("KAFKA_BOOTSTRAP_SERVERS must be host:port, or several separated by commas.")
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", self.topic):
            raise SettingsError("EVENTS_TOPIC must be up to 249 letters, digits, dots, underscores and hyphens.")
        if not re.fullmatch(r"[\x21-\x7e]{1,80}", self.source):
            raise SettingsError("EPISODE_EVENTS_SOURCE must be 1 to 80 printable ASCII characters without spaces.")
        if self.idempotence not in IDEMPOTENCE_WORDS:
            raise SettingsError("EVENTS_IDEMPOTENCE must be auto, required or off.")
        if not 1 <= self.queue_max <= 1_000_000:
            raise SettingsError("EPISODE_EVENTS_QUEUE_MAX must be a whole number from 1 to 1000000.")
        if not 0 <= self.flush_seconds <= 300:
            raise SettingsError("EPISODE_EVENTS_FLUSH_SECONDS must be a number from 0 to 300.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "ClientSettings | str":
        """The settings, or the one sentence that says why there is nothing to do. Raises SettingsError."""
        source = os.environ if environment is None else environment
        given = {name: text.strip() for name, text in source.items() if text.strip()}
        enabled = given.get("EPISODE_MONITORING_ENABLED", "true").lower()
        if enabled not in _YES | _NO:
            raise SettingsError("EPISODE_MONITORING_ENABLED must be true or false.")
        if enabled in _NO:
            return "EPISODE_MONITORING_ENABLED is false"
        if "KAFKA_BOOTSTRAP_SERVERS" not in given:
            return "KAFKA_BOOTSTRAP_SERVERS is not set"
        words: dict[str, Any] = {"bootstrap_servers": given["KAFKA_BOOTSTRAP_SERVERS"]}
        for name, key in (
            ("EVENTS_TOPIC", "topic"),
            ("EPISODE_EVENTS_SOURCE", "source"),
            ("EVENTS_IDEMPOTENCE", "idempotence"),
        ):
            if name in given:
                words[key] = given[name]
        words |= _numbers(given)
        return cls(**words, producer_options=security_options(source))


def _numbers(given: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        if "EPISODE_EVENTS_QUEUE_MAX" in given:
            found["queue_max"] = int(given["EPISODE_EVENTS_QUEUE_MAX"])
        if "EPISODE_EVENTS_FLUSH_SECONDS" in given:
            found["flush_seconds"] = float(given["EPISODE_EVENTS_FLUSH_SECONDS"])
    except ValueError:
        raise SettingsError("EPISODE_EVENTS_QUEUE_MAX and EPISODE_EVENTS_FLUSH_SECONDS must be numbers.") from None
    return found
