"""Where the delivering side reads, what it hands over, and what may be committed."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from faust.types import TP
from structlog.testing import capture_logs

from agents.alerts import read_positions
from agents.alerts.alert_consumer import AlertConsumer, Token
from agents.alerts.alert_headers import Ours, mark_headers
from agents.fetching.consumer_thread import Fetched
from agents.fetching.record_parsing import UnreadableBatch
from alert_sinks.held_past import HeldPast, Notice
from models.alert import Alert, AlertStatus, Severity
from models.alert_codec import encode_alert
from models.dead_letter import DeadLetterReason
from streams.dispatch.outputs import Notification
from tests.agents.desk import NOW_MS, FakeRecord, turns

TOPIC = "alerts"


class FakeReader:
    """The consumer's part that is used. Topics reach from `beginning` to `end`."""

    def __init__(self) -> None:
        self.committed_offsets: dict[int, int] = {}
        self.beginning, self.last = 0, 0
        self.begun: list[tuple[int, int]] = []
        self.answered: float | None = None
        self.leaderless: set[int] = set()
        self.commits: asyncio.Event | None = None  # waited for by each
        self.silent: dict[int, float | None] = {}  # partition -> when it was heard of last
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

    def answered_at(self, tp: TP) -> float | None:
        return self.silent.get(tp.partition, self.answered)

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
        self.now_ms = NOW_MS
        self.caught_up: dict[int, int] = {}  # partition of events -> when it was said
        self.together: list[list[str]] = []
        self.stood: dict[int, int] = {}  # reading -> where the next poll begins
        ours = Ours("monitor", NOW_MS)
        self.delivery = AlertConsumer(
            TOPIC,
            ours,
            self,
            HeldPast(300_000),
            open_limit,
            lambda: self.now_ms,
            lambda number: self.caught_up.get(number),
        )
        self.delivery.tracks.reader = self.reader

    def accept(self, alert: Alert, token: Token, /, *, on_call_knows: bool) -> None:
        self.sent.append((alert.title, token))

    def accept_together(self, notices: Sequence[Notice[Token]], /) -> None:
        self.together.append([notice.alert.title for notice in notices])
        self.sent.extend((notice.alert.title, notice.token) for notice in notices)

    def accept_notification(self, notification: Notification, token: Token, /) -> None:
        raise AssertionError("it reads transitions")

    def forget(self, predicate: Callable[[Token], bool], /) -> None:
        self.forgotten += 1

    async def wait_for_room(self) -> None:
        await self.room.wait()

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.sent]

    async def bring(self, partition: int, *records: FakeRecord, next_offset: int | None = None) -> None:
        """What one poll brought, from where reading stood on."""
        end = records[-1].offset + 1 if next_offset is None else next_offset
        reading = max(number for number, (begun, _) in enumerate(self.reader.begun, 1) if begun == partition)
        start = self.stood.get(reading, self.reader.begun[reading - 1][1])
        self.stood[reading] = end
        await self.delivery.accept(Fetched(TP(TOPIC, partition), reading, start, end, list(records)))

    def commit_position(self, partition: int) -> int | None:
        return self.delivery.tracks.commit_position(TP(TOPIC, partition))


def alert(
    offset: int, *, monitor_id: str | None = None, is_behind: bool = False, timestamp: int = NOW_MS, key: str = "r:p",
    status: AlertStatus = AlertStatus.FIRING,
) -> FakeRecord:  # fmt: skip
    """A firing of its own, unless `status` says that it is the end of the firing one offset before."""
    firing = offset if status is AlertStatus.FIRING else offset - 1
    told = Alert(
        alert_key=key, alert_id=f"a{firing}", rule_id="r", alert_type="T", severity=Severity.INFO, status=status,
        project_id="p", title=f"alert {offset}", description="", value=None, threshold=0.0, window_minutes=None,
        sample_size=0, starts_at_ms=0, ends_at_ms=None, updated_at_ms=0,
    )  # fmt: skip
    headers = mark_headers(monitor_id, 0, is_behind) if monitor_id is not None else []
    return FakeRecord(offset, key.encode(), encode_alert(told), timestamp, tuple(headers))  # type: ignore[arg-type]


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
    assert office.reader.begun == [(0, 0), (1, 0)], "a little before, to know who was told when"
    assert (office.commit_position(0), office.commit_position(1)) == (7, 9)
    await office.bring(0, alert(6), alert(7))
    assert office.titles == ["alert 7"]


async def test_an_offset_is_committed_when_all_before_it_are_done_in_whatever_order(office: Office) -> None:
    await office.delivery.tracks.assign([0], 4)
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
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, alert(0), next_offset=4)
    office.delivery.done((1, 0, 0))
    assert office.commit_position(0) == 4


async def test_what_another_owner_began_is_not_done_by_this_one(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, alert(0))
    office.delivery.revoke()
    assert office.forgotten == 1
    assert office.commit_position(0) is None
    await office.delivery.tracks.assign([0], 2)
    await office.bring(0, alert(0))
    office.delivery.done((1, 0, 0))
    assert office.commit_position(0) == 0


async def test_records_of_an_earlier_reading_are_left_aside(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    stale = Fetched(TP(TOPIC, 0), 0, 0, 1, [alert(0)])
    await office.delivery.accept(stale)
    assert office.sent == []


async def test_where_a_poll_is_missing_nothing_behind_it_counts_as_done(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, alert(0))
    with pytest.raises(RuntimeError, match="alerts from 3 on do not follow 1"):
        await office.delivery.accept(Fetched(TP(TOPIC, 0), 1, 3, 4, [alert(3)]))
    assert office.titles == ["alert 0"]
    assert office.commit_position(0) == 0, "the one before it is still open"


async def test_a_record_that_is_no_alert_is_counted_and_passed_over(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, FakeRecord(0, b"k", b"not an alert"), FakeRecord(1, b"k", None), alert(2))
    assert office.delivery.undecodable == 2
    assert [title for title, _ in office.sent] == ["alert 2"]
    office.delivery.done((1, 0, 2))
    assert office.commit_position(0) == 3


async def test_offsets_that_are_gone_are_passed_and_what_is_there_is_delivered(office: Office) -> None:
    office.reader.committed_offsets = {0: 700}
    await office.delivery.tracks.assign([0], 1)
    lost = Fetched(TP(TOPIC, 0), 1, 0, 0, [])
    await office.delivery.tracks.out_of_range(lost)
    assert office.reader.begun == [(0, 0), (0, 0)]
    await office.bring(0, alert(0))
    assert [title for title, _ in office.sent] == ["alert 0"]


async def test_where_too_many_are_under_way_no_more_are_taken_until_half_of_them_are_done() -> None:
    office = Office(open_limit=4)
    await office.delivery.tracks.assign([0, 1], 1)
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
    await office.delivery.tracks.assign([0], 1)
    bringing = asyncio.create_task(office.bring(0, alert(0), alert(1), alert(2)))
    await turns()
    office.delivery.revoke()
    await bringing
    assert office.titles == ["alert 0", "alert 1"]


async def test_no_more_are_read_while_dead_letters_pile_up(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
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
    await office.delivery.tracks.assign([0], 1)
    bringing = asyncio.create_task(office.bring(0, alert(0), alert(1), alert(2)))
    await turns()
    office.delivery.stop_taking()
    await bringing
    await office.bring(0, alert(2), alert(3))
    assert office.titles == ["alert 0", "alert 1"]
    for offset in (0, 1):
        office.delivery.done((1, 0, offset))
    assert office.commit_position(0) == 2


async def test_a_backlog_is_told_of_unless_it_is_meant_to_wait() -> None:
    office = Office(open_limit=2)
    await office.delivery.tracks.assign([0], 1)
    office.reader.last = 10
    assert list(office.delivery.backlogs()) == [(TP(TOPIC, 0), 0, 10)]
    bringing = asyncio.create_task(office.bring(0, alert(0), alert(1), alert(2)))
    await turns()
    assert list(office.delivery.backlogs()) == []
    office.delivery.revoke()
    await bringing


async def test_what_another_monitor_wrote_is_passed_over(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, alert(0, monitor_id="other"), alert(1, monitor_id="monitor"), alert(2, monitor_id="other"))
    assert office.titles == ["alert 1"]
    office.delivery.done((1, 0, 1))
    assert office.commit_position(0) == 3, "what is not ours waits for nobody"


async def test_a_new_monitor_repeats_nothing_that_a_version_without_marks_wrote(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, alert(0, timestamp=NOW_MS - 1), alert(1))
    assert office.titles == ["alert 1"], "written since it began"


async def test_what_was_written_while_the_events_were_behind_waits_until_they_have_caught_up(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, alert(0, monitor_id="monitor", is_behind=True))
    office.reader.last, office.reader.answered = 1, NOW_MS / 1000 + 5
    await office.delivery.look()
    assert office.titles == []
    assert (office.commit_position(0), office.delivery.held, office.delivery.pending) == (0, 1, 0)

    office.caught_up[0] = NOW_MS  # said before the alert was taken: of a former owner
    await office.delivery.look()
    assert office.titles == []

    office.now_ms += 1000
    office.caught_up[0] = office.now_ms
    office.reader.answered = NOW_MS / 1000  # what the broker said before that
    await office.delivery.look()
    assert office.titles == []

    office.reader.answered = NOW_MS / 1000 + 3
    office.reader.last = 2  # one more was written in between
    office.now_ms += 3000
    await office.delivery.look()
    assert office.titles == []
    office.reader.last = 1
    await office.delivery.look()
    assert office.together == [["alert 0"]]


async def test_a_partition_of_alerts_that_nobody_leads_keeps_none_of_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_positions, "ASK_AGAIN_SECONDS", 0.001)
    office.reader.leaderless = {1}
    assigning = asyncio.create_task(office.delivery.tracks.assign([0, 1], 1))
    while not office.reader.begun:  # noqa: ASYNC110 - what it waits for has no event
        await asyncio.sleep(0)
    await office.bring(0, alert(0))
    assert office.titles == ["alert 0"]
    assert not assigning.done()
    office.reader.leaderless = set()
    await assigning
    assert office.reader.begun == [(0, 0), (1, 0)]


async def test_alerts_that_caught_up_are_told_while_nobody_coordinates_the_group(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_positions, "COMMIT_PATIENCE_SECONDS", 0.001)
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, alert(0, monitor_id="monitor", is_behind=True))
    office.reader.last, office.reader.commits = 1, asyncio.Event()
    for passed_ms in (1_000, 2_000):
        office.now_ms = NOW_MS + passed_ms
        office.caught_up[0], office.reader.answered = office.now_ms, office.now_ms / 1000
        await office.delivery.look()
    assert office.together == [["alert 0"]]


@pytest.mark.parametrize("heard_at", [None, NOW_MS / 1000 - 60])
async def test_alerts_of_the_past_do_not_wait_for_a_partition_whose_broker_is_away(
    office: Office, heard_at: float | None
) -> None:
    await office.delivery.tracks.assign([0, 1], 1)
    await office.bring(0, alert(0, monitor_id="monitor", is_behind=True))
    office.reader.silent[1] = heard_at
    office.reader.last = 1
    for passed_ms in (1_000, 29_000, 31_000):
        assert office.together == []
        office.now_ms = NOW_MS + passed_ms
        office.caught_up[0], office.reader.answered = office.now_ms, office.now_ms / 1000
        await office.delivery.look()
    assert office.together == [["alert 0"]]


async def test_while_no_broker_answers_nothing_of_the_past_is_told(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, alert(0, monitor_id="monitor", is_behind=True))
    office.reader.last, office.reader.answered = 1, NOW_MS / 1000
    for passed_ms in (1_000, 60_000, 61_000):
        office.now_ms = NOW_MS + passed_ms
        office.caught_up[0] = office.now_ms
        await office.delivery.look()
    assert office.together == []


async def test_what_was_read_too_late_waits_as_the_past_does(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    office.now_ms += 30_001
    await office.bring(0, alert(0, monitor_id="monitor"), alert(1, monitor_id="monitor", timestamp=NOW_MS + 30_001))
    assert office.titles == [], "the second is of the same alert"
    assert office.delivery.held == 1


async def test_held_alerts_take_no_room_from_those_under_way() -> None:
    office = Office(open_limit=2)
    await office.delivery.tracks.assign([0], 1)
    behind = [alert(offset, monitor_id="monitor", is_behind=True, key=f"r:{offset}") for offset in range(5)]
    await office.bring(0, *behind)
    assert (office.delivery.held, office.delivery.pending) == (5, 0)
    assert office.commit_position(0) == 0, "after a crash they are read again"


async def test_what_is_held_belongs_to_the_next_owner(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    await office.bring(0, alert(0, monitor_id="monitor", is_behind=True))
    office.delivery.revoke()
    assert office.delivery.held == 0


async def test_what_is_done_behind_something_open_is_not_told_again_after_a_crash(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    records = [alert(offset, key=f"r:{offset}") for offset in range(6)]
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
    assert after.titles == ["alert 1", "alert 4"]
    for offset in (1, 4):
        after.delivery.done((2, 0, offset))
    await after.delivery.commit()
    assert (office.reader.committed_offsets, office.reader.notes) == ({0: 6}, {0: "1:0::"})


async def test_alerts_that_cannot_be_read_are_said_and_passed(office: Office) -> None:
    await office.delivery.tracks.assign([0], 1)
    bad: Any = UnreadableBatch(1, 4, DeadLetterReason.MALFORMED_JSON, "its checksum is wrong", b"")
    with capture_logs() as logged:
        await office.bring(0, alert(0), bad, alert(5))
    assert office.titles == ["alert 0", "alert 5"]
    assert office.delivery.undecodable == 1
    assert [line for line in logged if line["log_level"] == "error"] == [
        {"log_level": "error", "event": "records of the alerts topic cannot be read", "partition": 0,
         "why": "Offsets 1 to 4 cannot be read: its checksum is wrong."},
    ]  # fmt: skip


async def catch_up(office: Office, end: int) -> None:
    """Partition 0 of the events says that it has caught up, and the alerts are read to their end after that."""
    office.reader.last, office.reader.answered = end, NOW_MS / 1000 + 5
    for _ in range(2):
        office.now_ms += 4000
        office.caught_up[0] = office.now_ms
        await office.delivery.look()


async def test_the_end_of_what_may_have_been_told_before_a_crash_is_told(office: Office) -> None:
    """Held alerts are told only after a note that they are held no longer."""
    await office.delivery.tracks.assign([0], 1)
    firing = alert(0, monitor_id="monitor", is_behind=True)
    await office.bring(0, firing)
    await office.delivery.commit()
    assert office.reader.notes == {0: "1:1::0-0"}

    before = Office()  # ended while it held the alert: nobody was told
    before.reader.committed_offsets, before.reader.notes = {0: 0}, {0: "1:1::0-0"}
    await before.delivery.tracks.assign([0], 2)
    end = alert(1, monitor_id="monitor", is_behind=True, status=AlertStatus.RESOLVED)
    await before.bring(0, firing, end)
    assert before.delivery.held == 0

    await catch_up(office, 1)
    assert office.together == [["alert 0"]]
    assert office.reader.notes == {0: "1:1::"}, "noted before it was told"

    after = Office()  # ended before it could say that it was told
    after.reader.committed_offsets, after.reader.notes = {0: 0}, {0: "1:1::"}
    await after.delivery.tracks.assign([0], 2)
    await after.bring(0, firing, end)
    await catch_up(after, 2)
    assert after.together == [["alert 1"]], "its end"
