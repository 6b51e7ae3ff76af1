"""The report of a replay: what its partitions came to, together.

The same records give the same report, byte for byte, on any machine and with any number of processes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from episode_monitor.replay.partition_replay import MAX_ALERTS, MAX_REFUSED, Outcome, Refused
from streams.alerting import rule_types
from streams.alerting.core import Core

MAX_SPLITS = 100  # named; all are counted


class At(msgspec.Struct, frozen=True):
    """A place in a partition."""

    partition: int
    offset: int


class Report(msgspec.Struct, frozen=True):
    """What a replay found. `alerts` are the transitions in the order in which they became due, the first 10 000."""

    events: int
    applied: int
    tombstones: int
    dead_letters: dict[str, int]  # by reason
    refused: list[Refused]  # those records, the first 1000
    projects: int
    projects_with_findings: int
    split_projects: int  # in several partitions: counted once, and without findings or alerts about numbers
    split: dict[str, list[int]]  # the first 100 of them -> partitions
    episodes: int
    gaps: int
    duplicates: int
    state_hash: str
    firings: dict[str, int]  # by rule
    transitions: int
    alerts: list[dict[str, Any]]
    begin: list[At] = msgspec.field(name="from")
    end: list[At] = msgspec.field(name="to")
    is_complete: bool
    warnings: list[str]

    @property
    def has_issues(self) -> bool:
        """Gaps, duplicates, records that could not be used, or projects in several partitions."""
        return bool(self.gaps or self.duplicates or self.dead_letters or self.split_projects)


def merged(core: Core, outcomes: Sequence[Outcome]) -> Report:
    """The report on these partitions."""
    outcomes = sorted(outcomes, key=lambda outcome: outcome.tally.partition)
    tallies = [outcome.tally for outcome in outcomes]
    split = _splits(outcomes)
    projects = [each for outcome in outcomes for each in outcome.projects]
    judged = [each for each in projects if each.project_id not in split]
    firings, transitions = _firings(core, outcomes, split)
    warnings = _warnings(core, outcomes)
    return Report(
        events=sum(tally.events for tally in tallies),
        applied=sum(tally.applied for tally in tallies),
        tombstones=sum(tally.tombstones for tally in tallies),
        dead_letters=_summed(tally.dead_letters for tally in tallies),
        refused=[each for tally in tallies for each in tally.refused][:MAX_REFUSED],
        projects=len(judged) + len(split),
        projects_with_findings=sum(1 for each in judged if each.gaps or each.duplicates),
        split_projects=len(split),
        split={project: split[project] for project in sorted(split)[:MAX_SPLITS]},
        episodes=sum(each.episodes for each in projects),
        gaps=sum(each.gaps for each in judged),
        duplicates=sum(each.duplicates for each in judged),
        state_hash=state_hash((each.project_id, each.digest) for each in projects),
        firings=firings,
        transitions=transitions,
        alerts=_alerts(outcomes, split),
        begin=[At(tally.partition, tally.first) for tally in tallies],
        end=[At(tally.partition, tally.next) for tally in tallies],
        is_complete=not warnings,
        warnings=warnings,
    )


def state_hash(digests: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over every project and its digest, sorted; it does not depend on the partitions they are in."""
    return sha256(msgspec.msgpack.encode(sorted(digests))).hexdigest()


def _splits(outcomes: Sequence[Outcome]) -> dict[str, list[int]]:
    """Projects that several partitions have -> these partitions."""
    if len(outcomes) < 2:
        return {}
    times = Counter(each.project_id for outcome in outcomes for each in outcome.projects)
    found: dict[str, list[int]] = {project: [] for project, count in times.items() if count > 1}
    for outcome in outcomes if found else ():
        for each in outcome.projects:
            if each.project_id in found:
                found[each.project_id].append(outcome.tally.partition)
    return found


def _firings(core: Core, outcomes: Sequence[Outcome], split: Mapping[str, object]) -> tuple[dict[str, int], int]:
    """Firings by rule, and all transitions, without those about the numbers of split projects."""
    firings = Counter(dict.fromkeys(core.rules.by_id, 0))
    transitions = 0
    for tally in (outcome.tally for outcome in outcomes):
        firings.update(tally.firings)
        transitions += tally.transitions
        for project in split:
            for rule_id, (changes, fired) in tally.about_numbers.get(project, {}).items():
                firings[rule_id] -= fired
                transitions -= changes
    return dict(sorted(firings.items())), transitions


def _alerts(outcomes: Sequence[Outcome], split: Mapping[str, object]) -> list[dict[str, Any]]:
    numbers = rule_types.INTEGRITY.name
    alerts = [
        alert
        for outcome in outcomes
        for alert in outcome.tally.alerts
        if alert.project_id not in split or alert.alert_type != numbers
    ]
    alerts.sort(key=lambda alert: alert.updated_at_ms)
    return [alert.to_dict() for alert in alerts[:MAX_ALERTS]]


def _warnings(core: Core, outcomes: Sequence[Outcome]) -> list[str]:
    if core.numbering.first_number is None:
        return []
    cut = [f"{each.tally.partition}:{each.tally.first}" for each in outcomes if each.tally.first > 0]
    if not cut:
        return []
    return [
        f"The range leaves out what lies before it ({', '.join(cut)}), so its gaps and duplicates cannot be trusted; "
        f"start from a snapshot or from offset 0, or set FIRST_NUMBER=first_seen."
    ]


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))
