"""One event of the project service, as the core sees it: every field checked, every default filled in."""

from enum import Enum
from typing import Any, Final

from mypy_extensions import mypyc_attr

MAX_EPISODE_NUMBER: Final = 2_147_483_647  # PostgreSQL's integer, the widest column a project service keeps numbers in
MAX_VALUE_BYTES: Final = 64 * 1024  # a larger record is a dead letter: no event of the contract comes near it
FUTURE_TOLERANCE_MS: Final = 5 * 60 * 1000  # clocks of honest producers differ by seconds, not by minutes


class EventType(Enum):
    """What happened to an episode. The values are the wire names."""

    CREATED = "episode.created"
    CREATION_SUCCEEDED = "episode.creation_succeeded"  # only that the operation ended well; its number is not stated
    CREATION_FAILED = "episode.creation_failed"
    CREATION_CONFLICT = "episode.creation_conflict"
    RENUMBERED = "episode.renumbered"
    DELETED = "episode.deleted"


class RetryReason(Enum):
    """Why an operation tried again."""

    CONFLICT = "conflict"
    TIMEOUT = "timeout"
    ERROR = "error"


def default_reason(had_conflict: bool) -> RetryReason:
    """The reason of a retry if its event gives none."""
    return RetryReason.CONFLICT if had_conflict else RetryReason.ERROR


@mypyc_attr(acyclic=True)
class Event:
    """A valid event; it is never changed. `operation_id` is the event's own id where the producer gave none.

    A plain class and not a message struct, whose fields would cost compiled code 40 ns at each look: a microsecond an
    event.
    """

    __slots__ = (
        "backfill", "duration_seconds", "episode_id", "episode_number", "error", "event_id", "had_conflict",
        "occurred_at_ms", "old_number", "operation_id", "project_id", "retry_count", "retry_reasons", "sequence",
        "source", "traceparent", "type",
    )  # fmt: skip

    def __init__(
        self,
        event_id: str,
        type: EventType,
        project_id: str,
        occurred_at_ms: int,
        operation_id: str,
        episode_id: str = "",
        episode_number: int = 0,
        old_number: int | None = None,
        duration_seconds: float | None = None,
        retry_count: int = 0,
        retry_reasons: tuple[RetryReason, ...] = (),
        had_conflict: bool = False,
        error: str | None = None,
        source: str | None = None,
        sequence: int | None = None,
        backfill: bool = False,
        traceparent: str | None = None,
    ) -> None:
        self.event_id = event_id
        self.type = type
        self.project_id = project_id
        self.occurred_at_ms = occurred_at_ms  # event time, milliseconds since the epoch
        self.operation_id = operation_id
        self.episode_id = episode_id  # "" where the type has none
        self.episode_number = episode_number  # 0 where the type has none; the new number of a renumbering
        self.old_number = old_number
        self.duration_seconds = duration_seconds
        self.retry_count = retry_count
        self.retry_reasons = retry_reasons  # one entry a retry; of very many there are none: `default_reason`
        self.had_conflict = had_conflict
        self.error = error
        self.source = source
        self.sequence = sequence
        self.backfill = backfill
        self.traceparent = traceparent  # W3C trace context of the record's headers

    def as_dict(self) -> dict[str, Any]:
        """All fields by name, as the constructor takes them."""
        return {name: getattr(self, name) for name in EVENT_FIELDS}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(self.event_id)

    def __repr__(self) -> str:
        return f"Event({', '.join(f'{name}={value!r}' for name, value in self.as_dict().items())})"


EVENT_FIELDS = (
    "event_id", "type", "project_id", "occurred_at_ms", "operation_id", "episode_id", "episode_number", "old_number",
    "duration_seconds", "retry_count", "retry_reasons", "had_conflict", "error", "source", "sequence", "backfill",
    "traceparent",
)  # fmt: skip
