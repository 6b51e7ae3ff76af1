"""What the owner of events says of its alerts: which monitor it is, and whether more of the past is to come."""

import time
from collections.abc import AsyncIterator

import pytest

from agents.marks import Mark, Ours, mark_headers, read_mark
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
    await desk.engine.note_caught_up()
    assert desk.producer.marks == [Mark("monitor", 0, is_behind=True)]
    assert desk.engine.owned[0].is_behind, "one record waits"

    await desk.take(0, failure(1, "q"))
    desk.engine.owned[0].at_end_since = time.monotonic() - 7  # what is due in the past has had its time
    heard(desk, 2)
    await desk.engine.note_caught_up()
    assert not desk.engine.owned[0].is_behind

    desk.now_ms = NOW_MS
    await desk.take(0, failure(2, "r"))
    assert [mark.is_behind for mark in desk.producer.marks] == [True, True, False]


async def test_what_is_due_in_the_past_belongs_to_it(desk: Desk) -> None:
    await desk.own(0)
    await desk.take(0, failure(0, "p"))
    desk.now_ms += 3_600_000  # the alert has ended long ago, as the clock will find
    heard(desk, 1)
    await desk.engine.note_caught_up()
    assert desk.engine.owned[0].is_behind


async def test_a_partition_whose_clock_is_in_the_present_has_caught_up_whatever_waits(desk: Desk) -> None:
    await desk.own(0)
    heard(desk, 10)
    await desk.take(0, failure(0, "p"))
    await desk.engine.note_caught_up()
    assert not desk.engine.owned[0].is_behind


async def test_an_old_transition_says_that_a_past_has_begun_to_come(desk: Desk) -> None:
    await desk.own(0)
    desk.engine.owned[0].is_behind = False
    await desk.take(0, failure(0, "p", occurred_at=NOW_MS - 31_000), failure(1, "q"))
    assert [mark.is_behind for mark in desk.producer.marks] == [True, True]
    assert desk.engine.owned[0].is_behind


def test_marks_of_any_bytes_are_read() -> None:
    assert read_mark(mark_headers("m", 3, True)) == Mark("m", 3, is_behind=True)
    assert read_mark([("monitor_id", b"\xff"), ("events_partition", b"-1"), ("behind", None)]) == Mark("\ufffd", None)
    assert read_mark([("monitor_id", None)]) == read_mark([]) == Mark()


def test_other_monitors_are_named_within_bounds() -> None:
    ours = Ours("m", 0)
    for number in range(300):
        ours.pass_over(Mark(f"other-{number}"))
        ours.pass_over(Mark("other-0"))
    assert len(ours.foreign) == 100
    assert ours.foreign["other-0"] == 301
