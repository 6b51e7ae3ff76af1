"""The project service with an outbox: what changed rows is told, and nothing else, although it is killed."""

import asyncio
import os
import signal
import subprocess
import sys

import httpx
import pytest

from episode_monitor.demo.ports import free_port
from examples.project_service.settings import Settings
from tests.examples.support import fetch, project_service, until, until_healthy

pytestmark = pytest.mark.broker


async def test_every_change_is_told_by_the_outbox_and_trouble_by_the_queue(service_settings: Settings) -> None:
    async with project_service(service_settings.model_copy(update={"events_delivery": "outbox"})) as service:
        created = [(await service.create("p")).json() for _ in range(2)]
        await service.client.post(f"/projects/p/episodes/{created[1]['id']}/renumber", json={"number": 5})
        await service.client.delete(f"/projects/p/episodes/{created[0]['id']}")
        await service.trouble("q", "fail", probability=1.0)
        assert (await service.create("q")).status_code == 503
        told = await service.events("p")
        assert [event["type"] for event in told] == [
            "episode.created", "episode.created", "episode.renumbered", "episode.deleted",
        ]  # fmt: skip
        assert [event["sequence"] for event in told] == [1, 2, 3, 4]
        assert told[1]["duration_seconds"] == created[1]["duration_seconds"]
        (failed,) = await service.events("q")
        assert failed["type"] == "episode.creation_failed"
        assert failed["source"] != told[0]["source"]


async def test_a_service_that_is_killed_has_told_every_row_once_it_is_back(service_settings: Settings) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": service_settings.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": service_settings.kafka_bootstrap_servers,
        "EVENTS_TOPIC": service_settings.events_topic,
        "EVENTS_PARTITIONS": "3",
        "EVENTS_DELIVERY": "outbox",
        "PROJECT_SERVICE_PORT": str(port),
    }

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "examples.project_service"]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def create_until_it_dies(client: httpx.AsyncClient, project: str) -> None:
        try:
            for _ in range(10_000):
                await client.post(f"/projects/{project}/episodes")
        except httpx.TransportError:
            return

    async def rows() -> int:
        return int((await fetch(service_settings.database_url, "SELECT count(*) FROM episodes"))[0][0])

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60.0, trust_env=False) as client:
        for life in range(3):
            process = start()
            try:
                await until_healthy(client)
                callers = [asyncio.create_task(create_until_it_dies(client, f"p{n % 2}")) for n in range(4)]

                async def enough(goal: int = 40 * (life + 1)) -> bool:
                    return await rows() >= goal

                await until(enough)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            await asyncio.gather(*callers)

    async with project_service(service_settings.model_copy(update={"events_delivery": "outbox"})) as service:
        bodies = await service.events()
        made = await fetch(service_settings.database_url, "SELECT id, project_id, number FROM episodes")
    told = {
        (body["episode_id"], body["project_id"], body["episode_number"])
        for body in bodies
        if body["type"] == "episode.created"
    }
    assert told == {(row["id"], row["project_id"], row["number"]) for row in made}
