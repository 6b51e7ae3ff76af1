"""The project service meets the world: parts that are away, a signal to stop, a wrong setting."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from episode_monitor.demo.ports import free_port
from examples.project_service.settings import Settings
from tests.conftest import Broker
from tests.examples.support import PATIENCE_SECONDS, all_records, project_service, until, until_healthy

pytestmark = pytest.mark.broker


class Process:
    """The service as a process of its own, with this environment and no other settings."""

    def __init__(self, folder: Path, **environment: str):
        self.url = f"http://127.0.0.1:{environment.get('PROJECT_SERVICE_PORT', 0)}"
        self._log = folder / "stderr"
        clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "examples.project_service"]
            self._child = subprocess.Popen(command, env={**clean, **environment}, stdout=log, stderr=log)

    @property
    def said(self) -> str:
        """All that it wrote so far."""
        return self._log.read_text()

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def interrupt(self) -> None:
        """Asks it to stop."""
        self._child.send_signal(signal.SIGTERM)

    async def exit_code(self) -> int:
        """Waits for its end; kills it when that does not come."""
        try:
            return await asyncio.to_thread(self._child.wait, PATIENCE_SECONDS)
        finally:
            self._child.kill()


@contextmanager
def frozen(broker: Broker) -> Iterator[None]:
    """The broker is there and does not answer; what is sent to it waits in its sockets."""
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


async def test_kafka_away_at_the_start_is_waited_for_and_said(service_settings: Settings, private_broker: Any) -> None:
    broker: Broker = private_broker()
    broker.pause()
    settings = service_settings.model_copy(update={"kafka_bootstrap_servers": broker.bootstrap_servers})
    async with project_service(settings, healthy=False) as service:

        async def database_is_there() -> bool:
            return bool((await service.client.get("/healthz")).json()["parts"]["database"] == "ok")

        await until(database_is_there)
        health = await service.client.get("/healthz")
        assert health.status_code == 503
        assert f"waits for Kafka at {broker.bootstrap_servers}" in health.json()["parts"]["broker"]
        refused = await service.create("p")
        assert (refused.status_code, refused.json()["code"]) == (503, "starting")
        assert await service.numbers("p") == []

        await asyncio.to_thread(broker.start)
        await until_healthy(service.client)
        assert (await service.create("p")).status_code == 201


async def test_events_wait_for_a_kafka_that_does_not_answer_and_too_many_stop_the_work(
    service_settings: Settings, private_broker: Any
) -> None:
    broker: Broker = private_broker()
    changes = {"kafka_bootstrap_servers": broker.bootstrap_servers, "events_waiting_max": 3}
    async with project_service(service_settings.model_copy(update=changes)) as service:
        with frozen(broker):
            answers = [await service.create("p") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 503]
        assert answers[3].json()["code"] == "events_backlog"
        assert await service.numbers("p") == [1, 2, 3]

        assert [event["episode_number"] for event in await service.events("p")] == [1, 2, 3]
        assert (await service.create("p")).json()["number"] == 4


async def test_events_that_got_no_answer_are_sent_again_in_their_order(
    service_settings: Settings, private_broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("episode_monitor_client.kafka.REQUEST_TIMEOUT_MS", 500)
    broker: Broker = private_broker()
    settings = service_settings.model_copy(update={"kafka_bootstrap_servers": broker.bootstrap_servers})
    async with project_service(settings) as service:

        async def gave_up_once() -> bool:
            return bool((await service.client.get("/healthz")).json()["parts"]["broker"] != "ok")

        with frozen(broker):
            for n in range(6):
                await service.create(f"p{n % 2}")
            await until(gave_up_once)
        for project_id in ("p0", "p1"):
            events = await service.events(project_id)
            # What the broker took without saying so is there twice: the same events, the first time in order.
            once = {event["event_id"]: event for event in events}
            assert [event["episode_number"] for event in once.values()] == [1, 2, 3]
            sequences = [event["sequence"] for event in once.values()]
            assert sequences == sorted(sequences)


async def test_postgresql_away_is_waited_for_and_said(service_settings: Settings) -> None:
    away = service_settings.model_copy(update={"database_url": "postgresql://me:hush@127.0.0.1:1/nothing"})
    async with project_service(away, healthy=False) as service:

        async def says_so() -> bool:
            return "waits for PostgreSQL at 127.0.0.1/nothing" in (await service.client.get("/healthz")).text

        await until(says_so)
        health = await service.client.get("/healthz")
        assert health.status_code == 503
        assert "hush" not in health.text
        assert (await service.create("p")).json()["code"] == "starting"


async def test_a_process_that_is_told_to_stop_sends_what_it_has_and_leaves_in_peace(
    service_settings: Settings, private_broker: Any, tmp_path: Path
) -> None:
    broker: Broker = private_broker()
    process = Process(
        tmp_path,
        DATABASE_URL=service_settings.database_url,
        KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers,
        EVENTS_TOPIC=service_settings.events_topic,
        PROJECT_SERVICE_PORT=str(free_port()),
    )

    async def it_sends_the_last_events() -> bool:
        return "sending what is left" in process.said

    try:
        async with httpx.AsyncClient(base_url=process.url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            await until(lambda: _healthy(client))
            with frozen(broker):
                created = [await client.post(f"/projects/p{n}/episodes") for n in range(10)]
                process.interrupt()
                await until(it_sends_the_last_events)
    finally:
        process.interrupt()
        code = await process.exit_code()

    assert [answer.status_code for answer in created] == [201] * 10
    assert code == 0, process.said
    assert "Traceback" not in process.said
    assert len(await all_records(broker.bootstrap_servers, service_settings.events_topic)) == 10


async def test_a_taken_port_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = Process(tmp_path, DATABASE_URL="postgresql://127.0.0.1:1/nothing", PROJECT_SERVICE_PORT=port)
        assert await process.exit_code() == 2
    assert process.said.startswith(f"Cannot listen on 127.0.0.1 port {port} (")
    assert "PROJECT_SERVICE_PORT" in process.said
    assert len(process.said.splitlines()) == 1


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql://me:hush@somewhere"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://x", "CREATION_TIME_LIMIT_SECONDS": "-1"}, "CREATION_TIME_LIMIT_SECONDS"),
        ({"DATABASE_URL": "postgresql://x", "EVENTS_PARTITIONS": "many"}, "EVENTS_PARTITIONS"),
        ({"DATABASE_URL": "postgresql://x", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SECURITY_PROTOCOL"),
    ],
)
async def test_a_wrong_setting_is_one_sentence_and_exit_code_2(
    environment: dict[str, str], name: str, tmp_path: Path
) -> None:
    process = Process(tmp_path, **environment)
    assert await process.exit_code() == 2
    assert name in process.said
    assert len(process.said.splitlines()) == 1
    assert "hush" not in process.said


async def _healthy(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False
