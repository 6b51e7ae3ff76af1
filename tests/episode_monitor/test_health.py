"""The health check as the image runs it and as people do: it asks this machine, and what it answers is what counts."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from episode_monitor.addresses import local_url
from episode_monitor.fleet.errors import Recovering
from episode_monitor.observe import health
from episode_monitor.web.server import HttpServer, serve
from episode_monitor.web.settings import WebSettings
from tests.web.fake_views import FakeViews, fake_app

PROXIES = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")


@asynccontextmanager
async def worker(failing: Exception | None = None) -> AsyncIterator[HttpServer]:
    views = FakeViews()
    views.failing = failing
    server = await serve(fake_app(views, WebSettings()), "127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.stop()


async def run(*words: str, **environment: str) -> tuple[int, str]:
    """Exit code and what was said."""
    done = await asyncio.to_thread(
        subprocess.run,
        words,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], **environment},
    )
    return done.returncode, (done.stdout + done.stderr).strip()


async def test_the_images_check_asks_the_worker_itself_and_no_proxy() -> None:
    check = (sys.executable, "-P", "-m", "episode_monitor.observe.health")
    async with worker() as server:
        port = str(server.port)
        healthy = await run(*check, MONITORING_HOST="0.0.0.0", MONITORING_PORT=port, PYTHONPATH=os.getcwd(), **PROXIES)
    assert healthy == (0, "Healthy: the integrity summary answers.")
    gone = await run(*check, MONITORING_PORT=port, PYTHONPATH=os.getcwd())
    assert gone[0] == 1
    assert gone[1].startswith(f"No worker answers at http://127.0.0.1:{port} (")


async def test_it_is_unhealthy_while_tables_are_read_back_and_says_so() -> None:
    async with worker(Recovering()) as server:
        is_healthy, sentence = await asyncio.to_thread(health.ask, server.url)
    assert not is_healthy
    assert sentence.startswith("The tables are recovering")


async def test_curl_in_its_place_answers_alike() -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("this machine has no curl")
    ways = ("--fail", "--silent", "--output", "/dev/null")
    async with worker() as server:
        url = f"http://localhost:{server.port}{health.SUMMARY}"
        assert (await run(curl, *ways, url, NO_PROXY="localhost,127.0.0.1,::1", **PROXIES))[0] == 0
    async with worker(Recovering()) as server:
        assert (await run(curl, *ways, f"http://localhost:{server.port}{health.SUMMARY}"))[0] == 22


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8002"), ("::", "http://[::1]:8002"), ("::1", "http://[::1]:8002"),
     ("10.0.0.7", "http://10.0.0.7:8002")],
)  # fmt: skip
def test_a_worker_is_asked_where_it_listens(host: str, url: str) -> None:
    assert local_url(host, 8002) == url


def test_the_check_imports_the_standard_library_alone() -> None:
    program = "import sys, episode_monitor.observe.health; print(sorted({n.partition('.')[0] for n in sys.modules}))"
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    assert not {"httpx", "typer", "pydantic", "msgspec", "structlog", "agents", "streams"} & set(eval(done.stdout))
