"""The outbox on real PostgreSQL and Kafka: one transaction, one order a project, and nothing lost whoever is killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import psycopg
import pytest
from aiokafka.errors import MessageSizeTooLargeError

from episode_monitor_client import ClientSettings, Outbox, OutboxRelay, created, creation_failed
from episode_monitor_client.encoding import Record
from episode_monitor_client.kafka import OrderedProducer
from tests.client.conftest import make_topic
from tests.client.outbox_service import TABLES
from tests.examples.support import all_records, fetch, until

outbox = Outbox("svc")


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A connection to a database that has the tables."""
    connection = await asyncpg.connect(database_url)
    await outbox.create_tables(connection)
    await outbox.create_tables(connection)  # a second time is nothing
    yield connection
    await connection.close()


class Recorder:
    """In place of Kafka where the order of sends is the question."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.too_large: set[bytes] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()

    async def send(self, records: list[Record]) -> None:
        self.entered.set()
        await self.gate.wait()
        if any(record.key in self.too_large for record in records):
            raise MessageSizeTooLargeError("too large")
        self.records += records

    async def stop(self) -> None:
        """Nothing to end."""

    def numbers(self, project: str) -> list[int]:
        bodies = [json.loads(record.value) for record in self.records if record.key == project.encode()]
        return [body["episode_number"] for body in bodies]


def relay_of(database_url: str, **options: Any) -> OutboxRelay:
    return OutboxRelay(database_url, ClientSettings(bootstrap_servers="nowhere:1"), **options)


async def drain(relay: OutboxRelay, connection: Any, producer: Any) -> None:
    while await relay.relay_once(connection, producer):
        pass


async def test_an_event_is_told_if_and_only_if_its_transaction_commits(connection: Any, database_url: str) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await outbox.add(connection, created("p", "lost", 1))
    await transaction.rollback()
    async with connection.transaction():
        await outbox.add(connection, created("p", "kept", 1))
    kafka = Recorder()
    await drain(relay_of(database_url), connection, kafka)
    (record,) = kafka.records
    body = json.loads(record.value)
    assert (body["episode_id"], body["sequence"]) == ("kept", 1)  # a rollback leaves no hole in the sequence
    assert body["source"].startswith("svc/outbox-")
    assert await connection.fetchval("SELECT count(*) FROM episode_event_outbox") == 0


async def test_a_connection_of_psycopg_is_as_good(connection: Any, database_url: str) -> None:
    with psycopg.connect(database_url) as blocking:
        outbox.add_dbapi(blocking, created("p", "e1", 1))
        blocking.rollback()
        outbox.add_dbapi(blocking, created("p", "e2", 2))
        outbox.add_dbapi(blocking, created("p", "e3", 3))
    kafka = Recorder()
    await drain(relay_of(database_url), connection, kafka)
    assert kafka.numbers("p") == [2, 3]


async def test_an_outbox_that_is_off_adds_nothing(connection: Any) -> None:
    await Outbox(enabled=False).add(connection, created("p", "e", 1))
    assert (await outbox.stats(connection)).waiting == 0


async def test_the_order_of_a_project_is_that_of_its_commits_although_another_added_first(
    connection: Any, database_url: str
) -> None:
    first = await asyncpg.connect(database_url)
    try:
        transaction = first.transaction()
        await transaction.start()
        await outbox.add(first, created("p", "e", 1))
        second = asyncio.create_task(outbox.add(connection, created("p", "e", 2)))

        async def it_waits() -> bool:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return bool((await fetch(database_url, query))[0][0])

        await until(it_waits)
        kafka = Recorder()
        other = await asyncpg.connect(database_url)
        await drain(relay_of(database_url), other, kafka)
        assert kafka.records == []  # nobody has committed
        await transaction.commit()
        await second
        await drain(relay_of(database_url), other, kafka)
        assert kafka.numbers("p") == [1, 2]
        await other.close()
    finally:
        await first.close()


async def test_two_relays_share_the_projects_and_never_one_project(connection: Any, database_url: str) -> None:
    for number in range(1, 5):
        for project in ("a", "b"):  # of two slots
            await outbox.add(connection, created(project, f"{project}{number}", number))
    slow, quick = Recorder(), Recorder()
    slow.gate.clear()
    another = await asyncpg.connect(database_url)
    try:
        held = asyncio.create_task(relay_of(database_url, batch_events=2).relay_once(another, slow))
        await slow.entered.wait()
        await drain(relay_of(database_url, batch_events=1), connection, quick)
        (mine,) = {record.key.decode() for record in quick.records}
        assert quick.numbers(mine) == [1, 2, 3, 4]
        theirs = "a" if mine == "b" else "b"
        slow.gate.set()
        await held
        assert slow.numbers(theirs) == [1, 2]
        await drain(relay_of(database_url), connection, quick)
        assert quick.numbers(theirs) == [3, 4]
    finally:
        await another.close()


async def test_a_row_that_kafka_refuses_for_good_stays_and_the_others_go(connection: Any, database_url: str) -> None:
    insert = "INSERT INTO episode_event_outbox (slot, project_id, source, sequence, body) VALUES (0, 'x', 's', 1, $1)"
    for body in ("no json", "[]", "{}"):
        await connection.execute(insert, body)
    for number in range(1, 4):
        await outbox.add(connection, created("p", "e", number))
    await outbox.add(connection, creation_failed("large"))
    kafka = Recorder()
    kafka.too_large = {b"large"}
    await drain(relay_of(database_url), connection, kafka)
    assert kafka.numbers("p") == [1, 2, 3]
    stats = await outbox.stats(connection)
    assert (stats.waiting, stats.refused) == (0, 4)


async def test_more_than_one_batch_of_kafka_arrives_whole_and_in_order(
    settings: ClientSettings, connection: Any, database_url: str
) -> None:
    retries: list[Any] = ["conflict"] * 1000  # 11 kB an event, so a batch of 512 kB holds 47
    for number in range(1, 201):
        await outbox.add(connection, created("p", f"e{number}", number, retry_reasons=retries))
    producer = await OrderedProducer.connect(settings)
    try:
        await drain(OutboxRelay(database_url, settings), connection, producer)
    finally:
        await producer.stop()
    told = [json.loads(record.value) for record in await all_records(settings.bootstrap_servers, settings.topic)]
    assert [body["episode_number"] for body in told] == list(range(1, 201))
    assert [body["sequence"] for body in told] == list(range(1, 201))


async def test_a_database_that_comes_back_is_gone_on_with(
    settings: ClientSettings, connection: Any, database_url: str
) -> None:
    relay, stop = OutboxRelay(database_url, settings, poll_seconds=0.02), asyncio.Event()
    running = asyncio.create_task(relay.run(stop))

    async def sent(count: int) -> bool:
        return relay.sent >= count

    await outbox.add(connection, created("p", "e", 1))
    await until(lambda: sent(1))
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'episode-outbox-relay'"
    )
    await outbox.add(connection, created("p", "e", 2))
    await until(lambda: sent(2))
    stop.set()
    await running


# --- kill -9


class Child:
    """A process of ours; it is killed at the end of the test whatever happens."""

    def __init__(self, *words: str, **environment: str) -> None:
        self._words = [sys.executable, "-m", *words]
        self._environment = {**os.environ, **environment}
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._words, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill9(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None


@contextmanager
def children() -> Iterator[list[Child]]:
    made: list[Child] = []
    try:
        yield made
    finally:
        for child in made:
            child.kill9()


async def count_made(database_url: str) -> int:
    return int((await fetch(database_url, "SELECT count(*) FROM made"))[0][0])


async def some_more(database_url: str, more: int = 60) -> None:
    """Waits until the service has created so many."""
    goal = await count_made(database_url) + more

    async def enough() -> bool:
        return await count_made(database_url) >= goal

    await until(enough)


async def all_gone(database_url: str) -> None:
    async def empty() -> bool:
        return not (await fetch(database_url, "SELECT count(*) FROM episode_event_outbox"))[0][0]

    await until(empty)


def check(made: list[Any], told: list[dict[str, Any]]) -> None:
    """Every row is told and nothing else, and the first tellings of each project are in the order of its numbers."""
    assert {row["id"]: (row["project_id"], row["number"]) for row in made} == {
        body["episode_id"]: (body["project_id"], body["episode_number"]) for body in told
    }
    by_project: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for body in told:
        by_project[body["project_id"]].setdefault(body["event_id"], body)
    for events in by_project.values():
        assert [body["episode_number"] for body in events.values()] == list(range(1, len(events) + 1))
        assert [body["sequence"] for body in events.values()] == list(range(1, len(events) + 1))
        assert len({body["source"] for body in events.values()}) == 1


@pytest.mark.broker
async def test_kill_9_of_the_service_and_of_relays_loses_nothing_and_keeps_the_order(
    connection: Any, database_url: str, settings: ClientSettings
) -> None:
    await connection.execute(TABLES)
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers, "EVENTS_TOPIC": settings.topic}
    with children() as started:
        service = Child("tests.client.outbox_service", "3", DATABASE_URL=database_url)
        started.append(service)
        relays = [Child("episode_monitor_client.relay_command", DATABASE_URL=database_url, **kafka) for _ in range(2)]
        started += relays
        for _ in range(3):
            for victim in (service, *relays):
                await some_more(database_url)
                victim.kill9()
                victim.start()
        service.kill9()
        await all_gone(database_url)
        assert all(relay.is_running for relay in relays)
    made = await fetch(database_url, "SELECT * FROM made")
    told = [json.loads(record.value) for record in await all_records(settings.bootstrap_servers, settings.topic)]
    check(made, told)


@pytest.mark.apache  # the embedded broker forgets everything when it is killed
async def test_kill_9_of_the_broker_loses_nothing_and_keeps_the_order(
    connection: Any, database_url: str, topic_prefix: str, private_broker: Any
) -> None:
    broker = private_broker()
    topic = await make_topic(broker.bootstrap_servers, topic_prefix)
    await connection.execute(TABLES)
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "EVENTS_TOPIC": topic}
    with children() as started:
        service = Child("tests.client.outbox_service", "3", DATABASE_URL=database_url)
        started.append(service)
        started += [Child("episode_monitor_client.relay_command", DATABASE_URL=database_url, **kafka) for _ in range(2)]
        for _ in range(2):
            await some_more(database_url)
            await asyncio.to_thread(broker.kill9)
            await some_more(database_url)  # the service does not even notice
            await asyncio.to_thread(broker.start)
        await some_more(database_url)
        service.kill9()
        await all_gone(database_url)
    made = await fetch(database_url, "SELECT * FROM made")
    told = [json.loads(record.value) for record in await all_records(broker.bootstrap_servers, topic)]
    check(made, told)
