"""Why a record was refused, and the record that keeps it for people: raw, whole, with its origin.

Nothing is repaired: key, value and original headers stay as they are. Only a value that is too large is cut, and
its hash represents the rest.
"""

import hashlib
from collections.abc import Sequence
from enum import Enum

import msgspec

KEPT_OF_TOO_LARGE_BYTES = 1024  # enough to see who sent it; the whole could be larger than the dead-letter topic takes
MAX_DETAIL_CHARACTERS = 200
LETTER_MONITOR_ID = "dl_monitor_id"  # the header that names the monitor that refused the record


class DeadLetterReason(Enum):
    """The one reason a record was refused; the first that applies, in the order of `models.codec`."""

    TOO_LARGE = "too_large"
    MALFORMED_JSON = "malformed_json"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    KEY_MISMATCH = "key_mismatch"
    FUTURE_TIMESTAMP = "future_timestamp"


class Malformed(msgspec.Struct, frozen=True):
    """A record that cannot be used. `detail` is one sentence of at most 200 characters."""

    reason: DeadLetterReason
    detail: str


class DeadLetter(msgspec.Struct, frozen=True):
    """A record for the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def dead_letter(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    malformed: Malformed,
) -> DeadLetter:
    """The dead letter of a refused record: the record itself plus `dl_*` headers, all of them UTF-8 text.

    Ours come after the original headers and none of those is dropped: where a dead letter was sent in again, the last
    `dl_*` headers count.
    """
    ours = _ours(topic, partition, offset, malformed)
    if malformed.reason is DeadLetterReason.TOO_LARGE and value is not None:
        ours.append(("dl_sha256", hashlib.sha256(value).hexdigest().encode()))
        ours.append(("dl_size", b"%d" % len(value)))
        value = value[:KEPT_OF_TOO_LARGE_BYTES]
    return DeadLetter(key, value, [*headers, *ours])


def dead_batch(
    topic: str, partition: int, first_offset: int, last_offset: int, kept: bytes, malformed: Malformed
) -> DeadLetter:
    """The dead letter of records that cannot be separated, from `first_offset` to `last_offset`. `kept` is the
    beginning of their bytes in the log."""
    last: tuple[str, bytes | None] = ("dl_last_offset", b"%d" % last_offset)
    return DeadLetter(None, kept, [*_ours(topic, partition, first_offset, malformed), last])


def _ours(topic: str, partition: int, offset: int, malformed: Malformed) -> list[tuple[str, bytes | None]]:
    return [
        ("dl_topic", topic.encode()),
        ("dl_partition", b"%d" % partition),
        ("dl_offset", b"%d" % offset),
        ("dl_reason", malformed.reason.value.encode()),
        ("dl_detail", malformed.detail.encode(errors="replace")),
    ]
