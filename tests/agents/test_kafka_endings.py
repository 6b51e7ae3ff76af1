"""Clients of Kafka end in bounded time: whatever the other side does, and whatever they were just about to do."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop
from aiokafka import TopicPartition

from agents.fetching.reading import reader, some_records
from agents.kafka.client import Client, Connection
from agents.kafka.ending import end_tasks, farewell, in_turn
from agents.kafka.topics import ensure_topics
from testbed.locked_kafka import locked_kafka
from testbed.worker_process import names
from tests.agents.support import Rig, config_for, created, make_topics, producing, running, send

HANG_SECONDS = 120.0  # a whole test on a busy machine needs a part of it


class PatientLoop(uvloop.Loop):
    """It gives the TLS farewell of a connection longer than any test lasts; uvloop itself gives 30 seconds."""

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        if options.get("ssl"):
            options["ssl_shutdown_timeout"] = 3 * HANG_SECONDS
        return await super().create_connection(*args, **options)


class DeafTransport:
    """Its connection is lost only when it is aborted, or never."""

    def __init__(self, lost: "asyncio.Future[None]", *, hears_abort: bool = True) -> None:
        self.is_aborted = False
        self._lost = lost
        self._hears_abort = hears_abort

    def abort(self) -> None:
        self.is_aborted = True
        if self._hears_abort:
            self._lost.set_result(None)


class DeafWriter:
    def __init__(self, transport: DeafTransport) -> None:
        self.transport = transport

    def close(self) -> None:
        """The farewell is sent, and nobody answers it."""


def deaf_connection(*, hears_abort: bool = True) -> tuple[Connection, DeafTransport]:
    connection = Connection("127.0.0.1", 9)
    lost = asyncio.get_running_loop().create_future()
    transport = DeafTransport(lost, hears_abort=hears_abort)
    connection._closed_fut = lost
    connection._reader, connection._writer = asyncio.StreamReader(), cast(Any, DeafWriter(transport))
    connection._read_task = asyncio.create_task(asyncio.sleep(3600))
    return connection, transport


@pytest.mark.parametrize("hears_abort", [True, False])
async def test_a_client_does_not_wait_for_a_farewell_that_is_not_answered(hears_abort: bool) -> None:
    client = Client(bootstrap_servers="127.0.0.1:9")
    connection, transport = deaf_connection(hears_abort=hears_abort)
    client._conns[0, 0] = connection
    async with asyncio.timeout(HANG_SECONDS):
        await client.close()
    assert transport.is_aborted


async def test_a_connection_that_ends_in_peace_is_not_aborted() -> None:
    connection, transport = deaf_connection()
    closed = connection.close()
    closed.set_result(None)
    await farewell([closed])
    await asyncio.sleep(0)
    assert not transport.is_aborted


async def swallow(times: int) -> None:
    for _ in range(times + 1):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


async def test_a_task_that_swallows_its_cancellation_is_cancelled_again() -> None:
    tasks = [asyncio.create_task(swallow(2)), asyncio.create_task(swallow(0)), None]
    await asyncio.sleep(0)
    await end_tasks(tasks)
    assert all(task is None or task.done() for task in tasks)


async def test_whoever_is_cancelled_while_parts_are_closed_closes_the_others_all_the_same() -> None:
    closed: list[str] = []

    async def part(name: str) -> None:
        try:
            await asyncio.sleep(0.01)
        finally:
            closed.append(name)

    closing = asyncio.create_task(in_turn(part(name) for name in ("coordinator", "fetcher", "client")))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert closed == ["coordinator", "fetcher", "client"]


async def test_a_reader_ends_right_after_it_was_put_on_another_partition(broker: str, topic_prefix: str) -> None:
    events = names(topic_prefix).events
    await ensure_topics(broker, names(topic_prefix), 4, None)
    async with asyncio.timeout(HANG_SECONDS):
        for _ in range(5):
            async with reader(broker) as consumer:
                for number in range(4):
                    tp = TopicPartition(events, number)
                    await consumer.end_offsets([tp])
                    consumer.assign([tp])
                    consumer.seek(tp, 0)


@pytest.mark.apache
@pytest.mark.broker
def test_over_tls_on_uvloop_reading_ends_and_workers_start_again_and_again(topic_prefix: str, tmp_path: Path) -> None:
    with locked_kafka("SASL_SSL", tmp_path) as kafka:
        access = kafka.access()
        config = config_for(access, topic_prefix, tmp_path)

        async def read(number: int) -> None:
            async with reader(access) as consumer:
                tp = TopicPartition(config.topics.events, number)
                consumer.assign([tp])
                consumer.seek(tp, 0)
                assert await some_records(consumer, tp)

        async def scenario() -> None:
            await make_topics(access, config, 4)
            options = access.client_options()
            async with producing(options.pop("bootstrap_servers"), **options) as producer:
                for number in range(20):
                    await send(producer, config.topics.events, number % 4, b"p", created("p", number + 1))
            for _ in range(4):
                async with asyncio.timeout(HANG_SECONDS):
                    await asyncio.gather(*map(read, range(4)))
            for _ in range(3):
                async with asyncio.timeout(HANG_SECONDS), running(Rig(config, 4), 4) as rig:
                    assert rig.stops == []

        uvloop.run(scenario(), loop_factory=PatientLoop)
