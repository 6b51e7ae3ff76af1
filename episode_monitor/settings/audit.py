"""Audit checkpoints: how often they are written, and the keys that sign and verify them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, SecretStr

from alert_sinks.settings import secret
from episode_monitor.settings.fields import setting
from models.audit_signature import NotAKey, private_key, public_key

_audit = partial(setting, "Audit")


def key_bytes(text: str) -> bytes:
    """A key as `models.audit_signature` reads it: the text itself, or what the PEM file holds whose path it is.

    Raises ValueError, which does not show it.
    """
    path = Path(text).expanduser()
    try:
        return path.read_bytes() if path.is_file() else text.encode()
    except OSError as error:
        raise ValueError(f"must be base64 or a PEM file, and the file cannot be read: {error.strerror}") from None


def _checked(read: Callable[[bytes], object], what: str, text: str) -> str:
    try:
        read(key_bytes(text))
    except NotAKey as error:
        raise ValueError(f"must be an Ed25519 {what} key: {error}") from None
    return text


_private = partial(_checked, private_key, "private")
_public = partial(_checked, public_key, "public")


class AuditSettings(BaseModel):
    """The group "Audit"."""

    audit_checkpoint_seconds: int = _audit(
        60,
        "How often the owner of a partition that moved writes an audit checkpoint; 0: the audit is off.",
        unit="seconds", ge=0, le=86_400,
    )  # fmt: skip
    audit_signing_key: Annotated[SecretStr, BeforeValidator(secret(_private))] | None = _audit(
        None,
        "The Ed25519 private key that signs audit checkpoints; unset: they are linked by hash but not signed.",
        form="base64 of 32 bytes, or path of a PEM file",
    )
    audit_public_key: Annotated[str, AfterValidator(_public)] | None = _audit(
        None,
        "The Ed25519 public key that `audit verify` checks signatures with.",
        form="base64 of 32 bytes, or path of a PEM file",
    )
