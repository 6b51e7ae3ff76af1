"""What the dispatcher stores: one record for each alert, group, silence, override and receiver, and one of positions.

New fields are appended with a default, so that records of an older version can still be read.
"""

import msgspec

from models.alert import Alert
from streams.dispatch.table import Status
from streams.routing.chain import Chain
from streams.routing.matcher import Matcher


class TimelineEntry(msgspec.Struct, frozen=True, array_like=True):
    """One line of what happened to an alert. Wall clock."""

    at_ms: int
    status: str
    reason: str
    by: str = ""
    comment: str = ""


class Acknowledgement(msgspec.Struct, frozen=True, array_like=True):
    """Who has taken an alert, and until when (0: as long as it fires)."""

    by: str
    comment: str
    at_ms: int
    until_ms: int = 0
    is_reminded: bool = False


class Escalation(msgspec.Struct, frozen=True, array_like=True):
    """A chain on its way: a copy made at the start of the incident, and how far it has come."""

    chain: Chain
    started_at_ms: int
    step: int = 0  # the next one, an index of `chain.due()`
    due_ms: int = 0  # 0: ended, or `is_held`
    is_held: bool = False  # due, and something keeps the alert back


class Told(msgspec.Struct, frozen=True, array_like=True):
    """A group's receiver was notified that this firing began. Removed when it was notified of the end."""

    group_key: str
    alert_id: str
    openings: int
    at_ms: int
    end: Alert | None = None  # the alert as it ended: to be notified
    is_inherited: bool = False  # notified in a group it has left, and never in this one


class AlertRecord(msgspec.Struct, array_like=True):
    """An alert. `alert` is the newest transition of its core; all times are wall clock."""

    alert: Alert
    status: Status
    since_ms: int  # in this status
    openings: int = 0  # how often this firing became news again
    level: int = 0  # steps of escalation that notified
    acknowledgement: Acknowledgement | None = None
    escalation: Escalation | None = None
    behind: str = ""  # the partition that it waits for
    hushed_by: str = ""  # the person who resolved it
    hushed_at: float = 0.0  # event time of its newest transition then, epoch ms; an older version stored findings
    drop_at_ms: int = 0
    told: list[Told] = []
    called: list[str] = []  # groups that steps of escalation have put it into
    timeline: list[TimelineEntry] = []


class Call(msgspec.Struct, frozen=True, array_like=True):
    """A step of escalation that waits to be notified: what the receiver knows of the alert is news to it again."""

    alert_key: str  # "": every one of the group; of an older version
    mark: str = ""
    person: str = ""
    note: str = ""


class GroupRecord(msgspec.Struct, array_like=True):
    """A group of one receiver. Its alerts follow from the routes, and from their `called` and `told`."""

    key: str
    receiver: str
    route_key: str = ""  # "" of an escalation
    labels: dict[str, str] = {}
    sequence: int = 0
    first_look_ms: int = 0  # `group_interval` counts from here; 0: it was not due yet
    notified_at_ms: int = 0
    due_ms: int = 0  # 0: nothing is due
    has_step: bool = False  # this and the three below: a call as an older version stored it
    mark: str = ""
    person: str = ""
    note: str = ""
    calls: list[Call] = []

    def __post_init__(self) -> None:
        if self.has_step:
            self.calls.append(Call("", self.mark, self.person, self.note))
            self.has_step, self.mark, self.person, self.note = False, "", "", ""


class SilenceRecord(msgspec.Struct, array_like=True):
    """A silence, as a person made it."""

    silence_id: str
    matchers: tuple[Matcher, ...]
    starts_at_ms: int
    ends_at_ms: int
    created_by: str
    comment: str
    updated_at_ms: int
    time_intervals: tuple[str, ...] = ()
    is_noticed: bool = False  # its receivers know that it will expire


class OverrideRecord(msgspec.Struct, frozen=True, array_like=True):
    """Who is on call in place of the layers of a schedule."""

    override_id: str
    schedule: str
    person: str
    since_ms: int
    until_ms: int
    by: str
    comment: str
    at_ms: int


class ReceiverRecord(msgspec.Struct, array_like=True):
    """The rate of a receiver. `next_ms` is the theoretical arrival time of the generic cell rate algorithm."""

    name: str
    next_ms: int = 0
    sequence: int = 0  # of its digests


class MetaRecord(msgspec.Struct, array_like=True):
    """The clock, and the newest applied offset of every source."""

    clock_ms: int = 0
    positions: dict[str, int] = {}
