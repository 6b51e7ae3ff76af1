"""Commands where Kafka asks who they are and speaks TLS: each logs in as the worker does."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from testbed.locked_kafka import LockedKafka, locked_kafka
from tests.backfill.support import environment, make_table, run

pytestmark = [pytest.mark.apache, pytest.mark.broker]

ROWS = [("p", number, f"ep-{number}") for number in range(1, 11)]


def command(env: dict[str, str], folder: Path, *words: str) -> tuple[int, Any, str]:
    """Exit code, what it said as JSON, and standard error."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "episode_monitor", *words, "--json"],
        env=env, cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


async def test_every_command_that_asks_kafka_logs_in(database_url: str, topic_prefix: str, tmp_path: Path) -> None:
    await make_table(database_url, ROWS)

    def ask(kafka: LockedKafka) -> None:
        env = environment(database_url, kafka.bootstrap_servers, topic_prefix, tmp_path, **kafka.environment())
        code, summary, err = run(env, tmp_path)
        assert (code, summary["status"], summary["stated"]) == (0, "completed", 10), err
        code, told, err = command(env, tmp_path, "replay")
        assert (code, told["events"]) == (0, 10), err
        for words in (["topics", "ensure"], ["topics", "describe"]):
            assert command(env, tmp_path, *words)[0] == 0
        found = {finding["part"]: finding["verdict"] for finding in command(env, tmp_path, "doctor")[1]}
        assert (found["kafka"], found["topics"]) == ("ok", "ok")
        guessed = env | kafka.environment(password="guessed")
        code, summary, err = run(guessed, tmp_path)
        assert (code, summary) == (3, None)
        assert "guessed" not in err

    with locked_kafka("SASL_SSL", tmp_path) as kafka:
        await asyncio.to_thread(ask, kafka)
