"""What moves the dispatcher: transitions, acts of people, ticks, deliveries. Each is one record of one source."""

import msgspec

from models.alert import Alert
from streams.routing.matcher import Matcher


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where an input was read: a source (`episode-alerts/3`), and its offset there. At or below the applied one it is
    skipped."""

    source: str
    offset: int


class Input(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`position` is None for what has no place in a log and is never repeated."""

    position: Position | None = None


class Transition(Input, frozen=True, kw_only=True):
    """A record of the alerts topic, or of another source of alerts (drift, the monitor's own health).

    `behind`: its partition has not caught up with its events. The alert waits for `CaughtUp` of the same `origin`.
    """

    alert: Alert
    behind: bool = False
    origin: str = ""


class CaughtUp(Input, frozen=True, kw_only=True):
    """A partition of events has caught up: what waits for it is notified of."""

    origin: str


class Tick(Input, frozen=True, kw_only=True):
    """The wall clock, stored before it is used. Time goes on with every input; a tick is one that has nothing else."""


class Acknowledge(Input, frozen=True, kw_only=True):
    """A person takes an alert, until `until_ms` (epoch; 0: as long as it fires)."""

    alert_key: str
    by: str
    comment: str = ""
    until_ms: int = 0


class Unacknowledge(Input, frozen=True, kw_only=True):
    """A person gives an alert back."""

    alert_key: str
    by: str
    comment: str = ""


class Resolve(Input, frozen=True, kw_only=True):
    """A person resolves an alert; it stays quiet until its rule was content, or it gets worse."""

    alert_key: str
    by: str
    comment: str = ""


class SetSilence(Input, frozen=True, kw_only=True):
    """Create a silence, or replace the one of this `silence_id`. Epoch milliseconds.

    With `time_intervals` (names of the configuration) it is active only inside them.
    """

    silence_id: str
    matchers: tuple[Matcher, ...]
    starts_at_ms: int
    ends_at_ms: int
    by: str
    comment: str = ""
    time_intervals: tuple[str, ...] = ()


class ExpireSilence(Input, frozen=True, kw_only=True):
    """End a silence now."""

    silence_id: str
    by: str
    comment: str = ""


class SetOverride(Input, frozen=True, kw_only=True):
    """A person is on call in a schedule for a while, whatever its layers say."""

    override_id: str
    schedule: str
    person: str
    since_ms: int
    until_ms: int
    by: str
    comment: str = ""


class RemoveOverride(Input, frozen=True, kw_only=True):
    """The layers count again."""

    override_id: str
    by: str
    comment: str = ""


class Outcome(Input, frozen=True, kw_only=True):
    """How the delivery of a notification ended: delivered, or given up with an error. It names what the notification
    named."""

    notification_id: str
    receiver: str
    group_keys: tuple[str, ...]
    is_delivered: bool
    error: str = ""


Act = Acknowledge | Unacknowledge | Resolve | SetSilence | ExpireSilence | SetOverride | RemoveOverride
AnyInput = Transition | CaughtUp | Tick | Act | Outcome
