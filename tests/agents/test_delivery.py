"""Where the delivering side reads, what it hands over, and what may be committed."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from faust.types import TP
from structlog.testing import capture_logs

from agents.dispatch import read_positions
from agents.dispatch.codecs import encode_notification
from agents.dispatch.notification_consumer import NotificationConsumer, Token
from agents.fetching.consumer_thread import Fetched
from agents.fetching.record_parsing import UnreadableBatch
from models.dead_letter import DeadLetterReason
from streams.dispatch.outputs import Notification
from tests.agents.desk import FakeRecord, turns
from tests.alert_sinks.support import alert_of, notification

TOPIC = "notifications"


class FakeReader:
    """The consumer's part that is used. Topics reach from `beginning` to `end`."""

    def __init__(self) -> None:
        self.committed_offsets: dict[int, int] = {}
        self.beginning, self.last = 0, 0
        self.begun: list[tuple[int, int]] = []
        self.leaderless: set[int] = set()
        self.commits: asyncio.Event | None = None  # waited for by each
        self.notes: dict[int, str] = {}
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

    async def committed(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        offsets, notes = self.committed_offsets, self.notes
        return {tp: (offsets[tp.partition], notes.get(tp.partition, "")) for tp in tps if tp.partition in offsets}

    async def commit_with_notes(self, positions: Mapping[TP, tuple[int, str]]) -> None:
        if self.commits is not None:
            await self.commits.wait()
        for tp, (offset, note) in positions.items():
            self.committed_offsets[tp.partition], self.notes[tp.partition] = offset, note

    async def earliest_offsets(self, *tps: TP) -> Mapping[TP, int]:
        if any(tp.partition in self.leaderless for tp in tps):
            raise KafkaTimeoutError
        return dict.fromkeys(tps, self.beginning)


class Office:
    """A delivery with everything around it written down."""

    def __init__(self, open_limit: int = 1000) -> None:
        self.reader = FakeReader()
        self.sent: list[tuple[str, Token]] = []
        self.forgotten = 0
        self.room = asyncio.Event()  # of the dead letters
        self.room.set()
        self.stood: dict[int, int] = {}  # reading -> where the next poll begins
        self.delivery = NotificationConsumer(TOPIC, self, open_limit)
        self.delivery.tracks.reader = self.reader

    def accept(self, notification: Notification, token: Token, /) -> None:
        self.sent.append((notification.notification_id, token))

    def forget(self, predicate: Callable[[Token], bool], /) -> None:
        self.forgotten += 1

    async def wait_for_room(self) -> None:
        await self.room.wait()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.sent]

    async def bring(self, partition: int, *records: FakeRecord, next_offset: int | None = None) -> None:
        """What one poll brought, from where reading stood on."""
        end = records[-1].offset + 1 if next_offset is None else next_offset
        reading = max(number for number, (begun, _) in enumerate(self.reader.begun, 1) if begun == partition)
        start = self.stood.get(reading, self.reader.begun[reading - 1][1])
        self.stood[reading] = end
        await self.delivery.accept(Fetched(TP(TOPIC, partition), reading, start, end, list(records)))

    def commit_position(self, partition: int) -> int | None:
        return self.delivery.tracks.commit_position(TP(TOPIC, partition))


def note(offset: int) -> FakeRecord:
    """A notification of its own."""
    return FakeRecord(offset, b"team", encode_notification(notification("team", alert_of("p"), name=f"n {offset}")))


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_partition_nobody_committed_is_delivered_from_its_beginning(office: Office) -> None:
    office.reader.beginning = 5  # what was before has expired
    await office.delivery.tracks.assign([0], 1)
    assert office.reader.begun == [(0, 5)]
    assert office.commit_position(0) == 5


async def test_delivery_goes_on_where_the_group_has_committed(office: Office) -> None:
    office.reader.committed_offsets = {0: 7, 1: 9}
    await office.delivery.tracks.assign([0, 1], 1)
    assert office.reader.begun == [(0, 7), (1, 9)]
    assert (office.commit_position(0), office.commit_position(1)) == (7, 9)
    await office.bring(0, note(7))
    assert office.names == ["n 7"]


async def test_an_offset_is_committed_when_all_before_it_are_done_in_whatever_order(office: Office) -> None:
    await office.delivery.tracks.assign([0], 4)
    await office.bring(0, note(0), note(1), note(2))
    assert office.sent == [("n 0", (4, 0, 0)), ("n 1", (4, 0, 1)), ("n 2", (4, 0, 2))]
    assert office.commit_position(0) == 0
    office.delivery.done((4, 0, 1))
    assert office.commit_position(0) == 0
    office.delivery.done((4, 0, 0))
    assert office.commit_position(0) == 2
    office.delivery.done((4, 0, 2))
    assert office.commit_position(0) == 3


async def test_what_nobody_is_shown_is_passed_over(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, note(0), next_offset=4)
    office.delivery.done((1, 0, 0))
    assert office.commit_position(0) == 4


async def test_what_another_owner_began_is_not_done_by_this_one(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, note(0))
    office.delivery.revoke()
    assert office.forgotten == 1
    assert office.commit_position(0) is None
    await office.delivery.tracks.assign([0], 2)
    await office.bring(0, note(0))
    office.delivery.done((1, 0, 0))
    assert office.commit_position(0) == 0


async def test_records_of_an_earlier_reading_are_left_aside(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    stale = Fetched(TP(TOPIC, 0), 0, 0, 1, [note(0)])
    await office.delivery.accept(stale)
    assert office.sent == []


async def test_where_a_poll_is_missing_nothing_behind_it_counts_as_done(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, note(0))
    with pytest.raises(RuntimeError, match="notifications from 3 on do not follow 1"):
        await office.delivery.accept(Fetched(TP(TOPIC, 0), 1, 3, 4, [note(3)]))
    assert office.names == ["n 0"]
    assert office.commit_position(0) == 0, "the one before it is still open"


async def test_a_record_that_is_no_notification_is_counted_and_passed_over(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, FakeRecord(0, b"k", b"not a notification"), FakeRecord(1, b"k", None), note(2))
    assert office.delivery.undecodable == 2
    assert office.names == ["n 2"]
    office.delivery.done((1, 0, 2))
    assert office.commit_position(0) == 3


async def test_offsets_that_are_gone_are_passed_and_what_is_there_is_delivered(office: Office) -> None:
    office.reader.committed_offsets = {0: 700}
    await office.delivery.tracks.assign([0], 1)
    lost = Fetched(TP(TOPIC, 0), 1, 700, 700, [])
    await office.delivery.tracks.out_of_range(lost)
    assert office.reader.begun == [(0, 700), (0, 0)]
    await office.bring(0, note(0))
    assert office.names == ["n 0"]


async def test_where_too_many_are_under_way_no_more_are_taken_until_half_of_them_are_done() -> None:
    office = Office(open_limit=4)
    await office.delivery.tracks.assign([0, 1], 1)
    await office.bring(0, note(0), note(1), note(2))
    assert office.reader.wanted == {0, 1}
    bringing = asyncio.create_task(office.bring(0, note(3), note(4), note(5)))
    await turns()
    assert office.names == ["n 0", "n 1", "n 2", "n 3"], "never more than four"
    assert office.reader.wanted == set()
    office.delivery.done((1, 0, 0))
    await turns()
    assert len(office.sent) == 4
    office.delivery.done((1, 0, 2))
    await bringing
    assert office.names[4:] == ["n 4", "n 5"]
    assert office.reader.wanted == {0, 1}
    assert office.commit_position(0) == 1


async def test_what_waits_for_room_belongs_to_the_next_owner_after_a_rebalance() -> None:
    office = Office(open_limit=2)
    await office.delivery.tracks.assign([0], 1)
    bringing = asyncio.create_task(office.bring(0, note(0), note(1), note(2)))
    await turns()
    office.delivery.revoke()
    await bringing
    assert office.names == ["n 0", "n 1"]


async def test_no_more_are_read_while_dead_letters_pile_up(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    office.reader.last = 9
    office.room.clear()
    bringing = asyncio.create_task(office.bring(0, note(0)))
    await turns()
    assert not bringing.done()
    assert office.reader.wanted == set()
    assert list(office.delivery.backlogs()) == [], "it is meant to wait"
    office.room.set()
    await bringing
    assert office.reader.wanted == {0}


async def test_at_the_end_nothing_more_is_taken_and_what_is_under_way_still_counts() -> None:
    office = Office(open_limit=2)
    await office.delivery.tracks.assign([0], 1)
    bringing = asyncio.create_task(office.bring(0, note(0), note(1), note(2)))
    await turns()
    office.delivery.stop_taking()
    await bringing
    await office.bring(0, note(2), note(3))
    assert office.names == ["n 0", "n 1"]
    for offset in (0, 1):
        office.delivery.done((1, 0, offset))
    assert office.commit_position(0) == 2


async def test_a_backlog_is_told_of_unless_it_is_meant_to_wait() -> None:
    office = Office(open_limit=2)
    await office.delivery.tracks.assign([0], 1)
    office.reader.last = 10
    assert list(office.delivery.backlogs()) == [(TP(TOPIC, 0), 0, 10)]
    bringing = asyncio.create_task(office.bring(0, note(0), note(1), note(2)))
    await turns()
    assert list(office.delivery.backlogs()) == []
    office.delivery.revoke()
    await bringing


async def test_a_partition_that_nobody_leads_keeps_none_of_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_positions, "ASK_AGAIN_SECONDS", 0.001)
    office.reader.leaderless = {1}
    assigning = asyncio.create_task(office.delivery.tracks.assign([0, 1], 1))
    while not office.reader.begun:  # noqa: ASYNC110 - what it waits for has no event
        await asyncio.sleep(0)
    await office.bring(0, note(0))
    assert office.names == ["n 0"]
    assert not assigning.done()
    office.reader.leaderless = set()
    await assigning
    assert office.reader.begun == [(0, 0), (1, 0)]


async def test_what_is_done_behind_something_open_is_not_told_again_after_a_crash(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    records = [note(offset) for offset in range(6)]
    await office.bring(0, *records)
    for offset in (0, 2, 3, 5):
        office.delivery.done((1, 0, offset))
    await office.delivery.commit()
    assert (office.reader.committed_offsets, office.reader.notes) == ({0: 1}, {0: "1:5:1-2,4-4:"})

    after = Office()
    after.reader = after.delivery.tracks.reader = office.reader
    await after.delivery.tracks.assign([0], 2)
    await after.bring(0, records[0])
    await after.delivery.commit()
    assert office.reader.notes == {0: "1:5:1-2,4-4:"}, "what the group knows is not forgotten while it is read again"
    await after.bring(0, *records[1:])
    assert after.names == ["n 1", "n 4"]
    for offset in (1, 4):
        after.delivery.done((2, 0, offset))
    await after.delivery.commit()
    assert (office.reader.committed_offsets, office.reader.notes) == ({0: 6}, {0: "1:0::"})


async def test_notifications_that_cannot_be_read_are_said_and_passed(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    bad: Any = UnreadableBatch(1, 4, DeadLetterReason.MALFORMED_JSON, "its checksum is wrong", b"")
    with capture_logs() as logged:
        await office.bring(0, note(0), bad, note(5))
    assert office.names == ["n 0", "n 5"]
    assert office.delivery.undecodable == 1
    assert [line for line in logged if line["log_level"] == "error"] == [
        {"log_level": "error", "event": "records of the notifications topic cannot be read", "partition": 0,
         "why": "Offsets 1 to 4 cannot be read: its checksum is wrong."},
    ]  # fmt: skip
