"""Proxy variables as containers and shells hand them out: what is needed and cannot be used is said, all else runs."""

import asyncio
import os
import sys
from pathlib import Path

import httpx

from episode_monitor.demo.ports import free_port
from tests.system.test_commands import NOWHERE, ROOT, run

ODD = {
    "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "socks5://[::1", "HTTPS_PROXY": ":::", "ALL_PROXY": "none",
    "NO_PROXY": "localhost,127.0.0.1,::1,[::1],10.0.0.0/8,[::1]:x",
}  # fmt: skip


def test_a_proxy_that_a_receiver_needs_and_that_cannot_be_used_ends_the_start_with_2() -> None:
    ran = run("worker", SLACK_WEBHOOK_URL="https://hooks.example/T0", **{**ODD, "HTTPS_PROXY": "socks5://proxy"})
    assert ran.code == 2
    assert ran.err.splitlines()[-1] == (
        "episode-monitor: HTTPS_PROXY names a SOCKS proxy, through which alerts cannot be sent; set it to an http:// "
        "proxy, or name the receivers' hosts in NO_PROXY."
    )


def test_commands_ask_a_worker_on_this_machine_directly() -> None:
    ran = run("alerts", "ack", "r:p", "--by", "mina", **ODD, MONITORING_PORT="9")
    assert ran.code == 3
    assert ran.err.startswith("episode-monitor: No worker answers at http://127.0.0.1:9 (")


async def test_a_worker_starts_whatever_the_variables_hold(tmp_path: Path) -> None:
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "KAFKA_BOOTSTRAP_SERVERS": NOWHERE, "STATE_DIR": str(tmp_path), **ODD}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "episode_monitor", "worker", cwd=ROOT, stderr=asyncio.subprocess.DEVNULL,
        env={**environment, "MONITORING_PORT": str(port), "MONITORING_WEBHOOK_URL": "http://127.0.0.1:9/hook"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
            answer = None
            while answer is None and process.returncode is None:
                try:
                    answer = await client.get(f"http://127.0.0.1:{port}/livez")
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
        assert answer is not None, f"it ended with {process.returncode}"
        assert answer.status_code == 200
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
