"""Where the counts of one project differ: what was counted in all, when, and what is remembered without a name."""

from collections.abc import Iterator
from typing import Any, Final

from episode_monitor.replay.against import difference as kinds
from episode_monitor.replay.against.difference import Difference
from episode_monitor.replay.against.evidence import Evidence
from models.project_facts import ProjectFacts

MAX_WINDOWS: Final = 5
_SIZES: Final = ("attempted", "ended", "failed", "conflicted", "retried", "conflict_events", "conflicts_of_endings",
                 "retries_after_conflict", "retries_after_timeout", "retries_after_error", "restatements")  # fmt: skip
_NAMED: Final = {"latest event", "totals", "counters", "numbers"}  # parts whose differences have names of their own


def count_differences(
    replayed: ProjectFacts, live: ProjectFacts, evidence: Evidence, *, has_numbers: bool
) -> Iterator[Difference]:
    """Of counters; of windows where the counters are equal; of the rest where nothing has a name."""
    late = _late(replayed, live)
    if late is not None:
        yield late
    counters = _differing(replayed.counters, live.counters)
    counters.pop("late_events", None)
    if not has_numbers:
        counters.update(_differing({"latest_ms": replayed.latest_ms}, {"latest_ms": live.latest_ms}))
    if counters and late is None:
        yield _counters(replayed, counters, evidence)
    if counters or late is not None or has_numbers:
        return
    windows = _differing(replayed.windows, live.windows)
    if windows:
        yield _windows(replayed, windows)
    else:
        yield _unnamed(replayed, live)


def _differing(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = sorted(ours.keys() | theirs.keys())
    return {name: (ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)}


def _sides(differing: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    return {
        "replayed": {name: ours for name, (ours, _) in differing.items()},
        "other": {name: theirs for name, (_, theirs) in differing.items()},
    }


def _late(replayed: ProjectFacts, live: ProjectFacts) -> Difference | None:
    ours, theirs = replayed.counters["late_events"], live.counters["late_events"]
    if ours == theirs:
        return None
    first, second = ("live monitor", "replay") if theirs > ours else ("replay", "live monitor")
    return Difference(
        project_id=replayed.project_id, what=kinds.LATE_IN_LIVE if theirs > ours else kinds.LATE_IN_REPLAY,
        replayed=ours, other=theirs, partition=replayed.partition,
        explanation=f"The {first} counted {abs(theirs - ours)} more events as late than the {second}, so no rate has "
        "them there: a record's time was ahead of the worker's clock, or one side lacks a record.",
    )  # fmt: skip


def _counters(facts: ProjectFacts, differing: dict[str, tuple[int, int]], evidence: Evidence) -> Difference:
    sizes = [(ours, theirs) for name, (ours, theirs) in differing.items() if name in _SIZES]
    named = ", ".join(differing)
    what = kinds.RECORD_ALTERED
    why = "what a record says was altered: a duration, a time, or a number"
    if sizes and all(ours >= theirs for ours, theirs in sizes):
        what, why = kinds.RECORD_SKIPPED, "the live monitor never applied a record that the topic has"
        if evidence.letters:
            offset, reason = next(iter(evidence.letters.items()))
            what, why = kinds.DEAD_LETTER, f"the live monitor could not use the record at offset {offset} ({reason})"
    elif sizes and all(ours <= theirs for ours, theirs in sizes):
        what, why = kinds.RECORD_MISSING, "the live monitor applied a record that the topic does not have"
        if evidence.begins:
            why += f", which begins at offset {evidence.begins}"
        if evidence.refused:
            offset, reason = next(iter(evidence.refused.items()))
            what, why = kinds.DEAD_LETTER, f"the replay cannot use the record at offset {offset} ({reason})"
    elif sizes:
        why = "a record was altered, or each side has one that the other lacks"
    return Difference(
        project_id=facts.project_id, what=what, **_sides(differing), partition=facts.partition,
        explanation=f"Counters differ ({named}): {why}.",
    )  # fmt: skip


def _windows(facts: ProjectFacts, differing: dict[str, tuple[Any, Any]]) -> Difference:
    first = dict(list(differing.items())[:MAX_WINDOWS])
    more = f" and {len(differing) - MAX_WINDOWS} more" if len(differing) > MAX_WINDOWS else ""
    return Difference(
        project_id=facts.project_id, what=kinds.RECORD_ALTERED, **_sides(first), partition=facts.partition,
        explanation=f"The totals are equal, but not when it happened ({', '.join(first)}{more}): the time of a record "
        "was altered.",
    )  # fmt: skip


def _unnamed(replayed: ProjectFacts, live: ProjectFacts) -> Difference:
    """All that has a name is equal."""
    parts = _differing(replayed.digests, live.digests)
    names = [name for name in parts if name not in _NAMED] or list(parts)
    if replayed.rules_digest != live.rules_digest or replayed.slow != live.slow:
        what = kinds.RULES_VERSION
        why = "the live monitor ran under other rules when these records came"
    elif set(names) <= {"event ids", "senders"}:
        what, why = kinds.RECORD_ALTERED, "the id, the source or the sequence number of a record was altered"
    else:
        what = kinds.RECORD_ALTERED
        why = "the time of a record was altered within its minute, or the rules had other windows when it came"
    return Difference(
        project_id=replayed.project_id, what=what, **_sides(parts), partition=replayed.partition,
        explanation=f"Numbers and counts are equal, and what is remembered differs ({', '.join(names)}): {why}.",
    )  # fmt: skip
