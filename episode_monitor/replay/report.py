"""The report of a replay: what its partitions came to, together.

The same records give the same report, byte for byte, on any machine and with any number of processes.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from episode_monitor.replay.findings import CLOSED, MAX_FINDINGS, OPEN, SUSPECT, ReplayFinding
from episode_monitor.replay.fleet import fleet_transitions
from episode_monitor.replay.partition_replay import MAX_ALERTS, MAX_REFUSED, Outcome, ProjectOutcome, Refused
from models.alert import Alert, AlertStatus
from models.times import rfc3339
from streams.alerting import rule_types
from streams.alerting.core import Core
from streams.base.packed_counts import rate_percentage

MAX_SPLITS = 100  # named; all are counted
MAX_PROJECTS = 100  # whose digests are listed without being asked for
_ORDER = {OPEN: 0, SUSPECT: 1, CLOSED: 2}


class At(msgspec.Struct, frozen=True):
    """A place in a partition."""

    partition: int
    offset: int


class WindowReport(msgspec.Struct, frozen=True):
    """A rule's window at the end, all projects together: `bad` of `whole`. In each partition it ends with the newest
    event, or where `--until` has moved the clock."""

    rule_id: str
    window_minutes: int
    ends_at: str | None
    bad: int
    whole: int
    rate_percentage: float | None
    threshold: float
    is_above: bool  # the threshold, were all projects one


class Report(msgspec.Struct, frozen=True, tag_field="kind", tag="replay"):
    """What a replay found. Of what is listed here, very many are cut and all are counted."""

    events: int
    applied: int
    tombstones: int
    dead_letters: dict[str, int]  # by reason
    dead_letter_records: list[Refused]  # the first 1000
    projects: int
    projects_with_findings: int
    split_projects: int  # in several partitions: counted once, and without findings or alerts about numbers
    split: dict[str, list[int]]  # the first 100 of them -> partitions
    episodes: int
    gaps: int
    duplicates: int
    suspects: int  # numbers that are missing or shared for less than the settling time, and implausible ones
    findings: list[ReplayFinding]  # open ones, suspects, closed ones: the first 10 000
    findings_total: int
    windows: list[WindowReport]
    firings: dict[str, int]  # by rule
    transitions: int
    alerts: list[dict[str, Any]]  # the transitions in the order in which they became due, the first 10 000
    state_hash: str
    project_states: list[ProjectOutcome] | None  # each with its digest; None where there are more than 100
    begin: list[At] = msgspec.field(name="from")
    end: list[At] = msgspec.field(name="to")
    acts_replayed: bool  # always false: what people did is no record of the events topic
    is_complete: bool
    warnings: list[str]

    @property
    def has_issues(self) -> bool:
        """Gaps, duplicates, records that could not be used, or projects in several partitions; no mere suspects."""
        return bool(self.gaps or self.duplicates or self.dead_letters or self.split_projects)


def merged(
    core: Core, outcomes: Sequence[Outcome], *, all_projects: bool = False, of_source: Sequence[str] = ()
) -> Report:
    """The report on these partitions. `all_projects`: list every project's digest, however many there are;
    `of_source`: the warnings of the source."""
    outcomes = sorted(outcomes, key=lambda outcome: outcome.tally.partition)
    tallies = [outcome.tally for outcome in outcomes]
    split = _splits(outcomes)
    projects = [each for outcome in outcomes for each in outcome.projects]
    judged = [each for each in projects if each.project_id not in split]
    of_fleet = fleet_transitions(core, tallies)
    firings, transitions = _firings(core, outcomes, split)
    firings.update(Counter(alert.rule_id for alert in of_fleet if alert.status is AlertStatus.FIRING))
    warnings = [*of_source, *_warnings(core, outcomes)]
    return Report(
        events=sum(tally.events for tally in tallies),
        applied=sum(tally.applied for tally in tallies),
        tombstones=sum(tally.tombstones for tally in tallies),
        dead_letters=_summed(tally.dead_letters for tally in tallies),
        dead_letter_records=[each for tally in tallies for each in tally.refused][:MAX_REFUSED],
        projects=len(judged) + len(split),
        projects_with_findings=sum(1 for each in judged if each.gaps or each.duplicates),
        split_projects=len(split),
        split={project: split[project] for project in sorted(split)[:MAX_SPLITS]},
        episodes=sum(each.episodes for each in projects),
        gaps=sum(each.gaps for each in judged),
        duplicates=sum(each.duplicates for each in judged),
        suspects=_count((outcome.suspects for outcome in outcomes), split),
        findings=_findings(outcomes, split),
        findings_total=_count((outcome.findings_total for outcome in outcomes), split)
        + _count((tally.findings.closed_total for tally in tallies), split),
        windows=_windows(core, outcomes),
        firings=firings,
        transitions=transitions + len(of_fleet),
        alerts=_alerts(outcomes, split, of_fleet),
        state_hash=state_hash((each.project_id, each.digest) for each in projects),
        project_states=_project_states(projects, all_projects),
        begin=[At(tally.partition, tally.first) for tally in tallies],
        end=[At(tally.partition, tally.next) for tally in tallies],
        acts_replayed=False,
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


def _firings(core: Core, outcomes: Sequence[Outcome], split: Collection[str]) -> tuple[dict[str, int], int]:
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


def _alerts(outcomes: Sequence[Outcome], split: Collection[str], of_fleet: Sequence[Alert]) -> list[dict[str, Any]]:
    numbers = rule_types.INTEGRITY.name
    alerts = [*of_fleet[:MAX_ALERTS]] + [
        alert
        for outcome in outcomes
        for alert in outcome.tally.alerts
        if alert.project_id not in split or alert.alert_type != numbers
    ]
    alerts.sort(key=lambda alert: (alert.updated_at_ms, alert.project_id))
    return [alert.to_dict() for alert in alerts[:MAX_ALERTS]]


def _findings(outcomes: Sequence[Outcome], split: Collection[str]) -> list[ReplayFinding]:
    found = [
        finding
        for outcome in outcomes
        for finding in (*outcome.findings, *outcome.tally.findings.closed)
        if finding.project_id not in split
    ]
    found.sort(key=lambda each: (_ORDER[each.state], each.project_id, each.first_number, each.first_offset or 0))
    return found[:MAX_FINDINGS]


def _windows(core: Core, outcomes: Sequence[Outcome]) -> list[WindowReport]:
    ends_ms = max((outcome.clock_ms for outcome in outcomes), default=0)
    found = []
    for rate in core.rates:
        rule = core.rules.by_id[rate.rule_id]
        mine = [each for outcome in outcomes for each in outcome.windows if each.rule_id == rate.rule_id]
        bad, whole = sum(each.bad for each in mine), sum(each.whole for each in mine)
        percentage = rate_percentage(bad, whole)
        ends_at = rfc3339(ends_ms) if ends_ms else None
        is_above = bad * rate.denominator > whole * rate.numerator
        found.append(
            WindowReport(
                rule.rule_id, rule.window_minutes, ends_at, bad, whole, percentage, float(rule.threshold), is_above
            )
        )
    return found


def _project_states(projects: list[ProjectOutcome], all_projects: bool) -> list[ProjectOutcome] | None:
    if len(projects) > MAX_PROJECTS and not all_projects:
        return None
    return sorted(projects, key=lambda each: (each.project_id, each.partition))


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


def _count(counts: Iterable[Mapping[str, int]], split: Collection[str]) -> int:
    """Of all projects that are in one partition."""
    return sum(count for each in counts for project, count in each.items() if project not in split)


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))
