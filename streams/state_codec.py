"""A project's state as bytes, and back. A fixed header answers summaries without decoding the rest.

Numbers beyond the last chunk are stored apart. A chunk is never overwritten: a changed one gets a new version, and the
head, written after it, names the versions that belong together. A crash between the two leaves the old head with the
old chunks, both whole.
"""

import struct
import sys
from array import array
from collections.abc import Callable, Iterator
from hashlib import blake2b

import msgspec
from librt.strings import BytesWriter
from librt.vecs import vec
from mypy_extensions import i64

from streams import alerts as life
from streams import tally
from streams.core import Core
from streams.intervals import IntervalSet
from streams.memory import RecentKeys, Source
from streams.numbering import CHUNK_SHIFT, Numbering
from streams.operations import FLAG_BITS, FLAGS, Ended, Operation
from streams.project import ProjectState
from streams.state_shapes import (
    Checkpoint,
    Head,
    StoredBody,
    StoredNumbers,
    StoredOperations,
    StoredState,
    StoredStateWithHistory,
)
from streams.suspects import Hole
from streams.vigil import forget_removed_rules, is_watchful
from streams.waivers import DUPLICATE

FORMAT = 1
assert sys.byteorder == "little", "hashes are stored in the machine's byte order: little-endian wherever we run"
_HEADER = struct.Struct("<BqqqIIIIIB")
HEADER_BYTES = _HEADER.size
_applied_of: Callable[[bytes, int], tuple[int]] = struct.Struct("<q").unpack_from
_ALERTING = 1
_CAPPED = 2

_pack = msgspec.msgpack.Encoder().encode


def read_head(encoded: bytes) -> Head:
    """The summary of an encoded state, without decoding it. Raises ValueError for a format of another version."""
    version, applied, now_ms, deadline_ms, episodes, max_number, gaps, duplicates, alerts, flags = _HEADER.unpack_from(
        encoded
    )
    if version != FORMAT:
        raise ValueError(f"state format {version} is not {FORMAT}; replay the topic into a new MONITOR_ID")
    return Head(applied, now_ms, deadline_ms, episodes, max_number, gaps, duplicates, alerts, bool(flags & _CAPPED))


def is_older(encoded: bytes, known: bytes) -> bool:
    """Whether one state's `applied` is lower than another's, whatever versions they are: a recovery asks it for nearly
    every record it reads."""
    return _applied_of(encoded, 1) < _applied_of(known, 1)


def head_of(state: ProjectState) -> Head:
    """The same summary from a decoded state."""
    numbering = state.numbering
    return Head(
        state.applied,
        state.now_ms,
        -1 if state.deadline_ms is None else state.deadline_ms,
        len(numbering.episodes),
        numbering.max_number,
        min(numbering.open_gaps.count, 2**32 - 1),
        len(numbering.open_duplicates),
        sum(memory.phase is not life.Phase.HUSHED for memory in state.alerts.values()),
        numbering.capped,
    )


def checkpoint(state: ProjectState) -> Checkpoint:
    """Encode what has changed since the last checkpoint. Marks it as written."""
    numbering, versions = state.numbering, state.chunk_versions
    tail = max(numbering.chunks, default=None)
    chunks: list[tuple[int, int, bytes]] = []
    obsolete: list[tuple[int, int]] = []
    for index in [i for i in versions if i == tail or i not in numbering.chunks]:
        obsolete.append((index, versions.pop(index)))
    if len(numbering.chunks) > 1:
        for index in numbering.chunks:
            if index == tail or (index in versions and index not in numbering.changed_chunks):
                continue
            if index in versions:
                obsolete.append((index, versions[index]))
            versions[index] = state.applied
            chunks.append((index, state.applied, _encode_chunk(numbering.chunks[index])))
    numbering.changed_chunks.clear()
    inline = [] if tail is None else [(tail, _encode_chunk(numbering.chunks[tail]))]
    stored = StoredState(_body(state), sorted(versions.items()), inline)
    if numbering.history is not None:
        stored = StoredStateWithHistory(stored.body, stored.versions, stored.inline, numbering.history)
    return Checkpoint(_header(state) + _pack(stored), chunks, obsolete)


def canonical(state: ProjectState) -> bytes:
    """The state without offsets, storage details and the times to look again: equal exactly for equal states.

    When to look again at a rate is a lower bound, as near as the last look could tell. The history of findings is no
    part of it either: it tells how the end was reached, and that depends on the order in which events came.
    """
    body = msgspec.structs.replace(_body(state), deadline_ms=None, rate_check_ms=0)
    chunks = [(index, _encode_chunk(chunk)) for index, chunk in sorted(state.numbering.chunks.items()) if any(chunk)]
    return _pack([state.project_id, body, chunks])


def fingerprint(state: ProjectState) -> str:
    """A short hash of `canonical`."""
    return blake2b(canonical(state), digest_size=16).hexdigest()


def _header(state: ProjectState) -> bytes:
    head = head_of(state)
    return _HEADER.pack(
        FORMAT, head.applied, head.now_ms, head.deadline_ms, head.episodes, head.max_number, head.gaps,
        head.duplicates, head.alerts, _CAPPED if head.capped else 0,
    )  # fmt: skip


_stored = msgspec.msgpack.Decoder(StoredStateWithHistory)
_chunk = msgspec.msgpack.Decoder(tuple[int, bytes, list[bytes | None]])


def _body(state: ProjectState) -> StoredBody:
    horizon_ms = state.newest_ms - state.core.grace_ms
    return StoredBody(
        newest_ms=state.newest_ms,
        now_ms=state.now_ms,
        deadline_ms=state.deadline_ms,
        rate_check_ms=state.rate_check_ms,
        history=state.history.encode(),
        open=_encode_operations(state.operations.open.in_order(), state.newest_ms),
        ended=_encode_ended(state.operations.ended, horizon_ms, state.newest_ms),
        seen=_encode_seen(state.seen, horizon_ms, state.newest_ms),
        sources=[
            (name, one.newest_ms, one.floor, one.intervals) for name, one in sorted(state.sequences.sources.items())
        ],
        alerts={rule: state.alerts[rule] for rule in sorted(state.alerts)},
        begun={rule: state.begun[rule] for rule in sorted(state.begun) if state.begun[rule] >= state.now_ms},
        totals=tally.unpack(state.totals),
        days=[(day, tally.unpack(state.days[day])) for day in sorted(state.days)],
        counters=[state.conflict_events, state.untold_conflicts, *state.retries, state.resends, state.late],
        rules=state.core.rules.fingerprint,
        latency_limits=list(state.core.rules.latency_limits),
        numbers=_encode_numbering(state.numbering, horizon_ms),
    )


def _encode_operations(entries: list[tuple[int, Operation]], newest_ms: int) -> StoredOperations:
    return StoredOperations(
        array("q", [key for key, _ in entries]).tobytes(),
        [newest_ms - operation.ended_ms if operation.ended_ms else None for _, operation in entries],
        bytes([operation.flags for _, operation in entries]),
        [operation.duration_us for _, operation in entries],
        [
            (place, operation.first_conflict_ms, operation.last_conflict_ms)
            for place, (_, operation) in enumerate(entries)
            if operation.last_conflict_ms
        ],
    )


def _encode_ended(ended: Ended, horizon_ms: i64, newest_ms: i64) -> StoredOperations:
    ended.forget_before(horizon_ms)
    recent, details = ended.recent, ended.details
    ages_ms: list[int | None] = []
    flags = BytesWriter()
    durations_us: list[int] = []
    for place in range(len(details)):
        ages_ms.append(newest_ms - recent.times[place])
        flags.append(details[place] & FLAGS)
        durations_us.append(details[place] >> FLAG_BITS)
    conflicts: list[tuple[int, int, int]] = []
    for key, (ended_ms, first_ms, last_ms) in ended.conflicts.items():
        at = recent.place_of(key)
        ages_ms[at] = newest_ms - ended_ms
        conflicts.append((at, first_ms, last_ms))
    conflicts.sort()
    return StoredOperations(bytes(memoryview(recent.keys)), ages_ms, flags.getvalue(), durations_us, conflicts)


def _encode_seen(seen: RecentKeys, horizon_ms: i64, newest_ms: i64) -> tuple[bytes, list[int]]:
    """Hashes in order; times only within the grace, for a later event is never put before the older ones."""
    seen.settle()
    times = seen.times
    first: i64 = len(times)
    while first and times[first - 1] >= horizon_ms:
        first -= 1
    ages: list[int] = []
    for place in range(first, len(times)):
        ages.append(newest_ms - times[place])
    return bytes(memoryview(seen.keys)), ages


def _encode_numbering(numbering: Numbering, horizon_ms: int) -> StoredNumbers:
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


def _encode_chunk(chunk: list[bytes | None]) -> bytes:
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


def decode(core: Core, project_id: str, encoded: bytes, load_chunk: Callable[[int, int], bytes]) -> ProjectState:
    """Inverse of `checkpoint`; `load_chunk(chunk, version)` gives what was stored apart."""
    head = read_head(encoded)
    stored = _stored.decode(memoryview(encoded)[HEADER_BYTES:])
    body = stored.body
    state = ProjectState(core, project_id)
    state.applied = head.applied
    state.newest_ms, state.now_ms = body.newest_ms, body.now_ms
    state.deadline_ms, state.rate_check_ms = body.deadline_ms, body.rate_check_ms
    state.history.decode(body.history)
    for key, operation in _decode_operations(body.open, body.newest_ms):
        state.operations.open.put(key, operation)
    _decode_ended(state.operations.ended, body.ended, body.newest_ms)
    _decode_seen(state.seen, body.seen, body.newest_ms)
    state.sequences.sources = {name: Source(at_ms, floor, intervals) for name, at_ms, floor, intervals in body.sources}
    state.alerts, state.begun = body.alerts, body.begun
    state.totals = tally.pack(body.totals)
    state.days = {day: tally.pack(counts) for day, counts in body.days}
    state.conflict_events, state.untold_conflicts, *state.retries, state.resends, state.late = body.counters
    state.chunk_versions = dict(stored.versions)
    chunks = [(index, load_chunk(index, version)) for index, version in stored.versions]
    _decode_numbering(state.numbering, body.numbers, [*chunks, *stored.inline])
    state.numbering.history = stored.finding_history
    _adopt_rules(core, state, body)
    return state


def _adopt_rules(core: Core, state: ProjectState, body: StoredBody) -> None:
    """Rules may have changed since the state was written: nothing may stay that only the old ones explain."""
    if body.rules != core.rules.fingerprint:
        forget_removed_rules(core, state)
        if tuple(body.latency_limits) != core.rules.latency_limits:
            state.history.forget_slow()
            state.operations.forget_slow()
        state.needs_evaluation = True
        state.deadline_ms = state.now_ms + 1  # to be judged soon, event or not
    state.watchful = is_watchful(core, state)


def _decode_operations(stored: StoredOperations, newest_ms: int) -> Iterator[tuple[int, Operation]]:
    ended_ms = [0 if age_ms is None else newest_ms - age_ms for age_ms in stored.ages_ms]
    operations = list(map(Operation, ended_ms, stored.flags, stored.durations_us))
    for place, first_ms, last_ms in stored.conflicts:
        operations[place].first_conflict_ms, operations[place].last_conflict_ms = first_ms, last_ms
    return zip(_hashes(stored.keys), operations, strict=True)


def _decode_seen(seen: RecentKeys, encoded: tuple[bytes, list[int]], newest_ms: i64) -> None:
    keys, ages = _hashes(encoded[0]), encoded[1]
    times = vec[i64]([0] * len(keys))
    aged: i64 = len(keys) - len(ages)
    for place in range(len(keys)):  # of the old ones only the order matters, so their rank stands for their time
        times[place] = place if place < aged else newest_ms - ages[place - aged]
    seen.restore(keys, times)


def _decode_ended(ended: Ended, stored: StoredOperations, newest_ms: i64) -> None:
    keys = _hashes(stored.keys)
    times, details = vec[i64]([0] * len(keys)), vec[i64]([0] * len(keys))
    for place in range(len(keys)):
        times[place] = newest_ms - (stored.ages_ms[place] or 0)
        details[place] = stored.flags[place] | stored.durations_us[place] << FLAG_BITS
    for at, first_ms, last_ms in stored.conflicts:
        ended.conflicts[keys[at]] = (times[at], first_ms, last_ms)
        times[at] = max(times[at], last_ms)
    ended.recent.restore(keys, times)
    ended.details = details


def _hashes(packed: bytes) -> vec[i64]:
    return vec[i64](memoryview(packed).cast("q"))


def _decode_numbering(numbering: Numbering, stored: StoredNumbers, chunks: list[tuple[int, bytes]]) -> None:
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
