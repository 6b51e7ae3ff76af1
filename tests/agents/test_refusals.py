"""Why Kafka cannot be used is one sentence that names what was refused and its setting, wherever it is asked."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from agents.kafka.access import KafkaAccess
from agents.kafka.refusals import why, words_of
from agents.kafka.topics import kafka_trouble
from episode_monitor.demo.ports import free_port
from testbed.locked_kafka import SECRET, USER
from testbed.many_doors import Doors, kafka_with_many_doors
from tests.system.running import until

ROOT = Path(__file__).resolve().parents[2]
PYTHONS_WORDS = re.compile(r"\w+Error\b|\[Errno|\[Error|AddressFamily|Traceback|<[A-Z]|object at|Exception")
LOGIN: dict[str, Any] = {"sasl_username": USER, "sasl_password": SECRET}


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with kafka_with_many_doors(tmp_path_factory.mktemp("doors")) as made:
        yield made


CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "password": (
        "LOGIN", {"security_protocol": "SASL_PLAINTEXT", **LOGIN, "sasl_password": "guessed"},
        "rejects this user and password (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_SASL_MECHANISM PLAIN); "
        "correct them, or give the broker that user.",
    ),
    "password over TLS": (
        "LOGINTLS", {"security_protocol": "SASL_SSL", "ssl_cafile": "all", **LOGIN, "sasl_password": "guessed"},
        "rejects this user and password (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_SASL_MECHANISM PLAIN); "
        "correct them, or give the broker that user.",
    ),
    "mechanism": (
        "LOGIN", {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-256", **LOGIN},
        "does not support the mechanism SCRAM-SHA-256; correct KAFKA_SASL_MECHANISM.",
    ),
    "no login": (
        "LOGIN", {},
        "requires a login, and KAFKA_SECURITY_PROTOCOL is PLAINTEXT; make it SASL_PLAINTEXT, and set "
        "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.",
    ),
    "no login over TLS": (
        "LOGINTLS", {"security_protocol": "SSL", "ssl_cafile": "all"},
        "requires a login, and KAFKA_SECURITY_PROTOCOL is SSL; make it SASL_SSL, and set "
        "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.",
    ),
    "a login where nobody asks": (
        "PLAINTEXT", {"security_protocol": "SASL_PLAINTEXT", **LOGIN},
        "does not support logins, and KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT; make it PLAINTEXT, or use an "
        "address that supports logins.",
    ),
    "another authority": (
        "TLS", {"security_protocol": "SSL", "ssl_cafile": "strangers"},
        "shows a certificate that no authority in KAFKA_SSL_CAFILE has signed; set KAFKA_SSL_CAFILE to the "
        "authority that did.",
    ),
    "no authority": (
        "LOGINTLS", {"security_protocol": "SASL_SSL", **LOGIN},
        "shows a certificate that no authority in KAFKA_SSL_CAFILE has signed; set KAFKA_SSL_CAFILE to the "
        "authority that did.",
    ),
    "expired": (
        "EXPIRED", {"security_protocol": "SSL", "ssl_cafile": "all"},
        "shows a certificate that expired; renew it, or check this machine's clock.",
    ),
    "another host": (
        "OTHERHOST", {"security_protocol": "SSL", "ssl_cafile": "all"},
        "shows a certificate for another host; name it in KAFKA_BOOTSTRAP_SERVERS as its certificate does, or give the "
        "broker one for 127.0.0.1.",
    ),
    "plain to TLS": (
        "TLS", {}, "accepts TLS only, and KAFKA_SECURITY_PROTOCOL is PLAINTEXT; make it SSL.",
    ),
    "a plain login to TLS": (
        "LOGINTLS", {"security_protocol": "SASL_PLAINTEXT", **LOGIN},
        "accepts TLS only, and KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT; make it SASL_SSL.",
    ),
    "TLS to plain": (
        "PLAINTEXT", {"security_protocol": "SSL", "ssl_cafile": "all"},
        "does not use TLS, and KAFKA_SECURITY_PROTOCOL is SSL; make it PLAINTEXT.",
    ),
    "a login by TLS to plain": (
        "LOGIN", {"security_protocol": "SASL_SSL", "ssl_cafile": "all", **LOGIN},
        "does not use TLS, and KAFKA_SECURITY_PROTOCOL is SASL_SSL; make it SASL_PLAINTEXT.",
    ),
}  # fmt: skip


def access_for(doors: Doors, door: str, options: dict[str, Any]) -> KafkaAccess:
    files = {"all": doors.cafile, "strangers": doors.strangers}
    named = {**options, "ssl_cafile": files[options["ssl_cafile"]]} if "ssl_cafile" in options else options
    return KafkaAccess(bootstrap_servers=doors.addresses[door], **named)


@pytest.mark.apache
@pytest.mark.broker
@pytest.mark.parametrize("case", CASES)
async def test_what_was_refused_is_named_with_its_setting(doors: Doors, case: str) -> None:
    door, options, expected = CASES[case]
    access = access_for(doors, door, options)
    said = await kafka_trouble(access, 20.0)
    assert said == f"Kafka at {access} {expected}"
    assert SECRET not in said
    assert not PYTHONS_WORDS.search(said)


@pytest.mark.apache
@pytest.mark.broker
@pytest.mark.parametrize(
    "words", [("doctor",), ("topics", "ensure"), ("topics", "describe"), ("replay",), ("rebuild", "plan", "--to", "b")]
)
def test_every_command_says_it_once_and_nothing_else(doors: Doors, words: tuple[str, ...], tmp_path: Path) -> None:
    for case in ("password", "expired", "plain to TLS"):
        door, options, expected = CASES[case]
        access = access_for(doors, door, options)
        done = subprocess.run(
            [sys.executable, "-m", "episode_monitor", *words], capture_output=True, text=True, check=False, timeout=60,
            cwd=ROOT, env=environment_of(access, tmp_path),
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 3, said
        assert said.count(f"Kafka at {access} {expected}") == 1, said
        assert not PYTHONS_WORDS.search(said)
        assert "guessed" not in said


@pytest.mark.apache
@pytest.mark.broker
@pytest.mark.parametrize("case", ["password over TLS", "another authority", "expired", "another host"])
def test_a_worker_that_waits_says_it_in_one_line_of_its_log_and_on_every_door(
    doors: Doors, case: str, tmp_path: Path
) -> None:
    door, options, expected = CASES[case]
    access, port, log = access_for(doors, door, options), free_port(), tmp_path / "log"
    sentence, summary = f"Kafka at {access} {expected}", "/monitoring/episodes/integrity/summary"
    environment = environment_of(access, tmp_path) | {"MONITORING_PORT": str(port), "LOG_FORMAT": "json"}
    with log.open("w") as opened:
        command = [sys.executable, "-m", "episode_monitor", "worker"]
        worker = subprocess.Popen(command, stdout=opened, stderr=opened, cwd=ROOT, env=environment)
    try:
        until(lambda: sentence in log.read_text(), "the sentence in the log", 90)
        begun_at = time.monotonic()
        until(lambda: time.monotonic() - begun_at > 5, "several tries more")
        ready = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30)
        answer = httpx.get(f"http://127.0.0.1:{port}{summary}", timeout=30)
    finally:
        worker.terminate()
        code = worker.wait(60)
    assert (ready.status_code, ready.json()["parts"]["broker"]) == (503, f"waiting for Kafka at {access}: {sentence}")
    assert (answer.status_code, answer.json()["detail"]) == (503, f"{sentence} This worker waits for that.")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"] for line in lines if str(access) in json.dumps(line)] == [
        "Kafka cannot be used; waiting for it"
    ]
    assert (code, "guessed" in log.read_text(), "Traceback" in log.read_text()) == (0, False, False)


def environment_of(access: KafkaAccess, folder: Path) -> dict[str, str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment |= {
        "KAFKA_BOOTSTRAP_SERVERS": str(access), "KAFKA_SECURITY_PROTOCOL": access.security_protocol,
        "STATE_DIR": str(folder), "COLUMNS": "400",
    }  # fmt: skip
    if access.has_user:
        environment |= {"KAFKA_SASL_USERNAME": USER, "KAFKA_SASL_PASSWORD": "guessed"}
    if access.ssl_cafile:
        environment["KAFKA_SSL_CAFILE"] = str(access.ssl_cafile)
    return environment


async def test_nobody_there_and_no_such_name_are_told_apart() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    said = await kafka_trouble(nowhere)
    assert said == f"Kafka does not answer at {nowhere}; start it, or check KAFKA_BOOTSTRAP_SERVERS."
    said = await kafka_trouble("no-such-host.invalid:9092", 20.0)
    assert said == "The host name in no-such-host.invalid:9092 cannot be resolved; correct KAFKA_BOOTSTRAP_SERVERS."


async def test_what_speaks_something_else_is_no_kafka() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    said = await kafka_trouble(address, 20.0)
    server.close()
    assert said == (
        f"What answers at {address} speaks no Kafka that the monitor knows, or closes every connection; correct "
        f"KAFKA_BOOTSTRAP_SERVERS or KAFKA_SECURITY_PROTOCOL (PLAINTEXT)."
    )


@pytest.mark.parametrize(
    ("error", "right"),
    [
        (TopicAuthorizationFailedError("episode-events"), "READ, WRITE or DESCRIBE on the topic episode-events"),
        (TopicAuthorizationFailedError({"a"}), "READ, WRITE or DESCRIBE on the topic a"),
        (GroupAuthorizationFailedError("episode-monitor"), "READ on the consumer group episode-monitor"),
        (ClusterAuthorizationFailedError(), "IDEMPOTENT_WRITE or CREATE on the cluster"),
    ],
)
async def test_a_right_that_lacks_is_named_with_who_lacks_it(error: KafkaError, right: str) -> None:
    access = KafkaAccess(bootstrap_servers="kafka:9092", security_protocol="SASL_PLAINTEXT", **LOGIN)
    said = f"Kafka at kafka:9092 refuses the user {USER} the right {right}; grant it (doctor names all)."
    assert await why(error, access) == words_of(error, access) == said
