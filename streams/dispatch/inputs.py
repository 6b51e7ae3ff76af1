"""What moves the dispatcher: transitions, acts of people, ticks. Each is one record of one source."""

import msgspec

from models.alert import Alert
from streams.routing.matcher import Matcher


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where an input was read: a source (`episode-alerts/3`), and its offset there. A repetition is skipped."""

    source: str
    offset: int


class Input(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`position` is None for what has no place in a log and is never repeated."""

    position: Position | None = None


class Transition(Input, frozen=True, kw_only=True):
    """A record of the alerts topic, or of another source of alerts (drift, the monitor's own health).

    `behind`: the partition of events that has not caught up, "" if it has. The alert waits for its `CaughtUp`.
    """

    alert: Alert
    behind: str = ""


class CaughtUp(Input, frozen=True, kw_only=True):
    """Partitions of events have caught up: what waits for them is notified of, together."""

    origins: tuple[str, ...]


class Tick(Input, frozen=True, kw_only=True):
    """The wall clock alone. Time goes on with every input; ticks change when something is decided, never what."""


class ActOnAlert(Input, frozen=True, kw_only=True):
    """What a person does with an alert."""

    alert_key: str
    by: str
    comment: str = ""


class Acknowledge(ActOnAlert, frozen=True, kw_only=True):
    """A person takes an alert, until `until_ms` (epoch; 0: as long as it fires)."""

    until_ms: int = 0


class Unacknowledge(ActOnAlert, frozen=True, kw_only=True):
    """A person gives an alert back."""


class Resolve(ActOnAlert, frozen=True, kw_only=True):
    """A person resolves an alert; it stays quiet until its rule was content, or it gets worse."""


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


def silence_of_alert(alert: Alert, starts_at_ms: int, ends_at_ms: int, by: str, comment: str) -> SetSilence:
    """A silence of this alert alone. There is one for each alert: another replaces it."""
    matchers = (Matcher("alertname", alert.rule_id), Matcher("project_id", alert.project_id))
    return SetSilence(
        silence_id=f"alert:{alert.alert_key}", matchers=matchers, starts_at_ms=starts_at_ms, ends_at_ms=ends_at_ms,
        by=by, comment=comment,
    )  # fmt: skip


class ExpireSilence(Input, frozen=True, kw_only=True):
    """End a silence now."""

    silence_id: str
    by: str = ""
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


Act = Acknowledge | Unacknowledge | Resolve | SetSilence | ExpireSilence | SetOverride | RemoveOverride
AnyInput = Transition | CaughtUp | Tick | Act
