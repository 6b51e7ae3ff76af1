"""Identities in few bytes: 64-bit hashes of event and operation ids, and episode ids as short byte strings."""

from binascii import unhexlify
from typing import Final

from librt.strings import read_i64_be
from mypy_extensions import i64
from xxhash import xxh3_64_digest

UUID_MARK: Final = b"\xff"  # first byte of a packed UUID; no UTF-8 text has it
UUID_LENGTH: Final = 36
_UUID_DIGITS: Final = 32

_digest_of: Final = xxh3_64_digest  # compiled code looks up an imported name in a dictionary, each time


def hash_of(identity: str) -> i64:
    """The same 64 bits, as a signed number, for the same text on every machine and in every version."""
    return read_i64_be(_digest_of(identity.encode()), 0)


def pack_id(episode_id: str) -> bytes:
    """UTF-8, or 17 bytes for a UUID in its canonical spelling. `unpack_id` is its exact inverse."""
    raw = episode_id.encode()
    if len(raw) == UUID_LENGTH and raw[8] == raw[13] == raw[18] == raw[23] == 45 and raw == raw.lower():
        digits = raw.replace(b"-", b"")
        if len(digits) == _UUID_DIGITS:
            try:
                return UUID_MARK + unhexlify(digits)
            except ValueError:  # it only looked like one
                return raw
    return raw


def unpack_id(packed: bytes) -> str:
    """The episode id that `pack_id` was given."""
    if packed[:1] == UUID_MARK:
        digits = packed[1:].hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return packed.decode()
