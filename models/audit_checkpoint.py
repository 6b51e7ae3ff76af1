"""An audit checkpoint: what a partition's owner states about a stretch of its log, chained by hash to the last one.

Its bytes are canonical: equal statements are equal bytes, and what is signed and linked is their beginning.
"""

import hashlib
from collections.abc import Iterable
from itertools import pairwise

import msgspec

VERSION = 1
MAX_RANGES = 1_000  # of a checkpoint, which then stays below 100 KB
NO_LINK = ""  # `previous` of the first checkpoint of a chain
_UNSIGNED_FROM = b',"key_id":'  # no text before it contains this: a quotation mark in a JSON text is escaped
_HEX_BYTES = 32


class AuditRange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Records from the end of the range before it to `offset_to` (exclusive): how many, and their SHA-256 (hex)."""

    offset_to: int
    records: int
    sha256: str


class AuditCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The fields in the order of the bytes. Offsets are those of partition `partition` of `topic`.

    `digest` is the SHA-256 of the ranges' digests, one after the other. `state_digest` (hex, 128 bits) is of all
    `projects` at `offset_to`, under the rules of `rules_digest`; null where it was not computed. `at` is RFC 3339, UTC.
    """

    version: int = VERSION
    monitor_id: str
    topic: str
    partition: int
    sequence: int
    offset_from: int
    offset_to: int
    records: int
    ranges: list[AuditRange]
    digest: str
    state_digest: str | None
    rules_digest: str
    projects: int
    at: str
    software: str
    previous: str
    key_id: str = ""
    signature: str = ""


class NotAnAuditCheckpoint(msgspec.Struct, frozen=True):
    """Bytes that are none; `reason` is one sentence."""

    reason: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AuditCheckpoint, strict=True).decode


def checkpoint_key(monitor_id: str, topic: str, partition: int) -> bytes:
    """Key of the records of one chain in the audit topic."""
    return f"{monitor_id}/{topic}/{partition}".encode()


def digest_of_ranges(ranges: Iterable[AuditRange]) -> str:
    """SHA-256 (hex) of the ranges' digests. Raises ValueError where one is no hex."""
    return hashlib.sha256(b"".join(bytes.fromhex(each.sha256) for each in ranges)).hexdigest()


def encode_audit_checkpoint(checkpoint: AuditCheckpoint) -> bytes:
    """The canonical bytes: JSON, fields in order, no blanks."""
    return _encode(checkpoint)


def signed_bytes(checkpoint: AuditCheckpoint) -> bytes:
    """What a signature covers and `previous` of the next checkpoint is the hash of: everything before `key_id`."""
    encoded = _encode(checkpoint)
    return encoded[: encoded.rindex(_UNSIGNED_FROM)]


def link_hash(checkpoint: AuditCheckpoint) -> str:
    """`previous` of the checkpoint after this one: SHA-256 (hex)."""
    return hashlib.sha256(signed_bytes(checkpoint)).hexdigest()


def decode_audit_checkpoint(value: bytes | None) -> AuditCheckpoint | NotAnAuditCheckpoint:
    """What these bytes state, or why they state nothing. Never raises; a signature is not looked at."""
    if value is None:
        return NotAnAuditCheckpoint("The record has no value.")
    try:
        checkpoint = _decode(value)
        is_canonical = _encode(checkpoint) == value
    except Exception as error:  # bad UTF-8, nesting and bad JSON raise unlike errors
        return NotAnAuditCheckpoint(f"It cannot be read: {str(error)[:200].rstrip('.') or type(error).__name__}.")
    if checkpoint.version != VERSION:
        return NotAnAuditCheckpoint(f"It has version {checkpoint.version}; this program reads version {VERSION}.")
    if not is_canonical:
        return NotAnAuditCheckpoint("Its bytes are not the canonical form of what they state.")
    contradiction = contradiction_in(checkpoint)
    return NotAnAuditCheckpoint(contradiction) if contradiction else checkpoint


def contradiction_in(checkpoint: AuditCheckpoint) -> str:
    """Why the fields do not fit each other, in one sentence; "" where they do."""
    ends = [checkpoint.offset_from, *(each.offset_to for each in checkpoint.ranges)]
    if checkpoint.partition < 0 or checkpoint.sequence < 0 or checkpoint.offset_from < 0 or checkpoint.projects < 0:
        return "It has a negative number."
    if not checkpoint.ranges or ends[-1] != checkpoint.offset_to:
        return "Its ranges do not end at its offset_to."
    if any(end <= begin for begin, end in pairwise(ends)):
        return "The offsets of its ranges do not rise."
    if any(
        not 0 <= each.records <= each.offset_to - begin for begin, each in zip(ends, checkpoint.ranges, strict=False)
    ):
        return "A range has more records than offsets."
    if sum(each.records for each in checkpoint.ranges) != checkpoint.records:
        return "Its ranges have another number of records than it says."
    if not all(_is_sha256(each.sha256) for each in checkpoint.ranges):
        return "The digest of a range is not a SHA-256."
    if digest_of_ranges(checkpoint.ranges) != checkpoint.digest:
        return "Its digest is not that of its ranges."
    return ""


def _is_sha256(text: str) -> bool:
    return len(text) == 2 * _HEX_BYTES and not text.strip("0123456789abcdef")
