"""One event of the project service, as the core sees it: every field checked, every default filled in."""

from enum import Enum

import msgspec

MAX_EPISODE_NUMBER = 2_147_483_647  # PostgreSQL's integer, the widest column a project service keeps numbers in
MAX_VALUE_BYTES = 64 * 1024  # a larger record is a dead letter: no event of the contract comes near it
FUTURE_TOLERANCE_MS = 5 * 60 * 1000  # clocks of honest producers differ by seconds, not by minutes


class EventType(Enum):
    """What happened to an episode. The values are the wire names."""

    CREATED = "episode.created"
    CREATION_FAILED = "episode.creation_failed"
    CREATION_CONFLICT = "episode.creation_conflict"
    RENUMBERED = "episode.renumbered"
    DELETED = "episode.deleted"


class RetryReason(Enum):
    """Why an operation tried again."""

    CONFLICT = "conflict"
    TIMEOUT = "timeout"
    ERROR = "error"


class Event(msgspec.Struct, frozen=True, gc=False):
    """A valid event. `operation_id` is the event's own id where the producer gave none."""

    event_id: str
    type: EventType
    project_id: str
    occurred_at_ms: int  # event time, milliseconds since the epoch
    operation_id: str
    episode_id: str = ""  # "" where the type has none
    episode_number: int = 0  # 0 where the type has none; the new number of a renumbering
    old_number: int | None = None
    duration_seconds: float | None = None
    retry_count: int = 0
    retry_reasons: tuple[RetryReason, ...] = ()  # one entry a retry
    had_conflict: bool = False
    error: str | None = None
    source: str | None = None
    sequence: int | None = None
    backfill: bool = False
    traceparent: str | None = None  # W3C trace context of the record's headers
