"""The dispatcher's state: the stored records, and what is derived from them and from the configuration."""

from collections.abc import Iterator

from streams.dispatch.config import DispatchConfig
from streams.dispatch.inhibition import Inhibition
from streams.dispatch.label_index import AlertIndex, SilenceIndex
from streams.dispatch.records import (
    AlertRecord,
    GroupRecord,
    MetaRecord,
    OverrideRecord,
    ReceiverRecord,
    SilenceRecord,
    Told,
)
from streams.dispatch.table import Status
from streams.dispatch.timers import Timers
from streams.routing.route import Route

ALERT, GROUP, SILENCE, OVERRIDE, RECEIVER, META = "agsorm"  # the first letter of a stored key
FIRES = (Status.FIRING, Status.ACKNOWLEDGED)


class LiveAlert:
    """A record with its labels, the active silences that match it, and the groups it belongs to while it fires."""

    __slots__ = ("groups", "labels", "record", "silenced_by")

    def __init__(self, record: AlertRecord) -> None:
        self.record = record
        self.labels: dict[str, str] = {}
        self.silenced_by: set[str] = set()
        self.groups: set[str] = set()

    @property
    def key(self) -> str:
        """Rule and project."""
        return self.record.alert.alert_key

    @property
    def fires(self) -> bool:
        """Acknowledged or not."""
        return self.record.status in FIRES

    def told(self, group: "LiveGroup") -> Told | None:
        """What the group's receiver was notified of about this firing."""
        key, alert_id = group.record.key, self.record.alert.alert_id
        return next((one for one in self.record.told if one.group_key == key and one.alert_id == alert_id), None)

    def is_news(self, group: "LiveGroup") -> bool:
        """Whether the group's receiver does not know of the firing."""
        told = self.told(group)
        return told is None or told.openings != self.record.openings or group.is_called(self.key)


class LiveGroup:
    """A record with the route of its receiver and key (None: of an escalation, or the route is gone).

    `members` are the firing alerts that belong here, `knows` those that the receiver was notified of.
    """

    __slots__ = ("knows", "members", "record", "route")

    def __init__(self, record: GroupRecord, route: Route | None = None) -> None:
        self.record = record
        self.route = route
        self.members: set[str] = set()
        self.knows: set[str] = set()

    def is_called(self, alert_key: str) -> bool:
        """Whether a step of escalation of the alert waits to be notified."""
        return any(one.alert_key in (alert_key, "") for one in self.record.calls)


class LiveSilence:
    """A record, whether it is active now, and until when (epoch milliseconds)."""

    __slots__ = ("is_active", "record", "until_ms")

    def __init__(self, record: SilenceRecord) -> None:
        self.record = record
        self.is_active, self.until_ms = False, record.ends_at_ms


class State:
    """Changed in place by `decide`. `changed` names the stored keys to write after a decision."""

    def __init__(self) -> None:
        self.meta = MetaRecord()
        self.alerts: dict[str, LiveAlert] = {}
        self.held: set[str] = set()  # alerts that wait until a partition has caught up
        self.groups: dict[str, LiveGroup] = {}
        self.silences: dict[str, LiveSilence] = {}
        self.overrides: dict[str, OverrideRecord] = {}
        self.receivers: dict[str, ReceiverRecord] = {}
        self.changed: set[str] = set()
        self.config: DispatchConfig | None = None  # what is derived below belongs to it; `wire` derives it
        self.timers = Timers()
        self.by_label = AlertIndex()
        self.silence_index = SilenceIndex()
        self.inhibition = Inhibition(())

    def hold(self, live: LiveAlert, origin: str) -> None:
        """The alert waits until a partition has caught up; empty: it waits no longer."""
        live.record.behind = origin
        if origin:
            self.held.add(live.key)
        else:
            self.held.discard(live.key)

    def touch(self, kind: str, key: str) -> None:
        """The record is to be written, or removed if it is gone."""
        self.changed.add(kind + key)

    def groups_of(self, live: LiveAlert) -> Iterator[LiveGroup]:
        """Those it belongs to and those whose receivers know of it, in the order of their keys."""
        keys = live.groups.union(one.group_key for one in live.record.told)
        return (self.groups[key] for key in sorted(keys))
