"""The outbox on real PostgreSQL and Kafka: one transaction, one order a project, and nothing lost whoever is killed."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import asyncpg
import psycopg
from aiokafka.errors import MessageSizeTooLargeError

from episode_monitor_client import ClientSettings, Outbox, OutboxRelay, created, creation_failed
from episode_monitor_client.encoding import Record
from episode_monitor_client.kafka import OrderedProducer
from testbed.pooler import front_door
from tests.examples.support import all_records, fetch, until

outbox = Outbox("svc")


class Recorder:
    """In place of Kafka where the order of sends is the question."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.too_large: set[bytes] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()

    async def send(self, records: Sequence[Record]) -> None:
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
    for body in ("no json", "[]", "{}", "[" * 100_000):
        await connection.execute(insert, body)
    for number in range(1, 4):
        await outbox.add(connection, created("p", "e", number))
    await outbox.add(connection, creation_failed("large"))
    kafka = Recorder()
    kafka.too_large = {b"large"}
    await drain(relay_of(database_url), connection, kafka)
    assert kafka.numbers("p") == [1, 2, 3]
    stats = await outbox.stats(connection)
    assert (stats.waiting, stats.refused) == (0, 5)


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


async def test_a_pooler_that_knows_few_startup_parameters_is_told_no_others(connection: Any, database_url: str) -> None:
    async with connection.transaction():
        await outbox.add(connection, created("p", "e1", 1))
    kafka, stop = Recorder(), asyncio.Event()

    async def connect(settings: ClientSettings) -> Recorder:
        return kafka

    async with front_door(database_url) as (door, url):
        relay = asyncio.create_task(relay_of(url, connect=connect, poll_seconds=0.02).run(stop))
        async with asyncio.timeout(20):
            while not kafka.records:  # noqa: ASYNC110 - the relay puts them there
                await asyncio.sleep(0.01)
        stop.set()
        await relay
    assert set().union(*door.parameters) <= {"user", "database", "client_encoding"}
