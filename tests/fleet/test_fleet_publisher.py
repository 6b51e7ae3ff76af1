"""When the owner of a partition tells of it, and what the readers make of what they hear."""

import zlib
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaError

from agents.engine.ownership import PartitionPhase
from agents.fleet_topic.publisher import _halved
from agents.fleet_topic.reader import MAX_PARTITIONS, FleetReader
from agents.fleet_topic.record import (
    MAX_FLEET_RECORD_BYTES,
    Body,
    FleetRecord,
    PartitionStatus,
    Unreadable,
    decode_record,
    encode_record,
    pack_body,
    unpack_body,
)
from episode_monitor.fleet.questions.summary import SummaryQuestion
from streams.partition.summary import PartitionLists
from testbed.worker_process import make_core
from tests.fleet.fleet import Clock, Fleet, Worker
from tests.fleet.test_fleet_record import COUNTS, record
from tests.streams_views.making import START_MS, seed_project


async def publish(worker: Worker, now: float) -> list[FleetRecord]:
    """Look once at a monotonic second; what was told."""
    bus = worker.fleet.bus
    before = len(bus.values)
    await worker.publisher.publish_due(now)
    return [decode_record(value) for value in bus.values[before:]]


async def test_a_new_partition_is_told_of_at_once_and_again_after_three_seconds() -> None:
    async with Fleet(2) as fleet:
        worker = await fleet.worker("w")
        seed_project(worker.own_partition(1, generation=4))
        (told,) = await publish(worker, 100.0)
        assert (told.partition, told.generation, told.worker_id, told.url) == (1, 4, "w", worker.url)
        assert (told.token, told.status, told.published_at_ms) == ("word-of-w", PartitionStatus.LIVE, START_MS)
        assert told.counts is not None
        assert (told.counts.projects, told.counts.episodes, told.counts.applied) == (1, 26, 25)
        assert await publish(worker, 102.9) == []
        assert len(await publish(worker, 103.0)) == 1


async def test_a_change_is_told_after_a_second() -> None:
    async with Fleet(2) as fleet:
        worker = await fleet.worker("w")
        log = worker.own_partition(0)
        await publish(worker, 100.0)
        log.created("p", 1)
        assert await publish(worker, 100.9) == []
        (told,) = await publish(worker, 101.0)
        assert told.counts is not None
        assert told.counts.episodes == 1


async def test_the_p95_of_projects_is_found_anew_after_15_s_of_event_time_and_all_else_each_time() -> None:
    async with Fleet(2) as fleet:
        worker = await fleet.worker("w")
        log = worker.own_partition(0)
        told = []
        for number, at in enumerate((0, 14, 15), 1):
            log.created("p", number, at=at, took=at + 1.0)
            told.append(unpack_body((await publish(worker, 100.0 * number))[0].body).lists)
        assert [lists.worst[0].episodes for lists in told] == [1, 2, 3]
        assert [lists.p95_seconds["p"] for lists in told] == pytest.approx([1.0, 1.0, 16.0], rel=0.01)


async def test_a_p95_is_told_as_soon_as_there_is_any() -> None:
    async with Fleet(2) as fleet:
        worker = await fleet.worker("w")
        log = worker.own_partition(0)
        await publish(worker, 100.0)
        log.created("p", 1, took=1.0)
        (told,) = await publish(worker, 101.0)
        assert unpack_body(told.body).lists.p95_seconds == {"p": pytest.approx(1.0, rel=0.01)}


async def test_a_worker_that_owns_everything_need_not_hurry() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("w")
        log = worker.own_partition(0)
        await publish(worker, 100.0)
        log.created("p", 1)
        assert await publish(worker, 102.9) == []
        assert len(await publish(worker, 103.0)) == 1


async def test_a_change_of_phase_and_what_a_person_did_are_told_at_once() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("w")
        worker.own_partition(0, phase=PartitionPhase.RECOVERING)
        (told,) = await publish(worker, 100.0)
        assert (told.status, told.counts, told.body) == (PartitionStatus.RECOVERING, None, b"")
        worker.engine.owned[0].phase = PartitionPhase.LIVE
        (told,) = await publish(worker, 100.25)
        assert told.status is PartitionStatus.LIVE
        worker.publisher.mark_changed(0)
        assert len(await publish(worker, 100.5)) == 1
        assert await publish(worker, 100.75) == []


async def test_a_partition_whose_log_was_not_looked_at_yet_is_told_of_as_recovering() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("w")
        worker.own_partition(0)
        worker.engine.end_is_known = False
        (told,) = await publish(worker, 100.0)
        assert told.status is PartitionStatus.RECOVERING
        worker.engine.end_is_known = True
        (told,) = await publish(worker, 100.25)
        assert told.status is PartitionStatus.LIVE


async def test_a_partition_that_was_lost_while_its_lists_were_made_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("w")
        worker.own_partition(0)

        def lose(body: Body) -> bytes:
            worker.engine.owned[0].phase = PartitionPhase.GONE
            return pack_body(body)

        monkeypatch.setattr("agents.fleet_topic.publisher.pack_body", lose)
        assert await publish(worker, 100.0) == []
        assert await publish(worker, 200.0) == []


async def test_a_partition_that_came_again_is_told_of_at_once() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("w")
        worker.own_partition(0, generation=1)
        await publish(worker, 100.0)
        worker.own_partition(0, generation=2)
        (told,) = await publish(worker, 100.25)
        assert told.generation == 2
        del worker.engine.owned[0]
        assert await publish(worker, 200.0) == []


async def test_what_could_not_be_told_is_told_later() -> None:
    async with Fleet(2) as fleet:
        worker = await fleet.worker("w")
        worker.own_partition(0)
        worker.own_partition(1)
        fleet.bus.failing = KafkaError("away")
        assert await publish(worker, 100.0) == []
        assert worker.publisher.failures == 2
        fleet.bus.failing = TimeoutError()
        assert await publish(worker, 100.25) == []
        assert worker.publisher.failures == 3  # after a time-out the others are not tried
        fleet.bus.failing = None
        assert [told.partition for told in await publish(worker, 100.5)] == [0, 1]
        assert worker.publisher.published == 2


async def test_lists_that_do_not_fit_into_a_record_are_shortened_and_their_counts_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("w")
        log = worker.own_partition(0)
        for number in range(40):
            log.numbers(f"p{number}", 1, 3)
        log.settle(60)
        (whole,) = await publish(worker, 100.0)
        assert len(unpack_body(whole.body).lists.alerts) == 40
        monkeypatch.setattr("agents.fleet_topic.publisher.MAX_FLEET_RECORD_BYTES", len(encode_record(whole)) - 1)
        (told,) = await publish(worker, 200.0)
        lists = unpack_body(told.body).lists
        assert (len(lists.worst), len(lists.alerts)) == (20, 20)
        assert [count.count for count in lists.alert_counts] == [40]
        monkeypatch.setattr("agents.fleet_topic.publisher.MAX_FLEET_RECORD_BYTES", 10)
        assert await publish(worker, 300.0) == []
        monkeypatch.undo()
        assert await publish(worker, 302.9) == []  # it is not tried all the time
        assert len(await publish(worker, 303.0)) == 1


def test_lists_without_entries_cannot_be_shortened() -> None:
    assert _halved(PartitionLists([], [], [])) is None
    assert MAX_FLEET_RECORD_BYTES < 1_000_000


# --- reading


def reader(clock: Clock | None = None) -> FleetReader:
    return FleetReader("fleet", "nowhere:1", lambda: 4, clock or Clock())


def told(**changes: Any) -> bytes:
    return encode_record(record(**changes))


def test_the_newest_record_of_a_partition_is_kept() -> None:
    one = reader()
    one.take(told(published_at_ms=START_MS), 10)
    one.take(told(published_at_ms=START_MS + 1000), 11)
    assert one.known[3].offset == 11


def test_a_worker_that_was_frozen_does_not_hide_its_successor() -> None:
    one = reader()
    one.take(told(generation=8, worker_id="new", published_at_ms=START_MS), 10)
    one.take(told(generation=7, worker_id="frozen", published_at_ms=START_MS + 5000), 11)
    assert one.known[3].record.worker_id == "new"


def test_generations_that_begin_anew_are_believed_when_the_old_owner_is_silent() -> None:
    one = reader()
    one.take(told(generation=50, worker_id="gone", published_at_ms=START_MS), 10)
    one.take(told(generation=1, worker_id="new", published_at_ms=START_MS + 10_001), 11)
    assert one.known[3].record.worker_id == "new"


def test_a_worker_whose_clock_was_set_back_is_still_heard() -> None:
    one = reader()
    one.take(told(published_at_ms=START_MS), 10)
    one.take(told(published_at_ms=START_MS - 3_600_000), 11)
    assert one.known[3].offset == 11


def test_an_old_record_is_stale_and_one_just_heard_is_not_whatever_clock_its_owner_has() -> None:
    clock = Clock()
    one = reader(clock)
    one.take(told(published_at_ms=START_MS - 10_001), 0)
    assert one.is_stale(one.known[3])
    one._is_live = True  # has read the topic to its end
    one.take(told(published_at_ms=START_MS - 60_000), 1)
    assert not one.is_stale(one.known[3])
    clock.ms += 10_001
    assert one.is_stale(one.known[3])


def test_a_clock_that_is_ahead_does_not_make_an_old_record_fresh_for_long() -> None:
    clock = Clock()
    one = reader(clock)
    one.take(told(published_at_ms=START_MS + 3_600_000), 0)
    clock.ms += 10_001
    assert one.is_stale(one.known[3])


@pytest.mark.parametrize("value", [None, b"", b"rubbish", told(partition=MAX_PARTITIONS)])
def test_what_cannot_be_read_changes_nothing(value: bytes | None) -> None:
    one = reader()
    one.take(told(), 0)
    one.take(value, 1)
    assert list(one.known) == [3]
    assert one.known[3].offset == 0
    assert one.unreadable == (0 if value is None else 1)


async def test_a_bulk_that_cannot_be_unpacked_makes_views_recovering_and_leaves_the_counts() -> None:
    async with Fleet(4) as fleet:
        worker = await fleet.worker("w")
        for number in range(3):
            worker.own_partition(number)
        worker.reader.take(told(body=b"rubbish"), 0)
        assert (await worker.model.ask(SummaryQuestion())).total_projects == COUNTS.projects
        for path in ("alerts/active", "performance/stats", "performance/trend"):
            answer = await worker.get(f"/monitoring/episodes/{path}")
            assert answer.status_code == 503
        assert b"episode_integrity_health_percentage" not in (await worker.process.metrics())[0]


@pytest.mark.parametrize("totals", [b"", b"\xa1\xff", b"\x90", b"\xc1"])
def test_totals_that_cannot_be_decoded_are_refused_as_the_bulk_is(totals: bytes) -> None:
    one = reader()
    one.take(told(body=pack_body(Body(PartitionLists([], [], []), totals))), 0)
    with pytest.raises(Unreadable, match="the totals cannot be read"):
        one.known[3].totals(make_core())


async def test_what_is_told_of_a_partition_is_unpacked_once() -> None:
    async with Fleet(2) as fleet:
        left, right = await fleet.worker("left"), await fleet.worker("right")
        seed_project(left.own_partition(0))
        right.own_partition(1)
        await fleet.publish()
        known = right.reader.known[0]
        assert known.totals(fleet.core) is known.totals(fleet.core)
        assert known.body() is known.body()


def test_a_body_with_an_unknown_severity_is_refused_as_a_whole() -> None:
    plain = msgspec.msgpack.encode([[[], [{"severity": "odd"}], []], b""])
    with pytest.raises(ValueError, match="cannot be read"):
        unpack_body(zlib.compress(plain))
    assert unpack_body(pack_body(Body(PartitionLists([], [], []), b"t"))).totals == b"t"
