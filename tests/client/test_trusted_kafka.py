"""The client and its relay where Kafka knows them by a certificate or a token; and what is said where it does not."""

import asyncio
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.kafka.topics import TopicNames, ensure_topics
from episode_monitor_client import EpisodeMonitorClient, EpisodePerformanceTracker, Outbox, created, security_options
from episode_monitor_client.sender import Sender
from episode_monitor_client.settings import ClientSettings
from testbed.trusted_kafka import TrustedKafka, token_of, trusted_kafka
from tests.client.test_outbox_kills import Child, all_gone, children
from tests.examples.support import all_records

pytestmark = [pytest.mark.apache, pytest.mark.broker]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustedKafka]:
    with trusted_kafka(tmp_path_factory.mktemp("trusted")) as running:
        yield running


@pytest.mark.parametrize("how", ["certificate", "token file", "token command"])
async def test_all_that_tell_events_are_let_in_by(
    kafka: TrustedKafka, how: str, connection: Any, database_url: str, topic_prefix: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    token = tmp_path / "token"
    token.write_text(token_of("service") + "\n")
    printing = shlex.join([sys.executable, "-c", f"print(open({str(token)!r}).read())"])
    environment = {
        "certificate": kafka.environment("MUTUAL"),
        "token file": kafka.environment("TOKEN", file=str(token)),
        "token command": kafka.environment("TOKEN", command=printing),
    }[how]
    names = TopicNames.of(f"{topic_prefix}m", *(f"{topic_prefix}{name}" for name in ("e", "a", "d", "ad")))
    await ensure_topics(kafka.mutual(), names, 3, 1)
    for name, text in (environment | {"EVENTS_TOPIC": names.events}).items():
        monkeypatch.setenv(name, text)

    client = EpisodeMonitorClient.from_environment()
    EpisodePerformanceTracker(client).deleted("p", "by the queue")
    assert await asyncio.to_thread(client.close, 30.0) == 0

    await Outbox().add(connection, created("p", "by the outbox", 1))
    with children() as started:
        started.append(Child("episode_monitor_client.relay_command", DATABASE_URL=database_url))
        await all_gone(database_url)
    login = security_options()
    read = [
        json.loads(r.value) for r in await all_records(environment["KAFKA_BOOTSTRAP_SERVERS"], names.events, **login)
    ]
    assert {body["episode_id"] for body in read} == {"by the queue", "by the outbox"}


SAID = {
    "no certificate": "requires another certificate of this client (",
    "expired": "requires another certificate of this client (",
    "stranger": "requires another certificate of this client (",
    "rejected token": "rejects this token (KAFKA_SASL_OAUTH_TOKEN_FILE or KAFKA_SASL_OAUTH_TOKEN_COMMAND); check its ",
    "empty token": "requires a token: KAFKA_SASL_OAUTH_TOKEN_FILE gives an empty token; write a token into the file",
    "expired token": "requires a token: KAFKA_SASL_OAUTH_TOKEN_FILE gives a token that expired; renew it, or check ",
}
WRITTEN = {"rejected token": "no.json.web-token", "empty token": "\n", "expired token": token_of("service", -5)}


@pytest.mark.parametrize("case", SAID)
async def test_why_nothing_can_be_sent_is_said_in_words(kafka: TrustedKafka, case: str, tmp_path: Path) -> None:
    if case in WRITTEN:
        (tmp_path / "token").write_text(WRITTEN[case])
        environment = kafka.environment("TOKEN", file=str(tmp_path / "token"))
    else:
        environment = kafka.environment("MUTUAL", client="" if case == "no certificate" else case)
    settings = ClientSettings.from_environment(environment)
    assert isinstance(settings, ClientSettings), settings
    expected = f"Kafka at {settings.bootstrap_servers} {SAID[case]}"
    sender = Sender(settings)
    sender.emit(created("p", "e", 1))
    try:
        async with asyncio.timeout(60):
            while expected not in str(sender.stats().fault):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"the fault is {sender.stats().fault}")
    finally:
        await sender.aclose(0.0)
    assert sender.stats().waiting == 1, "the event waits for a Kafka that lets it in"
