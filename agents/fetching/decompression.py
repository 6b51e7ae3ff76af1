"""Unfolds what a batch holds compressed, by every codec that Kafka has, and never to more than a stated size.

aiokafka's own codecs unfold without a limit: a megabyte of zstd may stand for tens of gigabytes.
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

UNFOLDED_LIMIT_BYTES = 64 * 1024 * 1024  # of one batch; brokers take a megabyte of it compressed unless told otherwise
SMALL_BYTES = 4 * 1024 * 1024  # unfolded in memory that is there already
SPARE_BYTES = 64  # behind a batch: what reads lengths in C looks some bytes too far where they lie

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
CODEC_NAMES = {GZIP: "gzip", SNAPPY: "snappy", LZ4: "lz4", ZSTD: "zstd"}

_XERIAL = b"\x82SNAPPY\x00"  # snappy-java's own framing: two versions, then blocks after their lengths
_XERIAL_HEADER_BYTES = 16
_FRAMED = b"\xff\x06\x00\x00sNaPpY"
_NO_ROOM = ("failed to write whole buffer", "smaller than required")  # cramjam names no type for it


class NotUnfolded(Exception):
    """The bytes are not what their codec makes, or the codec is not known; the message is a sentence's end."""


class UnfoldsTooFar(Exception):
    """There is more in it than the limit."""


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.small = memoryview(bytearray(SMALL_BYTES))


_scratch = _Scratch()


def unfold(codec: int, folded: memoryview, header: bytes = b"", limit: int = UNFOLDED_LIMIT_BYTES) -> memoryview:
    """`header` and what `folded` stands for, in memory of their own. Raises NotUnfolded, UnfoldsTooFar."""
    small = _scratch.small[: min(limit, SMALL_BYTES)]
    try:
        size = _into(codec, folded, small)
    except UnfoldsTooFar:
        if limit <= SMALL_BYTES:
            raise
    else:
        whole = b"".join((header, small[:size], bytes(SPARE_BYTES)))
        return memoryview(whole)[: len(header) + size]
    begin = len(header)
    large = memoryview(mmap.mmap(-1, begin + limit + SPARE_BYTES))  # costs what is written to it
    large[:begin] = header
    size = _into(codec, folded, large[begin : begin + limit])
    return large[: begin + size]


def _into(codec: int, folded: memoryview, room: memoryview) -> int:
    if cramjam is None:
        raise NotUnfolded(f"the library for {CODEC_NAMES.get(codec, codec)} does not load: {_why_missing}")
    if codec == SNAPPY:
        unfold_into: Any = _snappy_into
    elif codec in CODEC_NAMES:
        unfold_into = getattr(cramjam, CODEC_NAMES[codec]).decompress_into
    else:
        raise NotUnfolded(f"codec {codec} is not known")
    try:
        size: int = unfold_into(folded, room)
    except UnfoldsTooFar:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library is no Exception
        if any(words in str(error) for words in _NO_ROOM):
            raise UnfoldsTooFar from None
        raise NotUnfolded(f"it is no {CODEC_NAMES[codec]}: {error}") from None
    return size


def _snappy_into(folded: memoryview, room: memoryview) -> int:
    if folded[: len(_XERIAL)] == _XERIAL:
        return _xerial_into(folded, room)
    if folded[: len(_FRAMED)] == _FRAMED:
        return int(cramjam.snappy.decompress_into(folded, room))
    return int(cramjam.snappy.decompress_raw_into(folded, room))


def _xerial_into(folded: memoryview, room: memoryview) -> int:
    at, size = _XERIAL_HEADER_BYTES, 0
    while at < len(folded):
        if folded[at : at + len(_XERIAL)] == _XERIAL:  # streams that were joined
            at += _XERIAL_HEADER_BYTES
            continue
        (length,) = struct.unpack_from(">i", folded, at)
        at += 4
        if length <= 0 or at + length > len(folded):
            raise NotUnfolded("a block of it is longer than the whole")
        size += cramjam.snappy.decompress_raw_into(folded[at : at + length], room[size:])
        at += length
    return size


def missing_codecs() -> str | None:
    """One sentence where compressed batches cannot be read here, and what to do."""
    if cramjam is None:
        return (
            f"The library that reads Kafka's codecs (the package cramjam) does not load: {_why_missing}. Install what "
            f"requirements.lock names; without it no compressed batch can be read."
        )
    word = b"episode " * 8
    folded = {
        GZIP: cramjam.gzip.compress(word), SNAPPY: cramjam.snappy.compress_raw(word), LZ4: cramjam.lz4.compress(word),
        ZSTD: cramjam.zstd.compress(word),
    }  # fmt: skip
    for codec, compressed in folded.items():
        try:
            works = unfold(codec, memoryview(bytes(compressed))) == word
        except (NotUnfolded, UnfoldsTooFar):
            works = False
        if not works:
            return (
                f"The package cramjam is installed and does not read {CODEC_NAMES[codec]}. Install the version that "
                f"requirements.lock names; without it batches compressed so cannot be read."
            )
    return None
