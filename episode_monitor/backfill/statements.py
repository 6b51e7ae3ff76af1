"""A row as the event that states it. Its id is computed from the row, so that stating it again is no news.

Its event time lies a little before the row was read: whatever really happened to the episode since is newer and wins.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from models.codec import decode_event, encode_event
from models.dead_letter import Malformed
from models.event import Event, EventType

MAX_SAMPLES = 20  # of rows that cannot be stated, to show to people
NULL = "null"


@dataclass(frozen=True, slots=True)
class Statement:
    """A record for the events topic."""

    key: bytes
    value: bytes


@dataclass(slots=True)
class Unusable:
    """Rows that no event can state: how many for each reason, and some of them."""

    by_reason: dict[str, int] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_reason.values())

    def add(self, row: Any, reason: str, detail: str, count: int = 1) -> None:
        """One more row."""
        self.by_reason[reason] = self.by_reason.get(reason, 0) + count
        if len(self.samples) < MAX_SAMPLES:
            project, number, episode = row
            self.samples.append({"project_id": project, "episode_id": episode, "number": number, "why": detail})


def event_id(project_id: str, episode_id: str, number: int) -> str:
    """The same for the same statement, for ever; another one when the episode has another number."""
    identity = "\0".join((project_id, episode_id, str(number)))
    return f"backfill-{sha256(identity.encode()).hexdigest()[:40]}"


def state(row: Any, occurred_at_ms: int) -> Statement | Malformed:
    """The event of a row (project, number, id), or why the monitor would refuse it."""
    project_id, number, episode_id = row
    event = Event(
        event_id=event_id(project_id, episode_id, number),
        type=EventType.CREATED,
        project_id=project_id,
        occurred_at_ms=occurred_at_ms,
        operation_id=event_id(project_id, episode_id, number),
        episode_id=episode_id,
        episode_number=number,
        backfill=True,
    )
    record = Statement(project_id.encode(), encode_event(event))
    # What the monitor will say of it; nothing else knows all the rules.
    read = decode_event(record.key, record.value, (), occurred_at_ms)
    return read if isinstance(read, Malformed) else record
