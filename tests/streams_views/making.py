"""Partitions filled by hand, so that every number asked of them is known beforehand. Times count from `START_MS`."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from models.alert import Severity
from models.event import Event, EventType, RetryReason
from streams.alerting import rule_types
from streams.alerting.core import Core
from streams.alerting.rule import Rule
from streams.alerting.rules import RuleSet
from streams.base.calendar import Calendar
from streams.base.checkpoint_types import Changes
from streams.partition.partition import Partition

START_MS = 1_760_000_000_000  # 2025-10-09T08:53:20Z
START = "2025-10-09T08:53:20.000Z"

FAILURES = Rule(
    rule_id="failures", measure=rule_types.FAILURE_RATE, severity=Severity.WARNING, threshold=Decimal(1),
    window_minutes=15, description="Too many failures",
)  # fmt: skip
CONFLICTS = Rule(
    rule_id="conflicts", measure=rule_types.CONFLICT_RATE, severity=Severity.CRITICAL, threshold=Decimal(5),
    window_minutes=10, description="Too many conflicts",
)  # fmt: skip
INTEGRITY = Rule(
    rule_id="integrity", measure=rule_types.INTEGRITY, severity=Severity.CRITICAL, threshold=Decimal(0),
    window_minutes=0, description="Gaps or duplicates",
)  # fmt: skip


def make_core(*rules: Rule, zone: str = "UTC") -> Core:
    """A core with these rules, or with the three above."""
    return Core(RuleSet(rules or (FAILURES, CONFLICTS, INTEGRITY)), calendar=Calendar(zone))


class MemoryStore:
    """The stored values of a partition."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.get = self.values.get

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self.values.items()))

    def apply(self, changes: Changes) -> None:
        self.values.update((key, value) for key, value in changes.writes if value is not None)
        for key in changes.garbage:
            self.values.pop(key, None)


class Log:
    """Feeds a partition with events at rising offsets."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.offset = partition.next_offset

    def take(self, kind: EventType, project_id: str, at: float, **fields: Any) -> None:
        """One event."""
        event_id = f"event-{self.partition.number}-{self.offset}"
        event = Event(
            **{
                "event_id": event_id,
                "type": kind,
                "project_id": project_id,
                "occurred_at_ms": START_MS + round(at * 1000),
                "operation_id": event_id,
                **fields,
            }
        )
        self.partition.take(event, self.offset)
        self.offset += 1

    def created(self, project_id: str, number: int, at: float = 0, episode: str | None = None, **fields: Any) -> None:
        """An episode was created; `took` is its duration, `retries` the reasons of its retries."""
        self.take(EventType.CREATED, project_id, at, episode_id=episode or f"{project_id}-{number}",
                  episode_number=number, **_ending(fields))  # fmt: skip

    def failed(self, project_id: str, at: float = 0, **fields: Any) -> None:
        """A creation failed."""
        self.take(EventType.CREATION_FAILED, project_id, at, **_ending(fields))

    def conflict(self, project_id: str, at: float = 0, **fields: Any) -> None:
        """A conflict of an operation that has not ended."""
        self.take(EventType.CREATION_CONFLICT, project_id, at, **fields)

    def numbers(self, project_id: str, *numbers: int, at: float = 0) -> None:
        """One creation a number."""
        for number in numbers:
            self.created(project_id, number, at)

    def settle(self, at: float = 3600) -> None:
        """Let time pass without events."""
        self.partition.advance_clock(START_MS + round(at * 1000))


def _ending(fields: dict[str, Any]) -> dict[str, Any]:
    if "took" in fields:
        fields["duration_seconds"] = fields.pop("took")
    if "retries" in fields:
        fields["retry_reasons"] = tuple(RetryReason(reason) for reason in fields.pop("retries"))
        fields["retry_count"] = len(fields["retry_reasons"])
    return fields


def new_log(number: int = 0, core: Core | None = None, cached_projects: int = 1000) -> Log:
    """An empty partition with its log."""
    return Log(Partition(core or make_core(), number, MemoryStore(), cached_projects))


def store(log: Log) -> None:
    """What a flush does: the partition's changes become its stored values."""
    partition = log.partition
    partition._store.apply(partition.collect())  # type: ignore[attr-defined]


def seed_project(log: Log, project_id: str = "proj_123") -> None:
    """The project of the handbook: 28 numbers, of which 3, 7, 12 are missing and 5 is held twice."""
    log.numbers(project_id, *(number for number in range(1, 29) if number not in (3, 7, 12)))
    log.created(project_id, 5, episode="again")
