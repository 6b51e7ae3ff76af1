"""`episode-outbox-relay`: what it refuses, in one sentence, and what it prints."""

import os
import subprocess
import sys

import pytest

from episode_monitor.demo.ports import free_port
from episode_monitor_client import outbox

KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}


def relay(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "episode_monitor_client.relay_command", *words],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_prints_the_tables() -> None:
    done = relay("--ddl")
    assert (done.returncode, done.stdout, done.stderr) == (0, outbox.ddl(), "")


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({}, "KAFKA_BOOTSTRAP_SERVERS is not set"),
        (KAFKA | {"EPISODE_MONITORING_ENABLED": "false"}, "EPISODE_MONITORING_ENABLED is false"),
        (KAFKA | {"EVENTS_TOPIC": "no spaces"}, "EVENTS_TOPIC must be"),
        (KAFKA, "DATABASE_URL must be"),
        (KAFKA | {"DATABASE_URL": "mysql://me:hush@x"}, "DATABASE_URL must be"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_code_2(environment: dict[str, str], word: str) -> None:
    done = relay(**environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "hush" not in done.stderr


def test_tables_that_cannot_be_made_are_exit_code_3() -> None:
    done = relay("--create-tables", DATABASE_URL=f"postgresql://me:hush@127.0.0.1:{free_port()}/x", **KAFKA)
    assert done.returncode == 3
    assert "the tables could not be made" in done.stderr
    assert "hush" not in done.stderr
