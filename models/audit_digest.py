"""What the digest of a range of records is made of: key, value and CloudEvents headers of each, in offset order.

Offsets, times and other headers are left out, so that a copy of the topic made by any tool has the same digest.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Protocol

NONE_LENGTH = 0xFFFFFFFF  # in place of the length of a key, a value or a header that is null
HEADERS_FOLLOW = 0xFFFFFFFE  # no length: without it, headers would look like one more record
CLOUD_EVENT = "ce_"

_pack = struct.Struct(">I").pack
_NONE = _pack(NONE_LENGTH)
_LENGTHS = [_pack(length) for length in range(4096)]  # twice as fast as packing each
_headers = attrgetter("headers")


class AuditedRecord(Protocol):
    """What a range's digest needs of a record."""

    @property
    def key(self) -> bytes | None:
        """Of the record."""

    @property
    def value(self) -> bytes | None:
        """Of the record."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Of the record, in any order."""


def audited_bytes(records: Sequence[AuditedRecord]) -> bytes:
    """The bytes of these records in a range's digest; those of two lists, joined, are those of both."""
    if not any(map(_headers, records)):
        keys, values = [record.key for record in records], [record.value for record in records]
        parts: list[bytes] = [b""] * (4 * len(records))
        try:
            parts[0::4] = [_LENGTHS[len(key)] for key in keys]  # type: ignore[arg-type]
            parts[1::4] = keys  # type: ignore[assignment]
            parts[2::4] = [_LENGTHS[len(value)] for value in values]  # type: ignore[arg-type]
            parts[3::4] = values  # type: ignore[assignment]
            return b"".join(parts)
        except (TypeError, IndexError):  # a null, or something long
            pass
    return b"".join([_record_bytes(record) for record in records])


def range_digest(records: Iterable[AuditedRecord]) -> str:
    """SHA-256 (hex) of a range of records in offset order."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(_record_bytes(record))
    return digest.hexdigest()


def _record_bytes(record: AuditedRecord) -> bytes:
    told = [_sized(record.key), _sized(record.value)]
    if record.headers:
        ours = [(name, value) for name, value in record.headers if name.startswith(CLOUD_EVENT)]
        if ours:
            ours.sort(key=lambda header: header[0])  # of one name the last counts: their order stays
            told += [_pack(HEADERS_FOLLOW), _pack(len(ours))]
            for name, value in ours:
                told += [_sized(name.encode(errors="surrogatepass")), _sized(value)]
    return b"".join(told)


def _sized(part: bytes | None) -> bytes:
    return _NONE if part is None else _pack(len(part)) + part
