"""What the owner of events says of its alerts: which monitor it is, and whether more of the past is to come."""

import time
from collections.abc import AsyncIterator

import pytest

from agents.alerts.alert_headers import Mark, Ours, mark_headers, read_mark
from tests.agents.desk import NOW_MS, Desk, failure


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    desk.producer.answers_at_once = True
    yield desk
    await desk.close()


def heard(desk: Desk, end_offset: int) -> None:
    """A broker has just said where the log ends."""
    desk.consumer.end_offset, desk.consumer.answered = end_offset, time.time()


async def test_until_the_log_was_read_to_its_end_every_alert_is_marked_as_of_the_past(desk: Desk) -> None:
    await desk.own(0)
    desk.now_ms += 60_000  # the events are a minute old
    heard(desk, 2)
    await desk.take(0, failure(0, "p"))
    await desk.engine.arrivals.look()
    assert desk.producer.marks == [Mark("monitor", 0, is_behind=True)]
    assert desk.engine.owned[0].is_behind, "one record waits"

    await desk.take(0, failure(1, "q"))
    desk.engine.owned[0].arrival.at_end_since = time.monotonic() - 7  # what is due in the past has had its time
    heard(desk, 2)
    await desk.engine.arrivals.look()
    assert not desk.engine.owned[0].is_behind

    desk.now_ms = NOW_MS
    await desk.take(0, failure(2, "r"))
    assert [mark.is_behind for mark in desk.producer.marks] == [True, True, False]


async def test_what_is_due_in_the_past_belongs_to_it(desk: Desk) -> None:
    await desk.own(0)
    await desk.take(0, failure(0, "p"))
    desk.now_ms += 3_600_000  # the alert has ended long ago, as the clock will find
    heard(desk, 1)
    await desk.engine.arrivals.look()
    assert desk.engine.owned[0].is_behind


async def test_a_partition_whose_clock_is_in_the_present_has_caught_up_whatever_waits(desk: Desk) -> None:
    await desk.own(0)
    heard(desk, 10)
    await desk.take(0, failure(0, "p"))
    await desk.engine.arrivals.look()
    assert not desk.engine.owned[0].is_behind


async def test_an_old_transition_says_that_a_past_has_begun_to_come(desk: Desk) -> None:
    await desk.own(0)
    desk.engine.owned[0].is_behind = False
    await desk.take(0, failure(0, "p", occurred_at=NOW_MS - 31_000), failure(1, "q"))
    assert [mark.is_behind for mark in desk.producer.marks] == [True, True]
    assert desk.engine.owned[0].is_behind


async def test_where_a_producers_clock_is_behind_the_next_alert_is_news_at_once(desk: Desk) -> None:
    await desk.own(0)
    desk.now_ms += 180_000  # by the producer's clock all events are three minutes old
    await desk.take(0, failure(0, "p"))
    heard(desk, 1)
    await desk.engine.arrivals.look()
    assert not desk.engine.owned[0].is_behind, "it is at the end, and nothing is due"
    for offset in range(1, 4):
        await desk.take(0, failure(offset, f"p{offset}"))
    assert [mark.is_behind for mark in desk.producer.marks] == [True, False, False, False]

    desk.now_ms += 60_000
    await desk.take(0, failure(4, "q"))
    assert desk.producer.marks[-1].is_behind, "this one is a minute older than events are here"


async def test_a_past_that_is_sent_late_is_a_past_each_time(desk: Desk) -> None:
    await desk.own(0)
    desk.now_ms += 3_000_000  # no clock is so wrong
    for offset in range(2):
        desk.engine.owned[0].arrival.at_end_since = desk.engine.owned[0].arrival.at_end_at = time.monotonic() - 0.1
        await desk.take(0, failure(offset, f"p{offset}"))
        heard(desk, offset + 1)
        desk.engine.owned[0].arrival.at_end_since = time.monotonic() - 7
        await desk.engine.arrivals.look()
        assert not desk.engine.owned[0].is_behind
    assert [mark.is_behind for mark in desk.producer.marks] == [True, True]


async def test_events_that_come_all_the_time_do_not_keep_a_late_partition_in_the_past(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.own(0)
    owned = desk.engine.owned[0]
    await desk.take(0, failure(0, "p"))
    monkeypatch.setattr(owned.partition, "next_deadline_ms", lambda: NOW_MS)  # something is always due
    desk.now_ms += 180_000
    heard(desk, 1)
    await desk.engine.arrivals.look()
    began = owned.arrival.at_end_since
    assert owned.is_behind
    assert began is not None
    await desk.take(0, failure(1, "q"))  # one more alert that is late
    heard(desk, 3)  # and at this look one event waits
    await desk.engine.arrivals.look()
    assert owned.arrival.at_end_since == began
    owned.arrival.at_end_since = began - 7
    await desk.engine.arrivals.look()
    assert not owned.is_behind


async def test_while_a_past_is_copied_into_the_log_its_alerts_are_held(desk: Desk) -> None:
    await desk.own(0)
    owned = desk.engine.owned[0]
    await desk.take(0, failure(0, "p"))
    desk.now_ms += 3_600_000
    heard(desk, 1)
    await desk.engine.arrivals.look()
    assert owned.arrival.at_end_since is not None
    owned.arrival.at_end_since -= 7
    await desk.take(0, failure(1, "q"))
    heard(desk, 2)
    await desk.engine.arrivals.look()
    assert owned.is_behind


async def test_a_log_that_was_long_not_at_its_end_is_read_as_a_past_again(desk: Desk) -> None:
    await desk.own(0)
    owned = desk.engine.owned[0]
    await desk.take(0, failure(0, "p"))
    desk.now_ms += 3_600_000
    heard(desk, 1)
    await desk.engine.arrivals.look()
    owned.arrival.at_end_at -= 3
    assert owned.arrival.at_end_since is not None
    owned.arrival.at_end_since -= 7
    heard(desk, 50)
    await desk.engine.arrivals.look()
    assert owned.is_behind
    assert owned.arrival.at_end_since is None


def test_marks_of_any_bytes_are_read() -> None:
    assert read_mark(mark_headers("m", 3, True)) == Mark("m", 3, is_behind=True)
    assert read_mark([*mark_headers("m", 3, False), ("follows_act", b"1")]) == Mark("m", 3, follows_act=True)
    assert read_mark([("monitor_id", b"\xff"), ("events_partition", b"-1"), ("behind", None)]) == Mark("\ufffd", None)
    assert read_mark([("events_partition", b"1" * 5000)]) == Mark()
    assert read_mark([("monitor_id", None)]) == read_mark([]) == Mark()


def test_other_monitors_are_named_within_bounds() -> None:
    ours = Ours("m", 0)
    for number in range(300):
        ours.pass_over(Mark(f"other-{number}"))
        ours.pass_over(Mark("other-0"))
    assert len(ours.foreign) == 100
    assert ours.foreign["other-0"] == 301


def test_the_name_of_another_monitor_is_kept_in_part_where_it_is_long() -> None:
    ours = Ours("m", 0)
    ours.pass_over(Mark("x" * 1_000_000))
    assert ours.foreign == {"x" * 200: 1}


def test_a_record_without_a_mark_is_ours_where_we_have_read_the_topic_before_or_it_is_new() -> None:
    ours = Ours("m", NOW_MS)
    assert [ours.has(Mark(), NOW_MS - 1), ours.has(Mark(), NOW_MS)] == [False, True]
    ours.takes_unmarked = True
    assert ours.has(Mark(), NOW_MS - 1)
    assert [ours.has(Mark("m"), 0), ours.has(Mark("other"), NOW_MS)] == [True, False]
