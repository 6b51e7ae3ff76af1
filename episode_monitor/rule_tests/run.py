"""Runs unit tests of rules through the core that the worker uses. The same file gives the same result everywhere."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from agents.engine.stored_values import StoredValues
from episode_monitor.rule_tests.file import AlertRuleTest, Case, ExpectedAlert
from episode_monitor.rule_tests.notation import Planned
from models.alert import Alert, AlertStatus
from models.codec import decode_event
from models.event import Event
from streams.alerting.core import Core
from streams.partition.fleet_judge import FleetJudge, FleetRecord
from streams.partition.partition import Partition
from streams.project.rule_evaluator import active_alerts

START_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z, the beginning of every test
_CACHED: Final = 10_000


class Failure(msgspec.Struct, frozen=True):
    """An expectation that does not hold; alerts as text."""

    line: int
    at_seconds: float
    rule_id: str
    expected: list[str]
    got: list[str]


class Outcome(msgspec.Struct, frozen=True):
    """How a test ended."""

    name: str
    events: int
    failures: list[Failure]


class UnusableEvent(ValueError):
    """The notation gave an event that the monitor would refuse; the message is a sentence."""


def run_case(core: Core, case: Case) -> Outcome:
    """Raises UnusableEvent."""
    world, failures = _World(core), []
    for at_ms, expected, line in case.expectations:
        while world.taken < len(case.events) and case.events[world.taken].at_ms <= at_ms:
            world.take(case.events[world.taken])
        world.reach(at_ms)
        failure = _judged(expected, world.alerts(expected.rule_id), at_ms, line)
        failures += [] if failure is None else [failure]
    return Outcome(case.name, len(case.events), failures)


class _World:
    """One partition with all projects of a test."""

    def __init__(self, core: Core) -> None:
        self.taken = 0
        self._core = core
        self._partition = Partition(core, 0, StoredValues({}), _CACHED)
        self._judge = FleetJudge(core)
        self._resolved: dict[tuple[str, str], Alert] = {}  # rule, project -> the last that was resolved

    def take(self, planned: Planned) -> None:
        """The next event. Raises UnusableEvent."""
        written_ms = START_MS + planned.at_ms
        wire = {"event_id": f"event-{self.taken}", "occurred_at": written_ms - planned.late_ms, **planned.fields}
        event = decode_event(None, msgspec.json.encode(wire), (), written_ms)
        if not isinstance(event, Event):
            raise UnusableEvent(f"The event {msgspec.json.encode(planned.fields).decode()} cannot be used: {event}.")
        self._partition.take(event, self.taken, written_ms)
        self.taken += 1

    def reach(self, at_ms: int) -> None:
        """Time passes, as in a worker that has read everything."""
        self._partition.advance_clock(START_MS + at_ms)
        self._partition.run_due()
        emits, self._partition.emits = self._partition.emits, []
        for alert in (*emits, *self._of_fleet()):
            if alert.status is AlertStatus.RESOLVED:
                self._resolved[alert.rule_id, alert.project_id] = alert

    def _of_fleet(self) -> Iterator[Alert]:
        """Transitions of rules on all projects."""
        judge, totals = self._judge, self._partition.totals
        totals.close()
        if totals.fleet is not None:
            for closed in totals.fleet.closed:
                judge.take(FleetRecord(0, 1, closed, self.taken), judge.position)
            totals.fleet.sent(totals.fleet.closed_until)
        while judge.has_work:
            yield from judge.judge()

    def alerts(self, rule_id: str) -> dict[str, Alert]:
        """The alert of each project: active, or resolved before."""
        found = {project: alert for (rule, project), alert in self._resolved.items() if rule == rule_id}
        for project_id in [project_id for project_id, _ in self._partition.heads()]:
            state = self._partition.state(project_id)
            for alert in () if state is None else active_alerts(self._core, state):
                if alert.rule_id == rule_id:
                    found[project_id] = alert
        return found | {alert.project_id: alert for alert in self._judge.active() if alert.rule_id == rule_id}


def _judged(expected: AlertRuleTest, alerts: dict[str, Alert], at_ms: int, line: int) -> Failure | None:
    wanted = {str(alert.project_id): alert for alert in expected.exp_alerts}
    got = {
        project: alert
        for project, alert in sorted(alerts.items())
        if alert.status is not AlertStatus.RESOLVED or project in wanted
    }
    if got.keys() == wanted.keys() and all(_fits(wanted[project], got[project]) for project in wanted):
        return None
    return Failure(
        line,
        at_ms / 1000,
        expected.rule_id,
        [_words(project, _given(alert)) for project, alert in wanted.items()],
        [_words(project, _beside(alert, wanted.get(project))) for project, alert in got.items()],
    )


def _given(expected: ExpectedAlert) -> dict[str, Any]:
    """What an expectation says, by the names of an alert."""
    given: dict[str, Any] = msgspec.to_builtins(expected)
    del given["project_id"]
    return given


def _fits(expected: ExpectedAlert, alert: Alert) -> bool:
    given, got = _given(expected), alert.to_dict()
    return all(_is_same(value, got.get(name)) for name, value in given.items())


def _is_same(expected: Any, got: Any) -> bool:
    if isinstance(expected, dict):
        return all(_is_same(value, (got or {}).get(name)) for name, value in expected.items())
    if isinstance(expected, float) and isinstance(got, float):
        decimals = len(repr(expected).partition(".")[2])  # 33.33 stands for a third
        return expected in (got, round(got, decimals))
    return bool(expected == got)


def _beside(alert: Alert, expected: ExpectedAlert | None) -> dict[str, Any]:
    """Of what came, what is expected; of an alert that is not expected, what tells most."""
    names = ("status", "severity", "value", "sample_size", "reason") if expected is None else tuple(_given(expected))
    got = alert.to_dict()
    return {name: got.get(name) for name in names}


def _words(project_id: str, fields: dict[str, Any]) -> str:
    rest = [f"{name} {value}" for name, value in fields.items() if name != "status"]
    return f"{project_id} {fields['status']}" + "".join(f", {each}" for each in rest)
