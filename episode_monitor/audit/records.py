"""A record as an audit compares it: key, value and CloudEvents headers; not the offset, the time or other headers."""

from collections.abc import Sequence
from hashlib import blake2b, sha256
from typing import Any, Protocol

import msgspec

from models.audit_checkpoint import AuditRange
from models.audit_digest import CLOUD_EVENT, AuditedRecord, audited_bytes

_ID_HEADER = f"{CLOUD_EVENT}id"


class Audited(AuditedRecord, Protocol):
    """A record of the topic, of a copy, or a line of a file, which has no key."""

    @property
    def offset(self) -> int:
        """Of a line: its number, from 0 on."""

    @property
    def timestamp(self) -> int | None:
        """When it was written, in ms; not compared."""


class Bare(msgspec.Struct):
    """A record that is a line, or without what is not compared."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int | None = None


class Named(msgspec.Struct):
    """What a record says about itself."""

    event_id: str | None = None
    project_id: str | None = None


class Compared(msgspec.Struct, frozen=True):
    """What of a record is compared with a copy, which may lack keys (a file) or CloudEvents headers."""

    keys: bool = True
    headers: bool = True

    def identity(self, record: Audited) -> bytes:
        """Equal for records without difference."""
        if self.keys and (self.headers or not record.headers):
            content = audited_bytes([record])
        else:
            key = record.key if self.keys else None
            content = audited_bytes([Bare(0, key, record.value, tuple(record.headers) if self.headers else ())])
        return blake2b(content, digest_size=16).digest()


class RangeDigest:
    """Of the records added."""

    def __init__(self) -> None:
        self.records = 0
        self._hash = sha256()

    def add(self, records: Sequence[Audited]) -> None:
        """In order."""
        self.records += len(records)
        self._hash.update(audited_bytes(records))

    def is_of(self, stated: AuditRange) -> bool:
        """Whether a checkpoint states these records."""
        return self.records == stated.records and self._hash.hexdigest() == stated.sha256


_named = msgspec.json.Decoder(Named).decode


def named(record: Audited) -> Named:
    """As far as it can be read."""
    try:
        said = Named() if record.value is None else _named(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = Named()
    if said.event_id is None:
        said.event_id = _header(record.headers, _ID_HEADER)
    if said.project_id is None:
        said.project_id = None if record.key is None else record.key.decode(errors="replace")
    return said


def has_event_headers(records: Sequence[Any]) -> bool:
    """Whether any of them has a CloudEvents header."""
    return any(name.startswith(CLOUD_EVENT) for record in records for name, _ in record.headers)


def _header(headers: Sequence[tuple[str, bytes | None]], wanted: str) -> str | None:
    value = next((value for name, value in headers if name == wanted), None)
    return None if value is None else value.decode(errors="replace")
