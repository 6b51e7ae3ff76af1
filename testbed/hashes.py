"""Where each hash of a key puts it, written anew here: murmur2 as Java has it, and what else clients take."""

import zlib
from collections.abc import Callable


def murmur2(key: bytes) -> int:
    """32 bits, as the Java client's `Utils.murmur2`, without sign."""
    mask, mix = 0xFFFFFFFF, 0x5BD1E995
    found = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        piece = int.from_bytes(key[at : at + 4], "little") * mix & mask
        piece = (piece ^ piece >> 24) * mix & mask
        found = (found * mix & mask) ^ piece
    if rest := key[whole:]:
        found = (found ^ int.from_bytes(rest, "little")) * mix & mask
    found = (found ^ found >> 13) * mix & mask
    return found ^ found >> 15


def fnv1a(key: bytes) -> int:
    """32 bits."""
    found = 0x811C9DC5
    for byte in key:
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return found


def _by_murmur2(key: bytes, partitions: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def _by_crc32(key: bytes, partitions: int) -> int:
    return zlib.crc32(key) % partitions


def _by_fnv1a(key: bytes, partitions: int) -> int:
    """sarama's: the remainder of a number with sign, without its sign."""
    found = fnv1a(key)
    return abs(found - 2**32 if found >= 2**31 else found) % partitions


PLACES: dict[str, Callable[[bytes, int], int]] = {"murmur2": _by_murmur2, "CRC-32": _by_crc32, "FNV-1a": _by_fnv1a}
