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


class Escalation(msgspec.Struct, array_like=True):
    """A chain on its way: a copy made at the start of the incident, and how far it has come."""

    chain: Chain
    started_at_ms: int
    step: int = 0  # the next one, an index of `chain.due()`
    due_ms: int = 0  # 0: ended, or `held`
    held: bool = False  # due, and the alert is silenced, inhibited or behind


class AlertRecord(msgspec.Struct, array_like=True):
    """An alert. `alert` is the newest transition of its core; all times are wall clock."""

    alert: Alert
    status: Status
    since_ms: int  # in this status
    openings: int = 0  # how often this firing became news again
    level: int = 0  # steps of escalation that notified
    acknowledgement: Acknowledgement | None = None
    is_reminded: bool = False
    escalation: Escalation | None = None
    origin: str = ""  # the partition it waits for
    hushed_at: float = 0  # findings when it was resolved by a person
    drop_at_ms: int = 0
    timeline: list[TimelineEntry] = []
    notified_at_ms: int = 0  # the newest notification to anybody


class LogEntry(msgspec.Struct, frozen=True, array_like=True):
    """A receiver was notified that this firing began. Removed when it was notified of the end."""

    alert_id: str
    openings: int
    at_ms: int


class GroupRecord(msgspec.Struct, array_like=True):
    """A group of one receiver, with the log of what that receiver was notified of."""

    key: str
    receiver: str
    labels: dict[str, str]
    pinned: list[str] = []  # members of an escalation or a fallback; a route finds its members itself
    log: dict[str, LogEntry] = {}
    ends: list[Alert] = []  # of firings that a newer one has replaced
    sequence: int = 0
    notified_at_ms: int = 0
    due_ms: int = 0  # 0: nothing is due
    is_queued: bool = False  # waits for the receiver's rate
    reason: str = ""  # of an escalation or a fallback
    mark: str = ""
    person: str = ""
    tried: list[str] = []  # receivers that failed, of a fallback
    is_forced: bool = False  # a step of escalation: what the receiver knows is news to it again


class SilenceRecord(msgspec.Struct, array_like=True):
    """A silence, as a person made it."""

    silence_id: str
    matchers: list[Matcher]
    starts_at_ms: int
    ends_at_ms: int
    created_by: str
    comment: str
    updated_at_ms: int
    time_intervals: list[str] = []
    is_noticed: bool = False  # its receivers know that it will expire


class OverrideRecord(msgspec.Struct, array_like=True):
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
    failed_alert_id: str = ""  # of the alert that says that it fails


class MetaRecord(msgspec.Struct, array_like=True):
    """The clock, and the newest applied offset of every source."""

    clock_ms: int = 0
    positions: dict[str, int] = {}
