"""What the routes of receivers and dead letters take and give."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from episode_monitor.web.mutations import CheckBody

Kind = Literal["event", "alert"]
Outcome = Literal["delivered", "failed"]


class SinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One way of a receiver, as the worker that answers sees it."""

    sink: str
    waiting: int
    trouble: Annotated[str, Meta(description="Why the last delivery failed; empty if it did not.")]
    switched_off: bool


class ReceiverView(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver with its ways; without one nothing is delivered there."""

    name: str
    sinks: list[SinkStatus]


class ReceiverList(msgspec.Struct, frozen=True, kw_only=True):
    """All receivers in force."""

    receivers: list[ReceiverView]
    total: int


class TrialOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a sample alert at one way of a receiver."""

    sink: str
    outcome: Outcome
    reason: str


class TrialResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a sample alert; `delivered` only if every way took it."""

    receiver: str
    outcome: Outcome
    sinks: list[TrialOutcome]


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a letter comes from: the record of an event, or the sink that did not take an alert."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    sink: str | None = None


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter that nobody has handled."""

    id: Annotated[str, Meta(description="`event-` or `alert-`, and the offset in the topic of dead letters.")]
    kind: Kind
    at: str
    reason: str
    detail: str
    origin: Origin
    key: str
    first_kib: Annotated[str, Meta(description="The beginning of the record, as UTF-8.")]
    size: Annotated[int, Meta(description="Bytes.")]


class DeadLetterList(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first. `total`: how many are open among the last 10 000 records of each topic."""

    dead_letters: list[DeadLetterView]
    total: int
    next_cursor: str | None


class HandleBody(CheckBody, frozen=True, kw_only=True):
    """Who handles a dead letter, and why."""

    comment: Annotated[str, Meta(max_length=2000, description="The reason; stored with the letter.")] = ""


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a letter: `sent` (an event, to its topic again), `delivered`, `failed`, `discarded`."""

    id: str
    outcome: Literal["sent", "delivered", "failed", "discarded"]
    reason: str = ""
