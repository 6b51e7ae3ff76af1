"""Encodes and decodes a project's state. A fixed header answers summaries without decoding the rest.

Numbers beyond the last chunk are stored apart. A chunk is never overwritten: a changed one gets a new version, and the
head, written after it, names the versions that belong together. A crash between the two leaves the old head with the
old chunks, both whole.
"""

import struct
import sys
from collections.abc import Callable, Iterator

import msgspec
from librt.strings import BytesWriter
from librt.vecs import vec
from mypy_extensions import i64

from streams.alerting.alert_state import read_alert
from streams.alerting.core import Core
from streams.base import packed_counts
from streams.base.packing import put_array, put_bytes, put_integer
from streams.project.body_writer import write_body
from streams.project.numbering_codec import decode_numbering
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import forget_removed_rules, is_watchful
from streams.project.state_shapes import (
    Checkpoint,
    Head,
    StoredOperations,
    StoredScoredBody,
    StoredStateWithHistory,
)
from streams.rates.dedup_window import RecentKeys, Source
from streams.rates.operations import FLAG_BITS, Ended, Operation

FORMAT = 1
assert sys.byteorder == "little", "hashes are stored in the machine's byte order: little-endian wherever we run"
_HEADER = struct.Struct("<BqqqIIIIIB")
HEADER_BYTES = _HEADER.size
_applied_of: Callable[[bytes, int], tuple[int]] = struct.Struct("<q").unpack_from
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
        min(numbering.anomalies.open_gaps.count, 2**32 - 1),
        len(numbering.anomalies.open_duplicates),
        len(state.alerts),
        numbering.capped,
    )


def checkpoint(state: ProjectState) -> Checkpoint:
    """Encode what has changed since the last checkpoint. Marks it as written."""
    numbering = state.numbering
    chunks, obsolete = _chunks_apart(state)
    out = BytesWriter()
    out.write(_header(state))
    put_array(out, 3 if numbering.anomalies.history is None else 4)  # as StoredState, or StoredStateWithHistory
    write_body(out, state, state.deadline_ms, state.rate_check_ms)
    out.write(_pack(sorted(state.chunk_versions.items())))
    if numbering.episodes.chunks:
        tail = numbering.episodes.chunks[-1]
        put_array(out, 1)
        put_array(out, 2)
        put_integer(out, tail.index)
        put_bytes(out, tail.stored())
        tail.is_changed = False
    else:
        put_array(out, 0)
    if numbering.anomalies.history is not None:
        out.write(_pack(numbering.anomalies.history))
    return Checkpoint(out.getvalue(), chunks, obsolete)


def _chunks_apart(state: ProjectState) -> tuple[list[tuple[int, int, bytes]], list[tuple[int, int]]]:
    """The changed chunks that are stored apart, all but the last one, in new versions; and the versions that end."""
    versions = state.chunk_versions
    apart = state.numbering.episodes.chunks[:-1]
    changed: list[tuple[int, int, bytes]] = []
    obsolete: list[tuple[int, int]] = []
    if versions:
        held = {chunk.index for chunk in apart}
        for index in [index for index in versions if index not in held]:
            obsolete.append((index, versions.pop(index)))
    for chunk in apart:
        index = chunk.index
        if chunk.is_changed or index not in versions:
            if index in versions:
                obsolete.append((index, versions[index]))
            versions[index] = state.applied
            changed.append((index, state.applied, chunk.stored()))
            chunk.is_changed = False
    return changed, obsolete


def canonical(state: ProjectState) -> bytes:
    """The state without offsets, storage details and the times to look again: equal exactly for equal states.

    When to look again at a rate is a lower bound, as near as the last evaluation could compute. The history of
    findings is no part of it either: it records how the end was reached. `streams.project.fingerprint` leaves out
    whatever else a clock decides.
    """
    out = BytesWriter()
    put_array(out, 3)
    out.write(_pack(state.project_id))
    write_body(out, state, None, 0)
    out.write(_pack([(chunk.index, chunk.stored()) for chunk in state.numbering.episodes.chunks]))
    return out.getvalue()


def _header(state: ProjectState) -> bytes:
    head = head_of(state)
    return _HEADER.pack(
        FORMAT, head.applied, head.now_ms, head.deadline_ms, head.episodes, head.max_number, head.gaps,
        head.duplicates, head.alerts, _CAPPED if head.capped else 0,
    )  # fmt: skip


_stored = msgspec.msgpack.Decoder(StoredStateWithHistory)


def decode(core: Core, project_id: str, encoded: bytes, load_chunk: Callable[[int, int], bytes]) -> ProjectState:
    """Inverse of `checkpoint`; `load_chunk(chunk, version)` gives what was stored apart."""
    head = read_head(encoded)
    stored = _stored.decode(memoryview(encoded)[HEADER_BYTES:])
    body = stored.body
    state = ProjectState(core, project_id)
    state.applied = head.applied
    state.newest_ms, state.now_ms = body.newest_ms, body.now_ms
    state.latest_ms, state.behind_ms = body.newest_ms + body.ahead_ms, body.behind_ms
    state.deadline_ms, state.rate_check_ms = body.deadline_ms, body.rate_check_ms
    state.series.decode(body.series, body.newest_ms // 60_000)
    for key, operation in _decode_operations(body.open, body.newest_ms):
        state.operations.open.put(key, operation)
    _decode_ended(state.operations.ended, body.ended, body.newest_ms)
    _decode_seen(state.seen, body.seen, body.newest_ms)
    state.sequences.sources = {name: Source(at_ms, floor, intervals) for name, at_ms, floor, intervals in body.sources}
    state.begun = body.begun
    state.cusums = body.cusums
    state.counted.totals = packed_counts.pack(body.totals)
    state.counted.days = {day: packed_counts.pack(counts) for day, counts in body.days}
    state.conflict_events, state.ending_conflicts, *state.retries, state.resends, state.late = body.counters
    state.chunk_versions = dict(stored.versions)
    chunks = [(index, load_chunk(index, version)) for index, version in stored.versions]
    decode_numbering(state.numbering, body.numbers, [*chunks, *stored.inline], body.changes, body.newest_ms)
    if body.alerts:
        findings = state.numbering.anomalies.findings
        state.alerts = {rule: read_alert(alert, findings) for rule, alert in body.alerts.items()}
    if stored.finding_history is not None:
        state.numbering.own().history = stored.finding_history
    _adopt_rules(core, state, body)
    return state


def _adopt_rules(core: Core, state: ProjectState, body: StoredScoredBody) -> None:
    """Rules may have changed since the state was written: nothing may stay that only the old ones explain."""
    if body.rules != core.rules.fingerprint:
        forget_removed_rules(core, state)
        if tuple(body.latency_limits) != core.rules.latency_limits:
            state.series.forget_slow()
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
