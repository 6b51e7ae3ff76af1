"""Drives one project by hand: every method is one event, times are seconds after START_MS, and emits are collected."""

from decimal import Decimal
from typing import Any

from faults.facts import window_counts
from models.alert import Alert, Severity
from models.event import Event, EventType
from streams.alerting import rule_types
from streams.alerting.core import Core
from streams.alerting.rule import Rule, RuleType
from streams.alerting.rules import RuleSet
from streams.base.numbering_rules import NumberingRules
from streams.project.project_state import ProjectState
from streams.project.step import advance, step
from testbed.properties import examples as examples

START_MS = 1_760_000_040_000  # 2025-10-09T08:54:00Z, the first millisecond of a minute
PROJECT = "project_123"


def rule(measure: RuleType, threshold: str, **changes: Any) -> Rule:
    """A rule with a name of its own; its severity is warning and its window 15 minutes unless told otherwise."""
    name = next(name for name, value in vars(rule_types).items() if value is measure)
    known: dict[str, Any] = {
        "rule_id": name.lower(),
        "measure": measure,
        "severity": Severity.CRITICAL if measure is rule_types.INTEGRITY else Severity.WARNING,
        "threshold": Decimal(threshold),
        "window_minutes": 0 if measure is rule_types.INTEGRITY else 15,
        "description": name.replace("_", " ").capitalize(),
    }
    return Rule(**known | changes)


FAILURE = rule(rule_types.FAILURE_RATE, "1.0")
CONFLICT = rule(rule_types.CONFLICT_RATE, "5.0", severity=Severity.CRITICAL, window_minutes=10)
SLOW = rule(rule_types.SLOW_CREATION, "5.0")
INTEGRITY = rule(rule_types.INTEGRITY, "0")
SHIPPED = (FAILURE, CONFLICT, SLOW, INTEGRITY)


def core_with(*rules: Rule, **changes: Any) -> Core:
    """A core with these rules; settings of the numbering (`settle_ms`, `deleted`, …) may be given with the others."""
    names = {"settle_ms", "deleted", "first_number", "max_jump", "max_episodes"}
    numbering = NumberingRules(**{name: changes.pop(name) for name in names & changes.keys()})
    return Core(RuleSet(rules), numbering=numbering, **changes)


def at_ms(seconds: float) -> int:
    """Epoch milliseconds of a moment so many seconds after START_MS."""
    return START_MS + round(seconds * 1000)


class Driven:
    """A project and everything it told."""

    def __init__(self, core: Core | None = None) -> None:
        self.core = core or core_with(*SHIPPED)
        self.state = ProjectState(self.core, PROJECT)
        self.alerts: list[Alert] = []
        self.events: list[Event] = []

    def take(self, event: Event) -> list[Alert]:
        """Any event; answers what it made the project tell."""
        self.events.append(event)
        emits = step(self.core, self.state, event)
        self.alerts.extend(emits)
        return emits

    def event(self, kind: EventType, at: float, **fields: Any) -> list[Alert]:
        """An event of a kind; its id is new unless given, and it is its own operation unless one is named."""
        event_id = fields.pop("event_id", f"ev-{len(self.events)}")
        operation_id = fields.pop("operation_id", event_id)
        return self.take(Event(event_id, kind, PROJECT, at_ms(at), operation_id, **fields))

    def created(self, at: float, number: int, episode: str | None = None, **fields: Any) -> list[Alert]:
        """An episode is created; it is called after its number unless named."""
        return self.event(EventType.CREATED, at, episode_id=episode or f"ep-{number}", episode_number=number, **fields)

    def succeeded(self, at: float, **fields: Any) -> list[Alert]:
        """A creation ended well, and its number is not stated."""
        return self.event(EventType.CREATION_SUCCEEDED, at, **fields)

    def failed(self, at: float, **fields: Any) -> list[Alert]:
        """A creation failed."""
        return self.event(EventType.CREATION_FAILED, at, **fields)

    def conflict(self, at: float, operation_id: str, **fields: Any) -> list[Alert]:
        """A creation ran into a conflict."""
        return self.event(EventType.CREATION_CONFLICT, at, operation_id=operation_id, **fields)

    def renumbered(self, at: float, episode: str, number: int, **fields: Any) -> list[Alert]:
        """An episode got another number."""
        return self.event(EventType.RENUMBERED, at, episode_id=episode, episode_number=number, **fields)

    def deleted(self, at: float, episode: str, **fields: Any) -> list[Alert]:
        """An episode was deleted."""
        return self.event(EventType.DELETED, at, episode_id=episode, **fields)

    def endings(self, at: float, count: int, failed: int = 0, apart: float = 0.0, **fields: Any) -> list[Alert]:
        """So many endings from a moment on, the failed ones last; the created episodes continue the numbers."""
        told: list[Alert] = []
        for i in range(count):
            when = at + i * apart
            if i < count - failed:
                told += self.created(when, self.state.numbering.max_number + 1, **fields)
            else:
                told += self.failed(when, **fields)
        return told

    def until(self, at: float) -> list[Alert]:
        """Time passes without an event."""
        emits = advance(self.core, self.state, at_ms(at))
        self.alerts.extend(emits)
        return emits

    # --- what can be seen

    @property
    def gaps(self) -> list[int]:
        """Open gaps."""
        return self.state.numbering.anomalies.open_gaps.first_numbers(10_000)

    @property
    def suspect_gaps(self) -> list[int]:
        """Numbers missing that are no open gaps yet."""
        return [n for hole in self.state.numbering.anomalies.suspects.holes for n in range(hole.start, hole.end + 1)]

    @property
    def duplicates(self) -> list[int]:
        """Open duplicates."""
        return sorted(self.state.numbering.anomalies.open_duplicates)

    @property
    def suspect_duplicates(self) -> list[int]:
        """Numbers held twice that are no open duplicates yet."""
        return sorted(self.state.numbering.anomalies.suspects.shared)

    @property
    def live(self) -> list[int]:
        """Numbers that somebody holds."""
        return sorted({number for _, number in self.state.numbering.episodes.items()})

    def window(self, minutes: int) -> dict[str, int]:
        """The counts of a rule's window as it stands."""
        length = minutes * 60
        window = next(w for w in self.state.series.windows if w.length_seconds == length)
        return window_counts(window)


def told(alerts: list[Alert]) -> list[tuple[str, str, str, float]]:
    """Transitions as (rule, status, reason, seconds after START_MS)."""
    return [(a.rule_id, a.status.value, a.reason, (a.updated_at_ms - START_MS) / 1000) for a in alerts]
