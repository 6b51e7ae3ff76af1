"""Every setting of the project service, read once from the environment; README.md lists them in words."""

import socket
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Frozen. In code by field name, from the environment by the name of the alias."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    database_url: str = Field(
        validation_alias="DATABASE_URL", pattern=r"^postgres(ql)?://", repr=False
    )  # may hold a password
    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092", validation_alias="KAFKA_BOOTSTRAP_SERVERS", min_length=1
    )
    events_topic: str = Field(
        default="episode-events", validation_alias="EVENTS_TOPIC", pattern=r"^[A-Za-z0-9._-]+$", max_length=249
    )
    events_partitions: int = Field(default=8, validation_alias="EVENTS_PARTITIONS", ge=1, le=10_000)
    events_replication: int = Field(default=1, validation_alias="EVENTS_REPLICATION", ge=1, le=100)
    events_idempotence: Literal["auto", "required", "off"] = Field(
        default="auto", validation_alias="EVENTS_IDEMPOTENCE"
    )
    events_linger_ms: int = Field(default=0, validation_alias="EVENTS_LINGER_MS", ge=0, le=10_000)
    events_delivery: Literal["queue", "outbox"] = Field(default="queue", validation_alias="EVENTS_DELIVERY")
    host: str = Field(default="127.0.0.1", validation_alias="PROJECT_SERVICE_HOST")
    port: int = Field(default=8001, validation_alias="PROJECT_SERVICE_PORT", ge=0, le=65_535)
    instance_name: str = Field(
        default_factory=lambda: f"project-service-{socket.gethostname()}"[:80],
        validation_alias="PROJECT_SERVICE_INSTANCE",
        min_length=1,
        max_length=80,
    )
    time_limit_seconds: Seconds = Field(default=2.0, validation_alias="CREATION_TIME_LIMIT_SECONDS")
    attempt_timeout_seconds: Seconds = Field(default=1.0, validation_alias="ATTEMPT_TIMEOUT_SECONDS")
    database_pool_size: int = Field(default=10, validation_alias="DATABASE_POOL_SIZE", ge=1, le=100)
    events_waiting_max: int = Field(default=10_000, validation_alias="EVENTS_WAITING_MAX", ge=1, le=1_000_000)
    flush_seconds: Seconds = Field(default=10.0, validation_alias="FLUSH_SECONDS")
    trouble_seed: int | None = Field(default=None, validation_alias="TROUBLE_SEED")
