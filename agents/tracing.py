"""Where spans are made on the way of an alert; OpenTelemetry is not here. Off, nothing is done and no header read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.fetching.reading import Record
from alert_sinks.delivery import Ended
from models.alert import Alert
from streams.dispatch.outputs import Notification

TRACEPARENT = "traceparent"


@dataclass(frozen=True, kw_only=True)
class TracePoints:
    """None of these may wait or raise.

    `emitted(alert, records)` returns the `traceparent` of the transition's record; the event that caused it may be
    among `records`. `ended` is called for every delivery, traced or not. `is_on`: whether spans are made.
    """

    is_on: bool = False
    emitted: Callable[[Alert, Sequence[Record]], str] = lambda alert, records: ""
    notified: Callable[[Notification], None] = lambda notification: None
    ended: Callable[[Ended], None] = lambda ended: None
