"""A short hash of the facts that a project's events give: the same live, in a replay and after a crash, for any clocks,
any order of events within the grace, and any repetition.

So it contains no time of reading or evaluation. A missing number counts as missing whether it is suspect, open or
waived; alerts and the times of suspects are left out.
"""

from collections.abc import Callable
from hashlib import blake2b

import msgspec
from librt.strings import BytesWriter

from streams.base.intervals import IntervalSet
from streams.numbering.numbering import Numbering
from streams.numbering.waivers import GAP
from streams.project.body_writer import put_counted, put_ended, put_open, put_seen, put_series, put_sources
from streams.project.project_state import HOURS_KEPT, ProjectState
from streams.rates.operation_series import OperationSeries

_pack = msgspec.msgpack.Encoder().encode


def fingerprint(state: ProjectState) -> str:
    """The hash, in hexadecimal."""
    return blake2b(facts(state), digest_size=16).hexdigest()


def facts(state: ProjectState) -> bytes:
    """The hashed bytes."""
    return b"".join(sections(state).values())


def sections(state: ProjectState) -> dict[str, bytes]:
    """The hashed bytes by subject, in order. Ages and forgotten entries are relative to the latest event."""
    latest_ms = state.latest_ms
    horizon_ms = latest_ms - state.core.grace_ms
    ended_ms = horizon_ms - state.core.grace_ms
    totals = (state.conflict_events, state.ending_conflicts, state.retries, state.late)
    return {
        "latest event": _pack((state.project_id, latest_ms)),
        "windows": _written(lambda out: put_series(out, rolled_up(state))),
        "open conflicts": _written(lambda out: put_open(out, state.operations.open, latest_ms)),
        "ended operations": _written(lambda out: put_ended(out, state.operations.ended, ended_ms, latest_ms)),
        "event ids": _written(lambda out: put_seen(out, state.seen, horizon_ms, latest_ms)),
        "senders": _written(lambda out: put_sources(out, state.sequences)),
        "totals": _written(lambda out: put_counted(out, state)),
        "counters": _pack(totals),
        "rules": state.core.packed_rules,
        "numbers": _pack(_numbers(state.numbering, horizon_ms)),
    }


def _written(put: Callable[[BytesWriter], None]) -> bytes:
    out = BytesWriter()
    put(out)
    return out.getvalue()


def missing_numbers(numbering: Numbering) -> IntervalSet:
    """Every missing number, whether it is still suspect, open or waived."""
    anomalies = numbering.anomalies
    missing = IntervalSet(list(anomalies.open_gaps))
    for hole in anomalies.suspects.holes:
        missing.add(hole.start, hole.end)
    for waiver in anomalies.waived:
        if waiver.kind == GAP:
            missing.add(waiver.first, waiver.last)
    return missing


def rolled_up(state: ProjectState) -> OperationSeries:
    """The series as the latest event would have left it, had no clock held it back. To be used at once: what needs no
    rolling up is shared with the state."""
    latest_minute, detail_seconds = state.latest_ms // 60_000, state.core.detail_seconds
    series = OperationSeries((), detail_seconds, HOURS_KEPT)
    now_second, minutes, hours = state.series.encode()
    young_from = latest_minute - detail_seconds // 60 + 1  # they keep their seconds
    series.decode((now_second, [each for each in minutes if each[0] < young_from], hours), 0)
    series.minutes.update((minute, pane) for minute, pane in state.series.minutes.items() if minute >= young_from)
    series.roll_up(latest_minute)
    series.now_second = state.latest_ms // 1000
    return series


def _numbers(numbering: Numbering, horizon_ms: int) -> tuple[object, ...]:
    anomalies, duplicates = numbering.anomalies, numbering.episodes.duplicates
    moves = anomalies.moves
    return (
        numbering.base,
        numbering.max_number,
        numbering.peak,
        numbering.restatements,
        numbering.capped,
        list(missing_numbers(numbering)),
        list(anomalies.explained),
        [(number, duplicates[number]) for number in sorted(duplicates)],
        sorted((episode, number) for episode, (number, _) in anomalies.aside.items()),
        [(episode, *moves[episode]) for episode in sorted(moves) if moves[episode][0] >= horizon_ms],
        [(chunk.index, chunk.stored()) for chunk in numbering.episodes.chunks],
    )
