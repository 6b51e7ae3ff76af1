"""A worker that is asked to end says at once that it is not ready, and answers until it has stored all."""

import asyncio
from pathlib import Path

import httpx
import pytest

from episode_monitor.demo.ports import free_port
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import load_settings
from episode_monitor.worker import Worker


async def test_not_ready_comes_first_and_the_end_of_answers_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    settings = load_settings(
        {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port(avoid=[port])}",
            "MONITORING_PORT": str(port),
            "STATE_DIR": str(tmp_path),
        }
    )
    worker, stopping, stored = Worker(settings, core_from(settings), stop=pytest.fail), asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(worker.checks, "close", stored.wait)  # a check that takes its time to end
    running = asyncio.create_task(worker.run(stopping))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

        async def broker_word() -> str:
            try:
                return str((await client.get("/readyz")).json()["parts"]["broker"])
            except httpx.ConnectError:
                return ""

        async with asyncio.timeout(30):
            while "Kafka" not in await broker_word():  # noqa: ASYNC110 - it is asked as a probe asks it
                await asyncio.sleep(0.05)
            stopping.set()
            while await broker_word() != "stopping":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200
        stored.set()
        async with asyncio.timeout(30):
            await running
        with pytest.raises(httpx.ConnectError):
            await client.get("/livez")
