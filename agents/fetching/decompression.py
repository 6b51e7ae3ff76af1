"""Decompresses batches with every codec that Kafka has, up to a given size.

aiokafka's own codecs have no limit: a megabyte of zstd may decompress to tens of gigabytes.
"""

import mmap
import struct
import threading
from typing import Any

try:
    import cramjam
except ImportError as error:
    cramjam = None  # type: ignore[assignment]
    _why_missing = str(error)
else:
    _why_missing = ""

DECOMPRESSED_LIMIT_BYTES = 64 * 1024 * 1024  # of one batch; brokers accept a megabyte of it compressed by default
SMALL_BYTES = 4 * 1024 * 1024  # decompressed in memory that is there already
SPARE_BYTES = 64  # behind a batch: what reads lengths in C looks some bytes too far where they lie

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
CODEC_NAMES = {GZIP: "gzip", SNAPPY: "snappy", LZ4: "lz4", ZSTD: "zstd"}

_XERIAL = b"\x82SNAPPY\x00"  # snappy-java's own framing: two versions, then blocks after their lengths
_XERIAL_HEADER_BYTES = 16
_FRAMED = b"\xff\x06\x00\x00sNaPpY"
_NO_ROOM = ("failed to write whole buffer", "smaller than required")  # cramjam names no type for it


class NotDecompressible(Exception):
    """The bytes are invalid for their codec, or the codec is unknown; the message is the end of a sentence."""


class DecompressesTooLarge(Exception):
    """The decompressed size is above the limit."""


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.small = memoryview(bytearray(SMALL_BYTES))


_scratch = _Scratch()


def decompress(
    codec: int, compressed: memoryview, header: bytes = b"", limit: int = DECOMPRESSED_LIMIT_BYTES
) -> memoryview:
    """A copy of `header` and the decompressed bytes of `compressed`. Raises NotDecompressible, DecompressesTooLarge."""
    small = _scratch.small[: min(limit, SMALL_BYTES)]
    try:
        size = _into(codec, compressed, small)
    except DecompressesTooLarge:
        if limit <= SMALL_BYTES:
            raise
    else:
        whole = b"".join((header, small[:size], bytes(SPARE_BYTES)))
        return memoryview(whole)[: len(header) + size]
    begin = len(header)
    large = memoryview(mmap.mmap(-1, begin + limit + SPARE_BYTES))  # costs what is written to it
    large[:begin] = header
    size = _into(codec, compressed, large[begin : begin + limit])
    return large[: begin + size]


def _into(codec: int, compressed: memoryview, room: memoryview) -> int:
    if cramjam is None:
        raise NotDecompressible(f"the library for {CODEC_NAMES.get(codec, codec)} does not load: {_why_missing}")
    if codec == SNAPPY:
        decompress_into: Any = _snappy_into
    elif codec in CODEC_NAMES:
        decompress_into = getattr(cramjam, CODEC_NAMES[codec]).decompress_into
    else:
        raise NotDecompressible(f"codec {codec} is not known")
    try:
        size: int = decompress_into(compressed, room)
    except DecompressesTooLarge:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library is no Exception
        if any(words in str(error) for words in _NO_ROOM):
            raise DecompressesTooLarge from None
        raise NotDecompressible(f"it is no {CODEC_NAMES[codec]}: {error}") from None
    return size


def _snappy_into(compressed: memoryview, room: memoryview) -> int:
    if compressed[: len(_XERIAL)] == _XERIAL:
        return _xerial_into(compressed, room)
    if compressed[: len(_FRAMED)] == _FRAMED:
        return int(cramjam.snappy.decompress_into(compressed, room))
    return int(cramjam.snappy.decompress_raw_into(compressed, room))


def _xerial_into(compressed: memoryview, room: memoryview) -> int:
    at, size = _XERIAL_HEADER_BYTES, 0
    while at < len(compressed):
        if compressed[at : at + len(_XERIAL)] == _XERIAL:  # streams that were joined
            at += _XERIAL_HEADER_BYTES
            continue
        (length,) = struct.unpack_from(">i", compressed, at)
        at += 4
        if length <= 0 or at + length > len(compressed):
            raise NotDecompressible("a block of it is longer than the whole")
        size += cramjam.snappy.decompress_raw_into(compressed[at : at + length], room[size:])
        at += length
    return size


def missing_codecs() -> str | None:
    """A sentence with the next step where a codec is missing here; else None."""
    if cramjam is None:
        return (
            f"The library that reads Kafka's codecs (the package cramjam) does not load: {_why_missing}. Install what "
            f"requirements.lock names; without it no compressed batch can be read."
        )
    word = b"episode " * 8
    samples = {
        GZIP: cramjam.gzip.compress(word), SNAPPY: cramjam.snappy.compress_raw(word), LZ4: cramjam.lz4.compress(word),
        ZSTD: cramjam.zstd.compress(word),
    }  # fmt: skip
    for codec, sample in samples.items():
        try:
            works = decompress(codec, memoryview(bytes(sample))) == word
        except (NotDecompressible, DecompressesTooLarge):
            works = False
        if not works:
            return (
                f"The package cramjam is installed and does not read {CODEC_NAMES[codec]}. Install the version that "
                f"requirements.lock names; without it batches compressed so cannot be read."
            )
    return None
