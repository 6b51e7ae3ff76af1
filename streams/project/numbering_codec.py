"""Encodes and decodes the numbers of one project."""

from typing import Final

import msgspec
from librt.strings import BytesWriter

from streams.base.intervals import IntervalSet
from streams.base.packing import EMPTY_ARRAY, FALSE, NIL, TRUE, put_array, put_integer
from streams.numbering.anomalies import Anomalies
from streams.numbering.chunks import Chunk
from streams.numbering.numbering import Numbering
from streams.numbering.suspects import Hole
from streams.numbering.waivers import DUPLICATE, place
from streams.project.state_shapes import StoredNumbers

_FIELDS: Final = 12
_LISTS: Final = 7  # the last of the fields
assert len(StoredNumbers.__struct_fields__) == _FIELDS
assert StoredNumbers.__struct_fields__[-_LISTS] == "suspects"
_pack = msgspec.msgpack.Encoder().encode


def put_numbering(out: BytesWriter, numbering: Numbering, horizon_ms: int) -> None:
    """Write `StoredNumbers`: all but the chunks; moves only from the horizon on, in event time."""
    numbering.calm_down()
    if not numbering.is_calm:
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


def changes_of(numbering: Numbering, horizon_ms: int, newest_ms: int) -> list[int]:
    """The changes since the horizon, as they are stored."""
    changes: list[int] = []
    for at_ms, is_left, number in numbering.changes(horizon_ms):
        changes.append(newest_ms - at_ms)
        changes.append(-number if is_left else number)
    return changes


def _stored(numbering: Numbering, horizon_ms: int) -> StoredNumbers:
    anomalies, duplicates = numbering.anomalies, numbering.episodes.duplicates
    waiting, aside, moves = numbering.anomalies.suspects.shared, anomalies.aside, anomalies.moves
    return StoredNumbers(
        numbering.base,
        numbering.max_number,
        numbering.peak,
        numbering.restatements,
        numbering.capped,
        suspects=[(hole.start, hole.end, hole.since_ms, hole.floor_ms) for hole in anomalies.suspects.holes],
        open_gaps=list(anomalies.open_gaps),
        explained=list(anomalies.explained),
        duplicates=[(n, waiting.get(n, 0), duplicates[n]) for n in sorted(duplicates)],
        aside=[(episode, *aside[episode]) for episode in sorted(aside)],
        moves=[(episode, *moves[episode]) for episode in sorted(moves) if moves[episode][0] >= horizon_ms],
        waived=sorted(anomalies.waived, key=place),
    )


def decode_numbering(
    numbering: Numbering, stored: StoredNumbers, chunks: list[tuple[int, bytes]], changes: list[int], newest_ms: int
) -> None:
    """Fill an empty one; `chunks` with their contents."""
    for age_ms, change in zip(changes[::2], changes[1::2], strict=True):
        numbering.note(change, newest_ms - age_ms, 0)
    for since_ms in (since_ms for _, since_ms, _ in stored.duplicates if since_ms):
        numbering.trouble(since_ms)
    numbering.base, numbering.max_number, numbering.peak = stored.base, stored.max_number, stored.peak
    numbering.restatements, numbering.capped = stored.restatements, stored.capped
    held: list[Chunk] = []
    for index, content in chunks:
        chunk = Chunk(index)
        chunk.restore(content)
        held.append(chunk)
    numbering.episodes.restore(held, [(number, owners) for number, _, owners in stored.duplicates])
    if (
        stored.suspects or stored.open_gaps or stored.explained or stored.duplicates or stored.aside or stored.moves
        or stored.waived
    ):  # fmt: skip
        _decode_anomalies(numbering.own(), stored)


def _decode_anomalies(anomalies: Anomalies, stored: StoredNumbers) -> None:
    anomalies.open_gaps = IntervalSet(stored.open_gaps)
    anomalies.explained = IntervalSet(stored.explained)
    anomalies.aside = {episode: (number, at_ms) for episode, number, at_ms in stored.aside}
    anomalies.moves = {episode: (at_ms, number) for episode, at_ms, number in stored.moves}
    anomalies.suspects.restore(
        [Hole(*hole) for hole in stored.suspects],
        {number: since_ms for number, since_ms, _ in stored.duplicates if since_ms},
    )
    anomalies.open_duplicates = {number for number, since_ms, _ in stored.duplicates if not since_ms}
    anomalies.waived = stored.waived
    for waiver in stored.waived:
        if waiver.kind == DUPLICATE:
            anomalies.open_duplicates.discard(waiver.first)
