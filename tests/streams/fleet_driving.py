"""Drives partitions and the judge of rules on all projects as workers do: flushes, a topic, crashes."""

import msgspec

from models.alert import Alert
from models.event import Event
from streams.alerting.core import Core
from streams.base.steps import finish
from streams.partition.fleet_judge import FleetJudge, FleetRecord
from streams.partition.partition import Partition
from tests.streams.stored import Stored


class Topic:
    """What partitions have sent, in order."""

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def send(self, record: FleetRecord) -> None:
        """Append it."""
        self.records.append(msgspec.msgpack.encode(record))

    def since(self, position: int) -> list[tuple[int, FleetRecord]]:
        """Offset and record from a position on."""
        decode = msgspec.msgpack.Decoder(FleetRecord).decode
        return [(offset, decode(raw)) for offset, raw in enumerate(self.records) if offset >= position]


class OnePartition:
    """One of several partitions: its store, and what it sends."""

    def __init__(self, core: Core, number: int, partitions: int, topic: Topic) -> None:
        self._core, self._number, self._partitions, self._topic = core, number, partitions, topic
        self.store = Stored()
        self._start()

    def _start(self) -> None:
        self.partition = Partition(self._core, self._number, self.store, 1000)
        finish(self.partition.restore())

    def take(self, event: Event, offset: int) -> None:
        """An event, unless it was applied."""
        if offset >= self.partition.next_offset:
            self.partition.take(event, offset)

    def idle_until(self, now_ms: int) -> None:
        """The wall clock moves it on: that is stored before anything follows from it."""
        if now_ms > self.partition.clock_ms:
            self.flush()
            self.partition.advance_clock(now_ms)
            self.flush()

    def flush(self, records: int | None = None) -> None:
        """Store what was taken, or only the first so many records of that: then the process ends."""
        before = len(self.store.log)
        self.store.flush(self.partition.collect())
        if records is not None:
            self.store = self.store.after(min(len(self.store.log), before + records))
            self._start()
        elif self.partition.totals.fleet is not None:
            self.partition.totals.fleet.stored()

    def send(self, *, ends_before_noting: bool = False) -> None:
        """Send what is stored; with an end of the process before that is noted."""
        fleet = self.partition.totals.fleet
        assert fleet is not None
        for closed in fleet.to_send():
            self._topic.send(FleetRecord(self._number, self._partitions, closed, self.partition.next_offset))
            if not ends_before_noting:
                fleet.sent(closed.until)

    def crash(self) -> None:
        """What was not stored is gone."""
        self._start()


class Judging:
    """The judge, its store, and all that it has emitted; transitions that were emitted again are counted once."""

    def __init__(self, core: Core, topic: Topic) -> None:
        self._core, self._topic = core, topic
        self.store = Stored()
        self.emitted: list[Alert] = []
        self.judge = FleetJudge(core)

    def read(self, most: int | None = None) -> None:
        """Take what the topic has, so many records at the most, and judge."""
        for offset, record in self._topic.since(self.judge.position)[:most]:
            self.judge.take(record, offset)
        while self.judge.has_work:
            self.emitted += self.judge.judge()

    def flush(self, records: int | None = None) -> None:
        """Store it, or only the first so many records of it."""
        writes = [*self.judge.writes().items(), *((key, None) for key in self.judge.garbage())]
        self.judge.is_dirty = False
        for write in writes[:records]:
            self.store.write(write)

    def crash(self) -> None:
        """What was not stored is gone."""
        self.judge = FleetJudge(self._core)
        self.judge.read(self.store)

    def transitions(self) -> list[tuple[str, str, int]]:
        """Rule, status and second of each, once; what was emitted again must be the same."""
        seen: dict[str, Alert] = {}
        for alert in self.emitted:
            assert seen.setdefault(alert.transition_id, alert) == alert
        return [(each.rule_id, each.status.value, each.updated_at_ms // 1000) for each in seen.values()]
