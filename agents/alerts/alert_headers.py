"""What a record of the alerts topic has beside the alert: which monitor wrote it, and how far its events were read.

Several monitors may share the topic. Each delivers, and keeps in its history, only what it wrote itself.
"""

from collections.abc import Sequence
from typing import TypeGuard

import msgspec
import structlog

log = structlog.get_logger(__name__)

MONITOR_ID = "monitor_id"
EVENTS_PARTITION = "events_partition"  # whose events caused it
BEHIND = "behind"  # written while that partition was catching up: more of the past was still to be read
FOLLOWS_ACT = "follows_act"  # of an older version: of an act that the dispatcher has taken, and has in the history
NAME_MAX_CHARACTERS = 200
FOREIGN_MAX = 100  # other monitors that are counted by name

Headers = Sequence[tuple[str, bytes | None]]


class Mark(msgspec.Struct, frozen=True):
    """The marks of one record; None or False if it has none."""

    monitor_id: str | None = None
    events_partition: int | None = None
    is_behind: bool = False
    follows_act: bool = False


def mark_headers(monitor_id: str, events_partition: int | None, is_behind: bool) -> list[tuple[str, bytes | None]]:
    """The headers that say it."""
    headers: list[tuple[str, bytes | None]] = [(MONITOR_ID, monitor_id.encode())]
    if events_partition is not None:
        headers.append((EVENTS_PARTITION, b"%d" % events_partition))
    if is_behind:
        headers.append((BEHIND, b"1"))
    return headers


def read_mark(headers: Headers) -> Mark:
    """What `mark_headers` says, or an older version said, for headers of any bytes. Never raises."""
    found = dict(headers)
    writer, partition = found.get(MONITOR_ID), found.get(EVENTS_PARTITION)
    return Mark(
        monitor_id=None if writer is None else writer.decode("utf-8", "replace"),
        events_partition=int(partition) if _is_number(partition) else None,
        is_behind=found.get(BEHIND) == b"1",
        follows_act=found.get(FOLLOWS_ACT) == b"1",
    )


def _is_number(partition: bytes | None) -> TypeGuard[bytes]:
    """Whether a topic can have a partition of this number; Python refuses to read thousands of digits."""
    return partition is not None and partition.isdigit() and len(partition) < 10


class Ours:
    """Which records of the alerts topic are this monitor's.

    A record without a mark was written by a version that did not mark. It counts as ours if this monitor's group had
    read the topic before (`takes_unmarked`), or if it was written after `started_ms`: so an upgrade loses nothing,
    and a new monitor on an old topic repeats nothing.
    """

    def __init__(self, monitor_id: str, started_ms: int) -> None:
        self.monitor_id = monitor_id
        self.takes_unmarked = False
        self._started_ms = started_ms
        self.foreign: dict[str, int] = {}  # records passed over, by the monitor that wrote them

    def has(self, mark: Mark, written_ms: int) -> bool:
        """Whether this monitor wrote it; `written_ms` is the record's timestamp."""
        if mark.monitor_id is None:
            return self.takes_unmarked or written_ms >= self._started_ms
        return mark.monitor_id == self.monitor_id

    def pass_over(self, mark: Mark) -> None:
        """Count a record of another monitor, and say so the first time."""
        name = (mark.monitor_id or "")[:NAME_MAX_CHARACTERS]
        if name not in self.foreign:
            if len(self.foreign) >= FOREIGN_MAX:
                return
            self.foreign[name] = 0
            log.warning(
                "another monitor writes to the alerts topic; its alerts are not delivered by this one",
                monitor_id=name or None, own_monitor_id=self.monitor_id,
            )  # fmt: skip
        self.foreign[name] += 1
