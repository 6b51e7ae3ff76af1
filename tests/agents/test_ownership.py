"""A partition from its assignment to its revocation, without a broker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

import pytest

from agents.engine import engine
from agents.engine.checkpoint import Collected
from agents.engine.dead_letter_backoff import DeadLetterBackoff
from agents.engine.last_record import KEY as LAST_RECORD
from agents.engine.last_record import LastRecord, decode_last_record, last_record_of
from agents.engine.ownership import Change, Owned, PartitionPhase
from agents.fetching.consumer_thread import Fetched
from agents.fetching.reading import Record
from models.dead_letter import DeadLetter
from testbed.worker_process import make_core
from tests.agents.desk import EVENTS, NOW_MS, Desk, FakeRecord, event, turns, useless


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    await desk.close()


def take(owned: Owned, *records: FakeRecord) -> list[bytes | None]:
    """Values of the dead letters among them."""
    return [letter.value for letter in owned.take(list(records), lambda: NOW_MS)]


def an_owned() -> Owned:
    return Owned(EVENTS, 0, 1, make_core(), 100)


# --- taking


def test_records_that_were_taken_before_are_left_out() -> None:
    owned = an_owned()
    take(owned, event(0, "p"), event(1, "p", episode_number=2))
    take(owned, event(1, "p", episode_number=2), event(2, "p", episode_number=3))
    assert owned.counts.outcomes == {"applied": 3, "already_applied": 0, "dead_letter": 0, "tombstone": 0}
    assert owned.position == 3


def test_what_is_no_event_is_passed_over_and_counted_by_what_it_is() -> None:
    owned = an_owned()
    assert take(owned, useless(0), FakeRecord(1, b"p", None), event(2, "p")) == [b"useless"]
    assert owned.counts.outcomes == {"applied": 1, "already_applied": 0, "dead_letter": 1, "tombstone": 1}
    assert owned.counts.dead_letters_by_reason == {"malformed_json": 1}
    assert owned.position == owned.partition.next_offset == 3


def test_records_that_need_a_closer_look_are_taken_in_their_place_among_the_others() -> None:
    owned = an_owned()
    told = event(1, "p", episode_number=2)
    records = [
        event(0, "p"),
        told._replace(headers=(("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"),)),
        event(2, "p", episode_number=3),
        useless(3),
        FakeRecord(4, None, event(4, "q").value),
        event(5, "p", episode_number=4),
        FakeRecord(6, b"p", None),
    ]
    assert take(owned, *records) == [b"useless"]
    assert owned.counts.outcomes == {"applied": 5, "already_applied": 0, "dead_letter": 1, "tombstone": 1}
    assert (owned.position, owned.partition.next_offset, owned.keyless) == (7, 7, {"q"})
    state = owned.partition.state("p")
    assert state is not None
    assert (state.numbering.max_number, state.applied, state.resends) == (4, 5, 0)


async def test_what_a_slice_had_no_time_for_is_taken_by_later_ones(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SLICE_SECONDS", 0.0)
    slices: list[tuple[int, list[int]]] = []
    emit = desk.engine.emitter.emit

    async def noted(change: Change, letters: Sequence[DeadLetter] = (), records: Sequence[Record] = ()) -> None:
        if records:
            slices.append((change.owned.number, [record.offset for record in records]))
        await emit(change, letters, records)

    monkeypatch.setattr(desk.engine.emitter, "emit", noted)
    await desk.own(0)
    await desk.take(0, *(event(number, "p", episode_number=1 + number) for number in range(35)))
    await turns()
    assert slices == [(0, [*range(16)]), (0, [*range(16, 32)]), (0, [32, 33, 34])], "of 16, where the time is over"
    assert desk.engine.owned[0].counts.outcomes["applied"] == desk.engine.owned[0].position == 35


async def test_no_two_partitions_take_a_slice_in_the_same_turn_of_the_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SLICE_SECONDS", 0.0)
    for number in range(3):
        await desk.own(number)
    now, taken_at = 0, []
    for owned in desk.engine.owned.values():
        take = owned.take

        def noted(*args: Any, take: Callable[..., list[DeadLetter]] = take) -> list[DeadLetter]:
            taken_at.append(now)
            return take(*args)

        monkeypatch.setattr(owned, "take", noted)
        records = [event(offset, "p", episode_number=1 + offset) for offset in range(64)]
        owned.inbox.put(Fetched(desk.engine.assignment.tp(owned.number), owned.reading, 0, 64, cast(Any, records)))
    while any(owned.position < 64 for owned in desk.engine.owned.values()):
        await asyncio.sleep(0)
        now += 1
    assert len(taken_at) == len(set(taken_at)) == 12


def test_dead_letters_in_a_row_are_counted_over_polls_and_forgotten_at_a_good_record() -> None:
    owned = an_owned()
    take(owned, useless(0), useless(1))
    take(owned, FakeRecord(2, b"p", None), useless(3))
    assert owned.letters_in_a_row == 3
    take(owned, useless(4), event(5, "p"), useless(6))
    assert owned.letters_in_a_row == 1


def test_a_record_whose_dead_letter_was_written_before_a_crash_is_passed_over_whatever_it_looks_like_now() -> None:
    owned = an_owned()
    owned.begin_at(0, {0, 1})
    assert take(owned, useless(0), event(1, "p"), event(2, "p")) == []
    assert owned.counts.outcomes["applied"] == 1
    assert owned.position == 3


def test_a_partition_whose_beginning_has_expired_begins_where_there_is_something() -> None:
    owned = an_owned()
    owned.begin_at(7, set())
    assert owned.position == owned.committed == 7


# --- what is stored


async def collect(owned: Owned, letters_from: int) -> Collected:
    owned.cut(letters_from)
    return await owned.collect()


async def test_the_last_record_is_remembered_beside_the_cursor() -> None:
    owned = an_owned()
    take(owned, event(0, "p"), useless(1))
    collected = await collect(owned, 5)
    assert decode_last_record(dict(collected.closing)[LAST_RECORD]) == last_record_of(useless(1), 5)
    assert [key for key, _ in collected.closing] == [LAST_RECORD, b"o"]
    owned.pass_to(4)
    assert [key for key, _ in (await collect(owned, 5)).closing] == [b"o"], "nothing was taken since"


async def test_what_is_taken_after_the_cut_is_left_to_the_next_flush() -> None:
    owned = an_owned()
    take(owned, event(0, "p"), useless(1))
    owned.cut(letters_from=5)
    take(owned, event(2, "p", episode_number=2))
    first = await owned.collect()
    assert first.next_offset == 2
    assert decode_last_record(dict(first.closing)[LAST_RECORD]) == last_record_of(useless(1), 5)
    second = await collect(owned, 6)
    assert second.next_offset == 3
    assert decode_last_record(dict(second.closing)[LAST_RECORD]) == last_record_of(event(2, "p", episode_number=2), 6)


async def test_letters_of_before_a_crash_are_looked_for_again_until_all_of_them_were_passed() -> None:
    owned = an_owned()
    owned.checkpoint.last_stored = LastRecord(0, NOW_MS, 0, letters_from=3)
    owned.begin_at(0, {1, 2})
    take(owned, event(0, "p"), useless(1))
    assert decode_last_record(dict((await collect(owned, 9)).closing)[LAST_RECORD]) == last_record_of(useless(1), 3)
    take(owned, useless(2))
    assert decode_last_record(dict((await collect(owned, 9)).closing)[LAST_RECORD]) == last_record_of(useless(2), 9)


async def test_what_a_stored_head_no_longer_names_is_removed_by_the_flush_after_it() -> None:
    owned = an_owned()
    take(owned, *(event(number, "p", episode_number=number + 1) for number in range(3000)))
    first = await collect(owned, 0)
    owned.stored(first)
    take(owned, event(3000, "p", "episode.deleted", episode_id="ep-5"))
    second = await collect(owned, 0)
    chunk = next(key for key, value in second.state if key[:1] == b"c" and value is not None)
    assert all(value is not None for _, value in second.state)
    owned.stored(second)
    take(owned, event(3001, "q"))
    removed = [key for key, value in (await collect(owned, 0)).state if value is None]
    assert removed == [key for key, _ in first.state if key[:1] == b"c" and key[:5] == chunk[:5]]


# --- coming and going


async def test_a_partition_is_read_from_where_its_log_says_and_from_nowhere_else(desk: Desk) -> None:
    desk.producer.answers_at_once = True
    await desk.own(3)
    await desk.take(3, event(0, "p"), event(1, "p", episode_number=2))
    await desk.engine.flusher.flush()
    heir = Desk()
    heir.recovery.values = {key: value for key, value in desk.producer.written[3].items() if value is not None}
    await heir.own(3)
    assert heir.consumer.begun == [(3, 2)]
    await heir.close()


async def test_a_partition_that_is_revoked_while_it_is_read_back_is_never_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = asyncio.Event()

    async def slow(owned: Owned) -> None:
        entered.set()
        await asyncio.sleep(3600)

    monkeypatch.setattr(desk.recovery, "recover", slow)
    desk.engine.assign([0], 1)
    await entered.wait()
    owned = desk.engine.owned[0]
    await desk.engine.revoke()
    assert owned.phase is PartitionPhase.GONE
    assert desk.consumer.begun == []
    assert desk.stops == []


async def test_a_partition_that_waits_because_of_dead_letters_can_be_revoked_at_once() -> None:
    desk = Desk(backoff=lambda: DeadLetterBackoff(limit=3, first_seconds=3600))
    await desk.own(0)
    desk.producer.answers_at_once = True
    await desk.take(0, *(useless(number) for number in range(9)))
    assert desk.engine.owned[0].position == 3
    assert "3 dead letters in a row" in desk.engine.owned[0].problem
    assert list(desk.engine.progress.backlogs()) == [], "the watchdog leaves it alone"
    await desk.engine.revoke()
    assert desk.stops == []


async def test_what_comes_after_a_revocation_is_left_aside(desk: Desk) -> None:
    await desk.own(0)
    owned = desk.engine.owned[0]
    await desk.engine.revoke()
    desk.engine.assignment.owned = {}
    assert owned.phase is PartitionPhase.GONE
    assert desk.committed(0) is None
    desk.engine.assign([0], 2)
    await turns()
    await desk.take(0, event(0, "p"), reading=owned.reading)
    assert desk.engine.owned[0].position == 0


async def test_a_partition_with_enough_records_waiting_is_not_read_until_some_are_taken() -> None:
    desk = Desk(backoff=lambda: DeadLetterBackoff(limit=10_000))
    await desk.own(0, 1)
    tp = desk.engine.assignment.tp(0)
    async with desk.engine.owned[0].locked():  # somebody looks at it for long
        await desk.take(0, event(0, "p"))  # on its way already
        await desk.take(0, *(useless(number) for number in range(1, 5000)), start=1)
        assert tp in desk.consumer.wanted
        await desk.take(0, event(5000, "p"), start=5000)
        assert tp not in desk.consumer.wanted
        assert desk.engine.assignment.tp(1) in desk.consumer.wanted
    async with asyncio.timeout(10):
        while desk.engine.owned[0].position < 5001:  # noqa: ASYNC110 - it works on by itself
            await asyncio.sleep(0)
    assert tp in desk.consumer.wanted
    await desk.close()


async def test_a_partition_with_very_many_changed_projects_takes_no_more_until_they_are_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of them is decoded in memory until then: a million projects once each must not be a million states."""
    monkeypatch.setattr(engine, "SLICE_SECONDS", 60.0)
    desk = Desk()
    await desk.own(0)
    desk.engine.flusher.most_unstored = 300
    owned = desk.engine.owned[0]
    await desk.take(0, *(event(number, f"p{number}") for number in range(1000)))
    async with asyncio.timeout(10):
        await desk.engine.flusher.flush_now.wait()
    await turns()
    assert owned.position == 400, "slices of 200 records, until more than 300 projects wait"
    desk.producer.answers_at_once = True
    async with asyncio.timeout(10):
        while owned.position < 1000:
            await desk.engine.flusher.flush()
            await turns()
    assert owned.partition.index.projects == 1000
    await desk.close()


async def test_a_partition_that_the_changelog_does_not_have_yet_waits_for_it(desk: Desk) -> None:
    desk.engine.assignment.partitions = 4
    desk.engine.assign([3, 4], 1)
    await turns()
    assert desk.engine.owned[4].phase is PartitionPhase.RECOVERING
    assert desk.engine.owned[4].problem == "Partition 4 of events is new; its changelog partition is being created."
    assert desk.engine.owned[3].problem == ""
    desk.engine.grow(5)
    await turns()
    assert desk.engine.owned[4].problem == ""
    assert desk.stops == []


async def test_a_log_that_has_nothing_where_it_is_read_stops_the_process(desk: Desk) -> None:
    await desk.own(0)
    await desk.lose(0, reading=7)
    assert desk.stops == [], "of another reading"
    await desk.lose(0)
    assert desk.stops == ["partition 0 of events no longer has offset 0"]
