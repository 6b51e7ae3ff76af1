"""Where the delivering side reads, what it hands over, and what may be committed."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import pytest
from faust.types import TP

from agents.deliver import Delivery, Token
from agents.engine.fetching import Fetched
from models.alert import Alert, AlertStatus, Severity
from models.alert_codec import encode_alert
from tests.agents.desk import FakeRecord, turns

TOPIC = "alerts"


class FakeReader:
    """The consumer's part that is used. Topics reach from `beginning` to `end`."""

    def __init__(self) -> None:
        self.committed_offsets: dict[int, int] = {}
        self.beginning, self.last = 0, 0
        self.begun: list[tuple[int, int]] = []
        self.wanted: set[int] = set()

    async def begin(self, tp: TP, offset: int) -> int:
        self.begun.append((tp.partition, offset))
        self.wanted.add(tp.partition)
        return len(self.begun)

    def want(self, tp: TP) -> None:
        self.wanted.add(tp.partition)

    def do_not_want(self, tp: TP) -> None:
        self.wanted.discard(tp.partition)

    def end(self, tp: TP) -> int | None:
        return self.last

    async def committed(self, tps: Iterable[TP]) -> dict[TP, int]:
        return {tp: self.committed_offsets[tp.partition] for tp in tps if tp.partition in self.committed_offsets}

    async def earliest_offsets(self, *tps: TP) -> Mapping[TP, int]:
        return dict.fromkeys(tps, self.beginning)

    async def highwaters(self, *tps: TP) -> Mapping[TP, int]:
        return dict.fromkeys(tps, self.last)


class Office:
    """A delivery with everything around it written down."""

    def __init__(self, open_limit: int = 1000) -> None:
        self.reader = FakeReader()
        self.sent: list[tuple[str, Token]] = []
        self.forgotten = 0
        self.room = asyncio.Event()  # of the dead letters
        self.room.set()
        self.delivery = Delivery(TOPIC, self._send, self._forget, self._wait_for_room, open_limit)
        self.delivery.reader = self.reader

    def _send(self, alert: Alert, token: Token) -> None:
        self.sent.append((alert.title, token))

    def _forget(self, predicate: Callable[[Token], bool]) -> None:
        self.forgotten += 1

    async def _wait_for_room(self) -> None:
        await self.room.wait()

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.sent]

    async def bring(self, partition: int, *records: FakeRecord, next_offset: int | None = None) -> None:
        """What one poll brought."""
        end = records[-1].offset + 1 if next_offset is None else next_offset
        start = records[0].offset if records else end
        reading = max(number for number, (begun, _) in enumerate(self.reader.begun, 1) if begun == partition)
        await self.delivery.accept(Fetched(TP(TOPIC, partition), reading, start, end, list(records)))

    def commit_position(self, partition: int) -> int | None:
        return self.delivery.commit_position(TP(TOPIC, partition))


def alert(offset: int) -> FakeRecord:
    told = Alert(
        alert_key="r:p", alert_id="a", rule_id="r", alert_type="T", severity=Severity.INFO, status=AlertStatus.FIRING,
        project_id="p", title=f"alert {offset}", description="", value=None, threshold=0.0, window_minutes=None,
        sample_size=0, starts_at_ms=0, ends_at_ms=None, updated_at_ms=0,
    )  # fmt: skip
    return FakeRecord(offset, b"r:p", encode_alert(told))


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_partition_nobody_committed_is_delivered_from_its_beginning(office: Office) -> None:
    office.reader.beginning = 5  # what was before has expired
    await office.delivery.assign([0], 1)
    assert office.reader.begun == [(0, 5)]
    assert office.commit_position(0) == 5


async def test_delivery_goes_on_where_the_group_has_committed(office: Office) -> None:
    office.reader.committed_offsets = {0: 7, 1: 9}
    await office.delivery.assign([0, 1], 1)
    assert office.reader.begun == [(0, 7), (1, 9)]


async def test_an_offset_is_committed_when_all_before_it_are_done_in_whatever_order(office: Office) -> None:
    await office.delivery.assign([0], 4)
    await office.bring(0, alert(0), alert(1), alert(2))
    assert office.sent == [("alert 0", (4, 0, 0)), ("alert 1", (4, 0, 1)), ("alert 2", (4, 0, 2))]
    assert office.commit_position(0) == 0
    office.delivery.done((4, 0, 1))
    assert office.commit_position(0) == 0
    office.delivery.done((4, 0, 0))
    assert office.commit_position(0) == 2
    office.delivery.done((4, 0, 2))
    assert office.commit_position(0) == 3


async def test_what_nobody_is_shown_is_passed_over(office: Office) -> None:
    await office.delivery.assign([0], 1)
    await office.bring(0, alert(0), next_offset=4)
    office.delivery.done((1, 0, 0))
    assert office.commit_position(0) == 4


async def test_what_another_owner_began_is_not_done_by_this_one(office: Office) -> None:
    await office.delivery.assign([0], 1)
    await office.bring(0, alert(0))
    office.delivery.revoke()
    assert office.forgotten == 1
    assert office.commit_position(0) is None
    await office.delivery.assign([0], 2)
    await office.bring(0, alert(0))
    office.delivery.done((1, 0, 0))
    assert office.commit_position(0) == 0


async def test_records_of_an_earlier_reading_are_left_aside(office: Office) -> None:
    await office.delivery.assign([0], 1)
    stale = Fetched(TP(TOPIC, 0), 0, 0, 1, [alert(0)])
    await office.delivery.accept(stale)
    assert office.sent == []


async def test_a_record_that_is_no_alert_is_counted_and_passed_over(office: Office) -> None:
    await office.delivery.assign([0], 1)
    await office.bring(0, FakeRecord(0, b"k", b"not an alert"), FakeRecord(1, b"k", None), alert(2))
    assert office.delivery.undecodable == 2
    assert [title for title, _ in office.sent] == ["alert 2"]
    office.delivery.done((1, 0, 2))
    assert office.commit_position(0) == 3


async def test_offsets_that_are_gone_are_passed_and_what_is_there_is_delivered(office: Office) -> None:
    office.reader.committed_offsets = {0: 700}
    await office.delivery.assign([0], 1)
    lost = Fetched(TP(TOPIC, 0), 1, 700, 700, [])
    await office.delivery.out_of_range(lost)
    assert office.reader.begun == [(0, 700), (0, 0)]
    await office.bring(0, alert(0))
    assert [title for title, _ in office.sent] == ["alert 0"]


async def test_where_too_many_are_under_way_no_more_are_taken_until_half_of_them_are_done() -> None:
    office = Office(open_limit=4)
    await office.delivery.assign([0, 1], 1)
    await office.bring(0, alert(0), alert(1), alert(2))
    assert office.reader.wanted == {0, 1}
    bringing = asyncio.create_task(office.bring(0, alert(3), alert(4), alert(5)))
    await turns()
    assert office.titles == ["alert 0", "alert 1", "alert 2", "alert 3"], "never more than four"
    assert office.reader.wanted == set()
    office.delivery.done((1, 0, 0))
    await turns()
    assert len(office.sent) == 4
    office.delivery.done((1, 0, 2))
    await bringing
    assert office.titles[4:] == ["alert 4", "alert 5"]
    assert office.reader.wanted == {0, 1}
    assert office.commit_position(0) == 1


async def test_what_waits_for_room_belongs_to_the_next_owner_after_a_rebalance() -> None:
    office = Office(open_limit=2)
    await office.delivery.assign([0], 1)
    bringing = asyncio.create_task(office.bring(0, alert(0), alert(1), alert(2)))
    await turns()
    office.delivery.revoke()
    await bringing
    assert office.titles == ["alert 0", "alert 1"]


async def test_no_more_are_read_while_dead_letters_pile_up(office: Office) -> None:
    await office.delivery.assign([0], 1)
    office.reader.last = 9
    office.room.clear()
    bringing = asyncio.create_task(office.bring(0, alert(0)))
    await turns()
    assert not bringing.done()
    assert office.reader.wanted == set()
    assert list(office.delivery.backlogs()) == [], "it is meant to wait"
    office.room.set()
    await bringing
    assert office.reader.wanted == {0}


async def test_at_the_end_nothing_more_is_taken_and_what_is_under_way_still_counts() -> None:
    office = Office(open_limit=2)
    await office.delivery.assign([0], 1)
    bringing = asyncio.create_task(office.bring(0, alert(0), alert(1), alert(2)))
    await turns()
    office.delivery.rest()
    await bringing
    await office.bring(0, alert(2), alert(3))
    assert office.titles == ["alert 0", "alert 1"]
    for offset in (0, 1):
        office.delivery.done((1, 0, offset))
    assert office.commit_position(0) == 2


async def test_a_backlog_is_told_of_unless_it_is_meant_to_wait() -> None:
    office = Office(open_limit=2)
    await office.delivery.assign([0], 1)
    office.reader.last = 10
    assert list(office.delivery.backlogs()) == [(TP(TOPIC, 0), 0, 10)]
    bringing = asyncio.create_task(office.bring(0, alert(0), alert(1), alert(2)))
    await turns()
    assert list(office.delivery.backlogs()) == []
    office.delivery.revoke()
    await bringing
