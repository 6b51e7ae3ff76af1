"""Runs an example's application for real, and reads every event that it sent."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from fastapi import FastAPI

from examples.project_service.app import create_app
from examples.project_service.settings import Settings
from examples.serving import server

PATIENCE_SECONDS = 60.0  # a machine under load; nothing waits that long in good health
PARTITIONS = 3
END = b"end of test"


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The URL of the application on a free port of 127.0.0.1."""
    listener = socket.create_server(("127.0.0.1", 0))
    running = server(app)
    task = asyncio.create_task(running.serve([listener]))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not running.started and not task.done():  # noqa: ASYNC110 - uvicorn sets a plain flag
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        running.should_exit = True
        await task
        listener.close()


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    """Waits until the condition holds; TimeoutError when it never does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - it is asked of other processes
            await asyncio.sleep(0.02)


@dataclass
class Service:
    """A running project service, and ways to look behind it."""

    client: httpx.AsyncClient
    settings: Settings

    async def create(self, project_id: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """One creation."""
        return await self.client.post(f"/projects/{project_id}/episodes", json={"title": "t"}, headers=headers)

    async def trouble(self, project_id: str, kind: str, **options: Any) -> None:
        """One order of trouble that must be accepted."""
        answer = await self.client.post("/admin/trouble", json={"project_id": project_id, "kind": kind, **options})
        assert answer.status_code == 200, answer.text

    async def numbers(self, project_id: str) -> list[int]:
        """The numbers in the database, in order."""
        return [row["number"] for row in await self.rows(project_id)]

    async def rows(self, project_id: str) -> list[Any]:
        """The project's rows in the database."""
        query = "SELECT * FROM episodes WHERE project_id = $1 ORDER BY number, id"
        return await fetch(self.settings.database_url, query, project_id)

    async def records(self) -> list[ConsumerRecord]:
        """Every record of the events topic, once the service has sent all of its own."""

        async def all_sent() -> bool:
            return bool((await self.client.get("/healthz")).json()["events_waiting"] == 0)

        await until(all_sent)
        return await all_records(self.settings.kafka_bootstrap_servers, self.settings.events_topic)

    async def events(self, project_id: str | None = None) -> list[dict[str, Any]]:
        """The events of one project in the order of its partition, or of all."""
        found = [json.loads(record.value) for record in await self.records()]
        return [event for event in found if project_id in (None, event["project_id"])]


@asynccontextmanager
async def project_service(settings: Settings, *, healthy: bool = True) -> AsyncIterator[Service]:
    """A running service; waits until it is healthy unless `healthy` is False."""
    async with (
        serving(create_app(settings)) as url,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False) as client,
    ):
        if healthy:
            await until_healthy(client)
        yield Service(client, settings)


async def until_healthy(client: httpx.AsyncClient) -> None:
    """Waits until the service says 200."""

    async def healthy() -> bool:
        try:
            return (await client.get("/healthz")).status_code == 200
        except httpx.TransportError:  # a process that does not listen yet
            return False

    await until(healthy)


async def fetch(database_url: str, query: str, *arguments: Any) -> list[Any]:
    """Rows of one statement on a connection of its own."""
    connection = await asyncpg.connect(database_url)
    try:
        return list(await connection.fetch(query, *arguments))
    finally:
        await connection.close()


async def all_records(bootstrap_servers: str, topic: str, **login: Any) -> list[ConsumerRecord]:
    """Reads each partition up to a mark that is written first: a broker's own idea of its end may lag."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", **login)
    await producer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in await producer.partitions_for(topic)]
        for partition in partitions:
            await producer.send_and_wait(topic, END, partition=partition.partition)
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False, **login)
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        return await _up_to_the_marks(consumer, len(partitions))
    finally:
        await consumer.stop()


async def _up_to_the_marks(consumer: AIOKafkaConsumer, open_partitions: int) -> list[ConsumerRecord]:
    found: dict[int, list[ConsumerRecord]] = {}
    ended: dict[int, int] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(ended) < open_partitions:
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    if record.value == END:
                        ended[partition.partition] = record.offset
                    else:
                        found.setdefault(partition.partition, []).append(record)
    return [record for number in sorted(found) for record in found[number]]
