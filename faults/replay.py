"""The two expectations of a fault run: a clean replay by the core, from the first record on and without an engine, and
a plain model of dictionaries and sets that shares only the decoding of events with the core."""

from collections.abc import Collection, Iterator, Sequence

import msgspec

from agents.engine.changelog import MARKER
from faults.evidence import Kept
from faults.reference import Meaning, Reference
from models.alert import Alert
from models.codec import decode_event
from models.dead_letter import Malformed
from models.event import Event
from models.integrity_views import ProjectView
from streams.alerting.core import Core
from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor
from streams.base.intervals import IntervalSet
from streams.base.numbering_rules import DeletedNumbers
from streams.partition.partition import Partition
from streams.project.project_state import ProjectState

Facts = dict[str, object]


class Stored:
    """Values in a dictionary, as a `streams.base.checkpoint_types.Store`."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.get = self.values.get

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """A snapshot."""
        return iter(list(self.values.items()))


class Outcome(msgspec.Struct):
    """The stored state of one partition."""

    states: dict[str, ProjectState]
    totals: bytes | None
    cursor: Cursor | None


class Replay(msgspec.Struct):
    """The expected outcome of one partition. Transitions are in the order in which they are emitted; `seen`: what a
    view shows of a project after an offset, for the offsets that were asked for."""

    outcome: Outcome
    transitions: dict[str, Alert]
    letters: dict[int, str]  # offset -> reason
    tombstones: int
    events: list[tuple[int, Event]]  # with their offsets
    projects: dict[str, Reference]
    seen: dict[tuple[str, int], Facts]


def meaning_of(core: Core) -> Meaning:
    """The model's settings."""
    rules = core.numbering
    return Meaning(
        grace_ms=core.grace_ms,
        settle_ms=rules.settle_ms,
        first_number=rules.first_number,
        max_jump=rules.max_jump,
        deleted_is_gap=rules.deleted is DeletedNumbers.GAP,
        slow_limit_seconds=min(core.rules.latency_limits, default=5.0),
    )


def replay(
    core: Core, partition: int, log: Sequence[Kept], wall_ms: int, asked: Collection[tuple[str, int]] = ()
) -> Replay:
    """Apply every record once, in order. `asked`: projects and offsets of which a view is compared."""
    store = Stored()
    taker = Partition(core, partition, store, cached_projects=2_000_000)
    found = Replay(Outcome({}, None, None), {}, {}, 0, [], {}, {})
    meaning = meaning_of(core)
    for record in log:
        decoded = decode_event(record.key, record.value, record.headers, wall_ms)
        if isinstance(decoded, Event):
            taker.take(decoded, record.offset, record.timestamp)
            found.events.append((record.offset, decoded))
            found.projects.setdefault(decoded.project_id, Reference(meaning)).take(decoded, record.timestamp)
            if (decoded.project_id, record.offset) in asked:
                state = taker.state(decoded.project_id)
                assert state is not None
                found.seen[decoded.project_id, record.offset] = facts_of_state(state)
        else:
            taker.pass_over(record.offset)
            if isinstance(decoded, Malformed):
                found.letters[record.offset] = decoded.reason.value
            else:
                found.tombstones += 1
        for alert in taker.emits:
            found.transitions.setdefault(alert.transition_id, alert)
        taker.emits = []
    changes = taker.collect()
    store.values.update({key: value for key, value in changes.writes if value is not None})
    found.outcome = Outcome(_states(core, partition, store), store.values.get(changelog_keys.TOTALS), changes.cursor)
    return found


def stored_outcome(core: Core, partition: int, changelog: Sequence[Kept]) -> Outcome:
    """The state in the changelog, by the last record of each key. Raises ValueError or LookupError where it cannot be
    decoded."""
    store = Stored()
    for record in changelog:
        if record.key is None or record.key == MARKER:
            continue
        if record.value is None:
            store.values.pop(record.key, None)
        else:
            store.values[record.key] = record.value
    raw = store.values.get(changelog_keys.CURSOR)
    cursor = None if raw is None else msgspec.msgpack.decode(raw, type=Cursor)
    return Outcome(_states(core, partition, store), store.values.get(changelog_keys.TOTALS), cursor)


def _states(core: Core, partition: int, store: Stored) -> dict[str, ProjectState]:
    reader = Partition(core, partition, store, cached_projects=2_000_000)
    for _ in reader.restore():
        pass
    found = {}
    for key in reader.index.head_keys:
        project_id = changelog_keys.project_of(key)
        state = reader.state(project_id)
        assert state is not None
        found[project_id] = state
    return found


def facts_of_state(state: ProjectState) -> Facts:
    """What events alone change in a project's view; whether a gap has settled is left out."""
    numbering = state.numbering
    missing = [*numbering.anomalies.open_gaps, *((hole.start, hole.end) for hole in numbering.anomalies.suspects.holes)]
    return {
        "total_episodes": len(numbering.episodes),
        "max_number": numbering.max_number,
        "missing": _merged(missing),
        "shared": sorted(numbering.episodes.duplicates),
        "resends": state.resends,
        "restatements": numbering.restatements,
        "late_events": state.late,
    }


def facts_of_view(view: ProjectView) -> Facts:
    """The same from a project's view."""
    holes = [(one.first_number, one.last_number) for one in view.suspects if one.kind == "gap"]
    shared = [one.first_number for one in view.suspects if one.kind == "duplicate"]
    return {
        "total_episodes": view.total_episodes,
        "max_number": view.max_number,
        "missing": _merged([*view.gap_ranges, *holes]),
        "shared": sorted([*view.duplicates, *shared]),
        "resends": view.resends,
        "restatements": view.restatements,
        "late_events": view.late_events,
    }


def _merged(intervals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged = IntervalSet()
    for start, end in intervals:
        merged.add(start, end)
    return list(merged)
