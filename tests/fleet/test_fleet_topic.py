"""The fleet topic on a real broker: what one worker publishes, every worker reads, from wherever it begins."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.engine.producer import Producer
from agents.fleet_topic.publisher import FleetPublisher, Identity
from agents.fleet_topic.reader import READ_BACK_RECORDS, FleetReader
from agents.fleet_topic.record import encode_record
from episode_monitor.fleet.questions.project import ProjectQuestion
from episode_monitor.fleet.questions.summary import SummaryQuestion
from tests.conftest import Broker
from tests.fleet.fleet import Clock, Fleet, Worker
from tests.fleet.test_fleet_record import record
from tests.streams_views.making import seed_project

pytestmark = pytest.mark.broker
PATIENCE_SECONDS = 60.0


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not true():  # noqa: ASYNC110 - what it waits for belongs to others and has no event
            await asyncio.sleep(0.02)


async def make_topic(bootstrap_servers: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"cleanup.policy": "compact"})])
    finally:
        await admin.close()


@asynccontextmanager
async def running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def producing(bootstrap_servers: str) -> AsyncIterator[Producer]:
    producer = Producer(bootstrap_servers)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def publisher_of(worker: Worker, topic: str, producer: Producer) -> FleetPublisher:
    identity = Identity(worker_id=worker.name, url=worker.url, token=worker.token)
    return FleetPublisher(topic, producer, worker.view, identity, worker.fleet.clock)


def reader_of(worker: Worker, topic: str, bootstrap_servers: str) -> FleetReader:
    worker.reader = FleetReader(topic, bootstrap_servers, lambda: worker.fleet.partitions, worker.fleet.clock)
    worker.view.reader = worker.reader
    return worker.reader


async def test_what_each_worker_publishes_the_other_reads(broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}fleet"
    await make_topic(broker, topic)
    async with Fleet(2) as fleet, producing(broker) as producer:
        left, right = await fleet.worker("left"), await fleet.worker("right")
        first = left.own_partition(0)
        seed_project(first)
        first.settle(60)
        right.own_partition(1).numbers("fine", 1, 2)
        readers = [reader_of(worker, topic, broker) for worker in (left, right)]
        publishers = [publisher_of(worker, topic, producer) for worker in (left, right)]
        async with running(*(one.run() for one in publishers), *(one.run() for one in readers)):
            await until(lambda: all(len(reader.known) == 2 for reader in readers))
            summaries = [await worker.model.ask(SummaryQuestion()) for worker in (left, right)]
            assert summaries[0] == summaries[1]
            assert (summaries[0].total_projects, summaries[0].total_gaps) == (2, 3)
            first.created("proj_123", 3, at=4000)
            await until(lambda: _gaps(readers[1]) == 2)
            view = await right.model.ask(ProjectQuestion(project_id="proj_123"))
            assert view is not None
            assert view.gaps == [7, 12]


def _gaps(reader: FleetReader) -> int:
    counts = reader.known[0].record.counts
    assert counts is not None
    return counts.gaps


async def test_a_late_reader_finds_what_was_told_before(broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}fleet"
    await make_topic(broker, topic)
    async with Fleet(1) as fleet, producing(broker) as producer:
        worker = await fleet.worker("w")
        worker.own_partition(0).created("p", 1)
        await publisher_of(worker, topic, producer).publish_due(0.0)
        reader = FleetReader(topic, broker, lambda: 1, fleet.clock)
        async with running(reader.run()):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await reader.caught_up.wait()
            assert list(reader.known) == [0]
            assert reader.known[0].totals(fleet.core).operations > 0
            assert reader.status == "ok"


@pytest.mark.apache  # the embedded broker does not say where a topic ends
async def test_a_long_topic_is_read_from_a_little_before_its_end(broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}fleet"
    await make_topic(broker, topic)
    async with producing(broker) as producer:
        for number in range(READ_BACK_RECORDS + 50):
            sent = await producer.send(topic, encode_record(record(partition=number)), str(number).encode())
            if number % 50 == 0:
                await sent
        await sent
    reader = FleetReader(topic, broker, lambda: 1, Clock())
    async with running(reader.run()):
        await until(lambda: READ_BACK_RECORDS + 49 in reader.known)
        assert sorted(reader.known) == list(range(50, READ_BACK_RECORDS + 50))


async def test_an_empty_topic_is_caught_up_at_once(broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}fleet"
    await make_topic(broker, topic)
    reader = FleetReader(topic, broker, lambda: 1, Clock())
    async with running(reader.run()), asyncio.timeout(PATIENCE_SECONDS):
        await reader.caught_up.wait()
    assert reader.known == {}


@pytest.mark.apache  # the embedded broker makes a topic when it is asked for one
async def test_a_topic_that_comes_later_is_read_when_it_is_there(broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}fleet"
    async with Fleet(1) as fleet:
        worker = await fleet.worker("w")
        worker.own_partition(0)
        reader = FleetReader(topic, broker, lambda: 1, fleet.clock)
        async with running(reader.run()):
            await until(lambda: reader.status not in ("ok", "not read yet"))
            await make_topic(broker, topic)
            async with producing(broker) as producer:
                await publisher_of(worker, topic, producer).publish_due(0.0)
                await until(lambda: list(reader.known) == [0])


async def test_a_broker_that_comes_back_is_read_and_written_again(private_broker: Callable[[], Broker]) -> None:
    server = private_broker()
    topic = "fleet"
    await make_topic(server.bootstrap_servers, topic)
    async with Fleet(1) as fleet, producing(server.bootstrap_servers) as producer:
        worker = await fleet.worker("w")
        log = worker.own_partition(0)
        reader = FleetReader(topic, server.bootstrap_servers, lambda: 2, fleet.clock)
        publisher = publisher_of(worker, topic, producer)
        async with running(reader.run(), publisher.run()):
            await until(lambda: list(reader.known) == [0])
            server.kill9()
            log.created("p", 1)
            server.start()
            with suppress(Exception):  # the embedded broker forgets its topics, Apache Kafka does not
                await make_topic(server.bootstrap_servers, topic)
            await until(lambda: _projects(reader) == 1)


def _projects(reader: FleetReader) -> int:
    counts = reader.known[0].record.counts
    assert counts is not None
    return counts.projects
