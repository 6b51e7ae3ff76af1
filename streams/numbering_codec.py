"""A project's numbers as they are stored, and back: the numbering itself, and the chunks of owners."""

from typing import Final

import msgspec
from librt.strings import BytesWriter

from streams.intervals import IntervalSet
from streams.numbering import CHUNK_SHIFT, Numbering
from streams.packing import EMPTY_ARRAY, FALSE, NIL, TRUE, put_array, put_integer
from streams.state_shapes import StoredNumbers
from streams.suspects import Hole
from streams.waivers import DUPLICATE

_FIELDS: Final = 12  # of StoredNumbers
_LISTS: Final = 7  # at their end
_pack = msgspec.msgpack.Encoder().encode
_chunk = msgspec.msgpack.Decoder(tuple[int, bytes, list[bytes | None]])


def put_numbering(out: BytesWriter, numbering: Numbering, horizon_ms: int) -> None:
    """Write `StoredNumbers`."""
    if not _is_plain(numbering):
        out.write(_pack(_stored(numbering, horizon_ms)))
        return
    put_array(out, _FIELDS)
    if numbering.base is None:
        out.append(NIL)
    else:
        put_integer(out, numbering.base)
    put_integer(out, numbering.max_number)
    put_integer(out, numbering.peak)
    put_integer(out, numbering.restatements)
    out.append(TRUE if numbering.capped else FALSE)
    for _ in range(_LISTS):
        out.append(EMPTY_ARRAY)


def _is_plain(numbering: Numbering) -> bool:
    """Whether nothing is missing, shared or out of the way."""
    return not (
        numbering.suspects.jumped
        or numbering.suspects.left
        or len(numbering.open_gaps)
        or len(numbering.explained)
        or numbering.duplicates
        or numbering.aside
        or numbering.moves
        or numbering.waived
    )


def _stored(numbering: Numbering, horizon_ms: int) -> StoredNumbers:
    waiting, moves = numbering.suspect_duplicates, numbering.moves
    return StoredNumbers(
        base=numbering.base,
        max_number=numbering.max_number,
        peak=numbering.peak,
        restatements=numbering.restatements,
        capped=numbering.capped,
        suspects=[(hole.start, hole.end, hole.since_ms, hole.floor_ms) for hole in numbering.suspect_holes],
        open_gaps=list(numbering.open_gaps),
        explained=list(numbering.explained),
        duplicates=[(n, waiting.get(n, 0), numbering.duplicates[n]) for n in sorted(numbering.duplicates)],
        aside=[(episode, *numbering.aside[episode]) for episode in sorted(numbering.aside)],
        moves=[(episode, *moves[episode]) for episode in sorted(moves) if moves[episode][0] >= horizon_ms],
        waived=sorted(numbering.waived, key=lambda one: (one.kind, one.first)),
    )


def encode_chunk(chunk: list[bytes | None]) -> bytes:
    """First offset, common prefix, and the rest of each owner up to the last; None where nobody holds the number."""
    first, end = 0, len(chunk)
    while end and chunk[end - 1] is None:
        end -= 1
    while first < end and chunk[first] is None:
        first += 1
    owners = chunk[first:end]
    present = [owner for owner in owners if owner is not None]
    if not present:
        return _pack([0, b"", []])
    prefix = _common_prefix(min(present), max(present))
    cut = len(prefix)
    return _pack([first, prefix, [None if owner is None else owner[cut:] for owner in owners]])


def _common_prefix(low: bytes, high: bytes) -> bytes:
    for i, (a, b) in enumerate(zip(low, high, strict=False)):
        if a != b:
            return low[:i]
    return low[: min(len(low), len(high))]


def decode_numbering(numbering: Numbering, stored: StoredNumbers, chunks: list[tuple[int, bytes]]) -> None:
    numbering.base, numbering.max_number, numbering.peak = stored.base, stored.max_number, stored.peak
    numbering.restatements, numbering.capped = stored.restatements, stored.capped
    numbering.open_gaps = IntervalSet(stored.open_gaps)
    numbering.explained = IntervalSet(stored.explained)
    numbering.aside = {episode: (number, at_ms) for episode, number, at_ms in stored.aside}
    numbering.moves = {episode: (at_ms, number) for episode, at_ms, number in stored.moves}
    for index, content in chunks:
        chunk = _decode_chunk(numbering, index, content)
        if any(chunk):
            numbering.chunks[index] = chunk
    waiting: dict[int, int] = {}
    for number, since_ms, owners in stored.duplicates:
        numbering.duplicates[number] = owners
        for episode in owners:
            numbering.episodes[episode] = number
            numbering.shared_bytes += len(episode)
        if since_ms:
            waiting[number] = since_ms
        else:
            numbering.open_duplicates.add(number)
    numbering.suspects.restore([Hole(*hole) for hole in stored.suspects], waiting)
    numbering.waived = stored.waived
    for waiver in stored.waived:
        if waiver.kind == DUPLICATE:
            numbering.open_duplicates.discard(waiver.first)


def _decode_chunk(numbering: Numbering, index: int, content: bytes) -> list[bytes | None]:
    first, prefix, rest = _chunk.decode(content)
    chunk: list[bytes | None] = [None] * first
    for number, suffix in enumerate(rest, (index << CHUNK_SHIFT) + first):
        if suffix is None:
            chunk.append(None)
        else:
            episode = prefix + suffix
            chunk.append(episode)
            numbering.episodes[episode] = number
    return chunk
