"""A whole Kafka side on a real broker: start, stop, hand-over, and what a broker may do to it meanwhile."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import KafkaError
from faust.tables.recovery import Recovery as RecoveryService
from structlog.testing import capture_logs

from agents.engine.waits import WaitsFor
from agents.fetching import consumer_thread
from alert_sinks.limits import Limits
from alert_sinks.sink import Attempt, Delivered, Destinations, Outcome
from faults.evidence import emitted_transitions, read_log
from models.alert import Alert
from models.alert_codec import encode_alert
from tests.agents.support import Rig, config_for, created, make_topics, now_ms, producing, running, send, until
from tests.alert_sinks.support import an_alert
from tests.conftest import Broker

pytestmark = pytest.mark.broker


async def test_state_survives_a_restart_and_every_event_counts_once(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    first, second = Rig(config), Rig(config)
    async with producing(broker) as producer:
        async with running(first):
            for number in range(1, 6):
                await send(producer, config.topics.events, number % 2, b"p%d" % (number % 2),
                           created(f"p{number % 2}", number))  # fmt: skip
            await until(lambda: first.outcome("applied") == 5)
        await send(producer, config.topics.events, 0, b"p0", created("p0", 6))  # while nobody runs
        async with running(second):
            await until(lambda: second.outcome("applied") == 1)
            assert (second.episodes("p0"), second.episodes("p1")) == (3, 3)
            assert second.outcome("already_applied") == 0, "the first one stored everything at its end"
            await until(second.is_stored)
    assert first.stops == second.stops == []


async def test_at_its_end_a_worker_has_committed_what_it_took(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig), producing(broker) as producer:
        for number in range(1, 4):
            await send(producer, rig.topics.events, 1, b"p", created("p", number))
        await until(lambda: rig.outcome("applied") == 3)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id=rig.config.monitor_id, enable_auto_commit=False)
    await consumer.start()
    partition = TopicPartition(rig.topics.events, 1)
    consumer.assign([partition])
    assert await consumer.committed(partition) == 3
    await consumer.stop()


async def test_two_workers_share_the_partitions_and_one_takes_over_when_the_other_ends(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    one, two = Rig(config), Rig(config)
    async with running(one), producing(broker) as producer:
        async with running(two, partitions=None):
            await until(lambda: one.is_live(1) and two.is_live(1), "one partition each")
            assert set(one.owned) != set(two.owned)
            for partition in (0, 1):
                await send(producer, config.topics.events, partition, b"q", created("q", 1))
                key = b"p%d" % partition
                await send(producer, config.topics.events, partition, key, created(key.decode(), 1))
            await until(lambda: one.outcome("applied") + two.outcome("applied") == 4)
        await until(lambda: one.is_live(2), "the other's partition")
        assert one.episodes("p0") == one.episodes("p1") == 1
        for partition in (0, 1):
            key = b"p%d" % partition
            await send(producer, config.topics.events, partition, key, created(key.decode(), 2))
        await until(lambda: one.episodes("p0") == one.episodes("p1") == 2)
        await until(one.is_stored)
    assert one.stops == two.stops == []


async def test_kafka_away_at_the_start_is_waited_for_and_said(
    private_broker: Callable[[], Broker], topic_prefix: str, tmp_path: Path
) -> None:
    server = await asyncio.to_thread(private_broker)
    await asyncio.to_thread(server.pause)
    rig = Rig(config_for(server.bootstrap_servers, topic_prefix, tmp_path))
    with capture_logs() as logs:
        starting = asyncio.create_task(rig.runtime.start())
        await until(lambda: "does not answer" in rig.runtime.status)
        assert rig.runtime.status.startswith(f"waiting for Kafka at {server.bootstrap_servers}")
        assert rig.runtime.kafka_trouble.startswith("Kafka does not answer at")
        assert rig.owned == {}
        await asyncio.to_thread(server.start)
        await starting
        await until(lambda: rig.is_live(2) and rig.runtime.status == "ok")
        assert rig.runtime.kafka_trouble == ""
        await rig.runtime.close()
    (away,) = [line for line in logs if line["event"] == "Kafka is unavailable; waiting for it"]
    assert away["kafka"] == server.bootstrap_servers
    assert away["reason"].startswith(f"Kafka does not answer at {server.bootstrap_servers};")
    assert rig.stops == []


async def test_nothing_is_kept_on_disk_so_an_unusable_folder_is_no_matter(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path, state_dir=Path("/dev/null/state")))
    async with running(rig), producing(broker) as producer:
        await send(producer, rig.topics.events, 0, b"p", created("p", 1))
        await until(lambda: rig.outcome("applied") == 1 and rig.is_stored())
    assert rig.stops == []


async def test_it_can_be_closed_while_it_waits_for_kafka(topic_prefix: str, tmp_path: Path) -> None:
    rig = Rig(config_for("127.0.0.1:1", topic_prefix, tmp_path))
    starting = asyncio.create_task(rig.runtime.start())
    await until(lambda: "does not answer" in rig.runtime.status)
    async with asyncio.timeout(10):
        await rig.runtime.close()
    assert starting.done()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_an_idle_partition_follows_the_clock_on_the_wall(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    ahead_ms = [0]
    rig = Rig(config_for(broker, topic_prefix, tmp_path), clock_ms=lambda: now_ms() + ahead_ms[0])
    async with running(rig), producing(broker) as producer:
        await send(producer, rig.topics.events, 0, b"p", created("p", 1))
        await send(producer, rig.topics.events, 0, b"p", created("p", 3))
        await until(lambda: rig.outcome("applied") == 2)
        assert rig.owned[0].partition.index.gaps == 0, "suspect at first"
        ahead_ms[0] = 70_000
        await until(lambda: rig.owned[0].partition.index.gaps == 1, "settled although no event came")
        await until(lambda: len(rig.history) == 1)
    logs = [await read_log(broker, rig.topics.alerts, number) for number in (0, 1)]
    emitted = [alert for log in logs for alert in emitted_transitions(log)]
    assert [alert.alert_type for alert in emitted] == ["INTEGRITY_VIOLATION"]
    assert rig.stops == []


async def test_events_of_a_topic_that_was_made_anew_are_not_mixed_with_the_old_state(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    first, second = Rig(config), Rig(config)
    async with producing(broker) as producer:
        async with running(first):
            for number in range(1, 4):
                await send(producer, config.topics.events, 0, b"p", created("p", number))
            await until(lambda: first.outcome("applied") == 3 and first.is_stored())
        admin = AIOKafkaAdminClient(bootstrap_servers=broker)
        await admin.start()
        await admin.delete_topics([config.topics.events])
        await until_gone(admin, config.topics.events)
        await admin.close()
        await make_topics(broker, config)
        for number in range(1, 9):  # soon it has an offset 3 again
            await send(producer, config.topics.events, 0, b"q", created("q", number))

        async with running(second, partitions=None):
            await until(lambda: bool(second.runtime.problems))
            assert "was recreated" in second.runtime.status
            assert "MONITOR_ID" in second.runtime.status
            await until(lambda: second.owned[1].phase.value == "live", "the partition that was empty")
            assert second.owned[0].phase.value == "recovering"
            assert second.outcome("applied") == 0
    assert second.stops == []


async def until_gone(admin: AIOKafkaAdminClient, topic: str) -> None:
    async with asyncio.timeout(20):
        while topic in await admin.list_topics():  # noqa: ASYNC110 - the broker tells of it in no other way
            await asyncio.sleep(0.05)


async def test_a_bug_of_ours_stops_the_process_and_nothing_behind_it_is_taken(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig), producing(broker) as producer:
        await send(producer, rig.topics.events, 0, b"p", created("p", 1))
        await until(lambda: rig.outcome("applied") == 1 and rig.is_stored())
        monkeypatch.setattr(rig.owned[0], "take", _broken)
        await send(producer, rig.topics.events, 0, b"p", created("p", 2))
        await until(lambda: bool(rig.stops))
        assert rig.stops == ["partition 0: ZeroDivisionError('a bug')"]
        assert rig.owned[0].committed == 1


def _broken(*_: Any) -> Any:
    raise ZeroDivisionError("a bug")


async def test_an_agent_that_fails_stops_the_process(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    monkeypatch.setattr(rig.runtime.engine, "accept", _broken)
    async with running(rig), producing(broker) as producer:
        await send(producer, rig.topics.events, 0, b"p", created("p", 1))
        await until(lambda: bool(rig.stops))
    assert rig.stops == ["an agent failed: ZeroDivisionError('a bug')"]


async def test_a_notification_that_meets_a_bug_of_ours_stops_the_process(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    monkeypatch.setattr(rig.runtime.notifications, "accept", _broken)
    async with running(rig), producing(broker) as producer:
        await send(producer, rig.topics.notifications, 0, b"k", b"x")
        await until(lambda: bool(rig.stops))
    assert rig.stops == ["a part of the worker failed: ZeroDivisionError('a bug')"]


async def test_a_worker_that_is_asked_to_end_while_partitions_come_ends_in_peace(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    delivery, asked = rig.runtime.notifications, asyncio.Event()

    async def never_done(partitions: Iterable[int], generation: int) -> None:
        assert delivery.tracks.reader is not None
        while True:
            await delivery.tracks.reader.committed([])
            asked.set()

    monkeypatch.setattr(delivery.tracks, "assign", never_done)
    async with running(rig, None):
        await asyncio.wait_for(asked.wait(), 60)
    assert rig.stops == []


async def test_partitions_that_come_after_a_worker_was_asked_to_end_are_not_its_own(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig):
        app = rig.runtime.app
        assert app is not None
        await app.leave_partitions(at_the_end=True)
        await app.on_partitions_assigned.send(set(app.consumer.assignment()))
        assert rig.owned == {}
        assert rig.runtime.notifications.partitions == frozenset()
    assert rig.stops == []


@pytest.mark.apache
async def test_what_a_producer_took_back_does_not_count_and_its_markers_hold_nothing_up(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    ahead_ms = [0]
    rig = Rig(config_for(broker, topic_prefix, tmp_path), clock_ms=lambda: now_ms() + ahead_ms[0])
    async with running(rig), producing(broker, transactional_id=topic_prefix) as producer:
        async with producer.transaction():
            await send(producer, rig.topics.events, 0, b"p", created("p", 1))
        await producer.begin_transaction()
        await send(producer, rig.topics.events, 0, b"p", created("p", 2))
        await producer.abort_transaction()
        async with producer.transaction():
            await send(producer, rig.topics.events, 0, b"p", created("p", 3))
        await until(lambda: rig.outcome("applied") == 2 and rig.is_stored())
        engine, owned = rig.runtime.engine, rig.owned[0]
        # Three records and a marker behind each.
        await until(lambda: owned.position == 6 and engine.progress.lag(owned) == 0)
        assert rig.episodes("p") == 2

        await producer.begin_transaction()
        await send(producer, rig.topics.events, 0, b"p", created("p", 4))
        await until(
            lambda: engine.progress.waiting(owned) == 1, "what lies behind an open transaction is not applied yet"
        )
        assert engine.progress.lag(owned) == 0
        await until(lambda: [w.waits_for for w in rig.runtime.waits_now()] == [WaitsFor.TRANSACTION])
        ahead_ms[0] = 70_000
        await until(lambda: owned.partition.index.gaps == 1, "a transaction under way does not hold the clock")
        assert rig.outcome("applied") == 2
        await producer.commit_transaction()
        await until(lambda: rig.outcome("applied") == 3 and engine.progress.waiting(owned) == 0)
        await until(lambda: rig.runtime.waits_now() == [])
    assert rig.stops == []


@pytest.mark.apache
async def test_partitions_added_while_workers_run_are_read_and_counted(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    one, other = Rig(config), Rig(config)
    async with running(one), producing(broker) as producer:
        for number in range(1, 6):
            await send(producer, one.topics.events, 0, b"p", created("p", number))
        await until(lambda: one.episodes("p") == 5)
        async with running(other, None):
            await until(lambda: one.is_live(1) and other.is_live(1), "one partition each")
            admin = AIOKafkaAdminClient(bootstrap_servers=broker)
            await admin.start()
            await admin.create_partitions({one.topics.events: NewPartitions(4)})
            await admin.close()
            async with producing(broker) as another:  # which knows of them
                for number in range(6, 11):
                    await send(another, one.topics.events, 3, b"p", created("p", number))
            await until(lambda: one.is_live(2) and other.is_live(2), "four partitions, two each")
            await until(lambda: one.outcome("applied") + other.outcome("applied") >= 5 and _lag(one, other) == 0)
            assert {one.runtime.partitions, other.runtime.partitions} == {4}
            owner = one if 3 in one.owned else other
            state = owner.owned[3].partition.state("p")
            assert state is not None
            assert len(state.numbering.episodes) == 5
            await until(lambda: one.is_stored() and other.is_stored())
    assert one.stops == other.stops == []
    again = Rig(config)
    async with running(again, 4):
        assert again.episodes("p") == 10
    assert again.stops == []


def _lag(*rigs: Rig) -> int | None:
    counts = [rig.runtime.engine.progress.waiting(owned) for rig in rigs for owned in rig.owned.values()]
    return None if None in counts else sum(count or 0 for count in counts)


@pytest.mark.apache
async def test_what_was_added_and_cannot_be_read_yet_is_named(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> int:
        raise KafkaError("not now")

    monkeypatch.setattr("agents.growth.grow_changelog", refused)
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig):
        admin = AIOKafkaAdminClient(bootstrap_servers=broker)
        await admin.start()
        await admin.create_partitions({rig.topics.events: NewPartitions(4)})
        await admin.close()
        await until(
            lambda: rig.runtime.status.startswith(f"No worker reads partitions 2, 3 of {rig.topics.events} yet")
        )
        await until(lambda: 3 in rig.owned and "its changelog partition is being created" in rig.owned[3].problem)
        await until(lambda: rig.owned[0].is_live, "the others are read all the same")
        monkeypatch.undo()
        await until(lambda: rig.is_live(4) and rig.runtime.status == "ok")
    assert rig.stops == []


@pytest.mark.apache
async def test_a_broker_that_is_killed_and_comes_back_costs_nothing_but_time(
    private_broker: Callable[[], Broker], topic_prefix: str, tmp_path: Path
) -> None:
    server = await asyncio.to_thread(private_broker)
    rig = Rig(config_for(server.bootstrap_servers, topic_prefix, tmp_path, session_timeout_seconds=10.0))
    async with running(rig), producing(server.bootstrap_servers) as producer:
        for number in range(1, 21):
            await send(producer, rig.topics.events, 0, b"p", created("p", number))
        await until(lambda: rig.outcome("applied") == 20 and rig.is_stored())
        await asyncio.to_thread(server.kill9)
        await until(lambda: rig.runtime.status != "ok", "it is said")
        assert "does not answer" in rig.runtime.status
        await asyncio.to_thread(server.start)
        for number in range(21, 41):
            await send(producer, rig.topics.events, 0, b"p", created("p", number))
        await until(lambda: rig.is_live(2) and rig.episodes("p") == 40 and rig.is_stored())
        await until(lambda: rig.runtime.status == "ok")
        assert rig.owned[0].partition.index.gaps == 0
    assert rig.stops == []


@pytest.mark.apache
async def test_a_worker_with_a_name_of_its_own_gets_its_partitions_back_without_a_farewell(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(
        broker, topic_prefix, tmp_path, group_instance_id="worker-1", session_timeout_seconds=50.0,
        rebalance_timeout_seconds=50.0,
    )  # fmt: skip
    for _ in range(2):
        async with running(Rig(config)) as rig:  # nobody waits for the end of the other one's session
            assert rig.is_live(2)


class SlowSink:
    """A destination whose answers come when the test says so, and for the alert named `stuck` never."""

    name = "slow"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = asyncio.Event()

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        self.asked.append(alert.title)
        if alert.title == "stuck":
            await asyncio.get_running_loop().create_future()
        await self.answer.wait()
        return Delivered()

    async def aclose(self) -> None:
        """Nothing to close."""


def told(title: str) -> bytes:
    return encode_alert(an_alert(alert_key=f"r:{title}", alert_id=title, title=title, project_id=title))


async def committed(broker: str, group: str, topic: str) -> int:
    """How many records of both partitions are done."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id=group, enable_auto_commit=False)
    await consumer.start()
    partitions = [TopicPartition(topic, number) for number in range(2)]
    consumer.assign(partitions)
    offsets = [await consumer.committed(partition) or 0 for partition in partitions]
    await consumer.stop()
    return sum(offsets)


async def test_events_are_taken_and_stored_while_a_destination_does_not_answer(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    sink = SlowSink()
    config = config_for(broker, topic_prefix, tmp_path)
    rig = Rig(config, destinations=Destinations((sink,)), limits=Limits(close_seconds=0.2))
    async with running(rig), producing(broker) as producer:
        for title in ("stuck", "a", "b"):
            await send(producer, config.topics.alerts, 0, b"k", told(title))
        await until(lambda: len(sink.asked) > 0)
        for number in range(1, 6):
            await send(producer, config.topics.events, 0, b"p", created("p", number))
        await until(lambda: rig.outcome("applied") == 5)
        await until(rig.is_stored)
        assert rig.runtime.fanout.pending == 3, "nothing was delivered meanwhile"
    assert rig.stops == []


async def test_at_its_end_a_worker_lets_requests_under_way_end_and_commits_them(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config, sink = config_for(broker, topic_prefix, tmp_path), SlowSink()
    rig = Rig(config, destinations=Destinations((sink,)))
    async with producing(broker) as producer:
        async with running(rig):
            for title in ("a", "b"):
                await send(producer, config.topics.alerts, 0, b"k", told(title))
            await until(lambda: sink.asked == ["a", "b"])
            closing = asyncio.create_task(rig.runtime.close())
            await until(lambda: rig.runtime.fanout._closing)
            assert rig.is_live(2), "events are taken meanwhile"
            sink.answer.set()
            await closing
        assert await committed(broker, config.monitor_id, config.topics.notifications) == 2
        again = SlowSink()
        again.answer.set()
        async with running(Rig(config, destinations=Destinations((again,)))):
            await send(producer, config.topics.alerts, 0, b"k", told("c"))
            await until(lambda: "c" in again.asked)
        assert again.asked == ["c"], "nothing is told twice"
    assert rig.stops == []


async def test_alerts_that_are_read_before_faust_resumes_after_a_rebalance_are_delivered(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, sink = config_for(broker, topic_prefix, tmp_path), SlowSink()
    one, two = (Rig(config, destinations=Destinations((sink,)), limits=Limits(close_seconds=0.2)) for _ in "ab")
    titles = {f"alert {number}" for number in range(4)}
    async with running(one), producing(broker) as producer:
        for number, title in enumerate(sorted(titles)):
            await send(producer, config.topics.alerts, number % 2, b"k%d" % number, told(title))
        await until(lambda: set(sink.asked) == titles)
        resume = RecoveryService._resume_streams

        async def resume_late(service: RecoveryService, generation_id: int = 0) -> None:
            await asyncio.sleep(1.0)  # of a busy loop
            await resume(service, generation_id)

        monkeypatch.setattr(RecoveryService, "_resume_streams", resume_late)
        monkeypatch.setattr(consumer_thread, "FETCH_SECONDS", 10.0)  # a fetch that outlives the rebalance
        sink.asked.clear()
        async with running(two, partitions=None):
            await until(lambda: one.is_live(1) and two.is_live(1), "one partition each")
            under_way = (one.runtime.notifications, two.runtime.notifications)
            await until(lambda: sum(each.pending for each in under_way) == 4, "nothing was done, so all are read again")
            sink.answer.set()
            await until(lambda: not any(each.pending for each in under_way))
    assert one.stops == two.stops == []


async def test_a_destination_that_does_not_answer_holds_the_end_up_for_a_bounded_time(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config, sink = config_for(broker, topic_prefix, tmp_path), SlowSink()
    sink.answer.set()
    rig = Rig(config, destinations=Destinations((sink,)), limits=Limits(close_seconds=0.2))
    async with running(rig), producing(broker) as producer:
        for title in ("a", "stuck", "b"):
            await send(producer, config.topics.alerts, 0, b"k", told(title))
        await until(lambda: sink.asked == ["a", "stuck", "b"] and rig.runtime.fanout.pending == 1)
    assert await committed(broker, config.monitor_id, config.topics.notifications) == 1, (
        "what is not done is read again"
    )
