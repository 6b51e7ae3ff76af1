"""The client, its relay and the sample service where Kafka asks who they are and speaks TLS."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agents.kafka.topics import TopicNames, ensure_topics
from episode_monitor_client import EpisodeMonitorClient, EpisodePerformanceTracker, Outbox, created, security_options
from episode_monitor_client.sender import Sender
from episode_monitor_client.settings import ClientSettings
from examples.project_service.settings import Settings
from testbed.locked_kafka import locked_kafka
from tests.client.test_outbox_kills import Child, all_gone, children
from tests.examples.support import all_records, project_service


@pytest.mark.apache
@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_all_that_tell_events_log_in(
    protocol: str, connection: Any, database_url: str, topic_prefix: str, tmp_path: Path, monkeypatch: Any
) -> None:
    with locked_kafka(protocol, tmp_path) as kafka:
        names = TopicNames.of(f"{topic_prefix}m", *(f"{topic_prefix}{name}" for name in ("e", "a", "d", "ad")))
        await ensure_topics(kafka.access(), names, 3, 1)
        environment = kafka.environment() | {"EVENTS_TOPIC": names.events}
        for name, text in environment.items():
            monkeypatch.setenv(name, text)

        client = EpisodeMonitorClient.from_environment()
        EpisodePerformanceTracker(client).deleted("p", "by the queue")
        assert await asyncio.to_thread(client.close, 30.0) == 0

        await Outbox().add(connection, created("p", "by the outbox", 1))
        with children() as started:
            started.append(Child("episode_monitor_client.relay_command", DATABASE_URL=database_url))
            settings = Settings(
                database_url=database_url, kafka_bootstrap_servers=kafka.bootstrap_servers, events_topic=names.events
            )
            async with project_service(settings) as service:
                number = (await service.create("p")).json()["number"]
            await all_gone(database_url)
        login = security_options()
        read = [json.loads(r.value) for r in await all_records(kafka.bootstrap_servers, names.events, **login)]
    assert number == 1
    assert len(read) == 3
    assert {body.get("episode_id") for body in read} >= {"by the queue", "by the outbox"}


@pytest.mark.apache
@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_why_nothing_can_be_sent_is_said_in_words(protocol: str, tmp_path: Path) -> None:
    with locked_kafka(protocol, tmp_path) as kafka:
        where = f"Kafka at {kafka.bootstrap_servers}"
        plain = {name: text for name, text in kafka.environment().items() if name == "KAFKA_BOOTSTRAP_SERVERS"}
        guessed = kafka.environment(password="guessed")
        expected = {
            f"{where} rejects this user and password (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD)": guessed,
            (
                f"{where} accepts TLS only; correct KAFKA_SECURITY_PROTOCOL (PLAINTEXT)" if protocol == "SASL_SSL"
                else f"{where} requires a login; correct KAFKA_SECURITY_PROTOCOL (PLAINTEXT)"
            ): plain,
        }  # fmt: skip
        if protocol == "SASL_SSL":
            strange = {name: text for name, text in kafka.environment().items() if name != "KAFKA_SSL_CAFILE"}
            expected[f"{where} shows a certificate that no authority in KAFKA_SSL_CAFILE has signed"] = strange
        for sentence, environment in expected.items():
            settings = ClientSettings.from_environment(environment)
            assert isinstance(settings, ClientSettings), settings
            sender = Sender(settings)
            sender.emit(created("p", "e", 1))
            async with asyncio.timeout(30):
                while sentence not in str(sender.stats().fault):  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.05)
            assert "guessed" not in str(sender.stats().fault)
            await sender.aclose(0.0)
