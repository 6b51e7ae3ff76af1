"""The outbox while service, relays and Apache Kafka are killed with `kill -9`: nothing is lost, and the order stays."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from episode_monitor_client import ClientSettings
from tests.client.conftest import make_topic
from tests.client.outbox_service import TABLES
from tests.examples.support import all_records, fetch, until


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
