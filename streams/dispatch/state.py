"""The dispatcher's state: the stored records, and what is derived from them and from the configuration."""

from collections.abc import Iterator

from streams.dispatch.config import DispatchConfig
from streams.dispatch.inhibition import Inhibition
from streams.dispatch.label_index import AlertIndex, SilenceIndex
from streams.dispatch.records import (
    AlertRecord,
    GroupRecord,
    LogEntry,
    MetaRecord,
    OverrideRecord,
    ReceiverRecord,
    SilenceRecord,
)
from streams.dispatch.table import Status
from streams.dispatch.timers import Timers
from streams.routing.route import Route

FIRING = (Status.FIRING, Status.ACKNOWLEDGED)
OVER = (Status.HUSHED, Status.RESOLVED)

ALERT, GROUP, SILENCE, OVERRIDE, RECEIVER, META = "agsorm"  # the first letter of a stored key


class LiveAlert:
    """A record with its labels, the active silences that match it, and the keys of its groups."""

    __slots__ = ("groups", "labels", "record", "silenced_by")

    def __init__(self, record: AlertRecord, labels: dict[str, str]) -> None:
        self.record = record
        self.labels = labels
        self.silenced_by: set[str] = set()
        self.groups: dict[str, None] = {}

    @property
    def key(self) -> str:
        """Rule and project."""
        return self.record.alert.alert_key

    @property
    def fires(self) -> bool:
        """Acknowledged or not."""
        return self.record.status in FIRING

    @property
    def is_over(self) -> bool:
        """Resolved, by itself or by a person."""
        return self.record.status in OVER

    def is_news(self, entry: LogEntry | None) -> bool:
        """Whether a receiver with this entry in its log does not know of the firing."""
        return entry is None or entry.alert_id != self.record.alert.alert_id or entry.openings != self.record.openings


class LiveGroup:
    """A record with its route (None: of an escalation or a fallback, or the route is gone) and its members.

    A member is True where it belongs here, and False where only its end is still to be notified.
    """

    __slots__ = ("members", "record", "route")

    def __init__(self, record: GroupRecord, route: Route | None = None) -> None:
        self.record = record
        self.route = route
        self.members: dict[str, bool] = {}


class LiveSilence:
    """A record, and whether it is active now."""

    __slots__ = ("is_active", "record")

    def __init__(self, record: SilenceRecord) -> None:
        self.record = record
        self.is_active = False


class State:
    """Changed in place by `decide`. `changed` names the stored keys to write after a decision."""

    def __init__(self) -> None:
        self.meta = MetaRecord()
        self.alerts: dict[str, LiveAlert] = {}
        self.groups: dict[str, LiveGroup] = {}
        self.silences: dict[str, LiveSilence] = {}
        self.overrides: dict[str, OverrideRecord] = {}
        self.receivers: dict[str, ReceiverRecord] = {}
        self.changed: set[str] = set()
        self.unwire()

    def unwire(self) -> None:
        """Forget what is derived; `wiring.wire` builds it again."""
        self.config: DispatchConfig | None = None
        self.timers = Timers()
        self.by_label = AlertIndex()
        self.silence_index = SilenceIndex()
        self.inhibition = Inhibition(())
        self.queued: dict[str, dict[str, None]] = {}  # receiver → groups that wait for its rate
        self.waiting: dict[str, dict[str, None]] = {}  # origin → alerts that wait until it has caught up

    def touch(self, kind: str, key: str) -> None:
        """The record is to be written, or removed if it is gone."""
        self.changed.add(kind + key)

    def receiver(self, name: str) -> ReceiverRecord:
        """Its record, made where there is none."""
        return self.receivers.setdefault(name, ReceiverRecord(name))

    def groups_of(self, live: LiveAlert) -> Iterator[LiveGroup]:
        """In the order of their keys."""
        return (self.groups[key] for key in sorted(live.groups))
