"""Every setting of the receiver, read once from the environment; README.md lists them in words."""

import binascii
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook


class ReceiverSettings(BaseSettings):
    """Frozen. In code by field name, from the environment by the name of the alias."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    host: str = Field(default="127.0.0.1", validation_alias="RECEIVER_HOST")
    port: int = Field(default=8003, validation_alias="RECEIVER_PORT", ge=0, le=65_535)
    webhook_secret: str | None = Field(default=None, validation_alias="RECEIVER_WEBHOOK_SECRET", repr=False)
    journal_max: int = Field(default=1000, validation_alias="RECEIVER_JOURNAL_MAX", ge=1, le=1_000_000)
    journal_file: Path | None = Field(default=None, validation_alias="RECEIVER_JOURNAL_FILE")

    @field_validator("journal_file")
    @classmethod
    def _can_be_written(cls, value: Path | None) -> Path | None:
        try:
            if value is not None:
                value.open("a").close()
        except OSError as error:
            raise ValueError(f"{value} cannot be written ({error.strerror})") from error
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _is_a_secret(cls, value: str | None) -> str | None:
        if not value:
            return None
        try:
            Webhook(value)
        except (binascii.Error, EmptyWebhookSecretError) as error:
            raise ValueError("it must be base64, with or without whsec_ before it") from error
        return value
