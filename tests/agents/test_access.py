"""Kafka behind a login and TLS: what clients are made with, and a whole worker on such a broker."""

from pathlib import Path

import faust
import pytest

from agents.kafka.access import KafkaAccess, client_options
from agents.kafka.topics import kafka_trouble
from testbed.locked_kafka import SECRET, locked_kafka
from tests.agents.support import Rig, config_for, created, make_topics, now_ms, producing, running, send, until


def test_an_address_alone_is_an_open_connection() -> None:
    plain = {"bootstrap_servers": "kafka:9092", "security_protocol": "PLAINTEXT"}
    assert client_options("kafka:9092") == client_options(KafkaAccess(bootstrap_servers="kafka:9092")) == plain
    assert KafkaAccess(bootstrap_servers="kafka:9092").faust_credentials() is None


def test_a_user_logs_in_by_the_mechanism_named_and_the_password_shows_nowhere() -> None:
    access = KafkaAccess(
        bootstrap_servers="kafka:9092", security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-512",
        sasl_username="monitor", sasl_password=SECRET,
    )  # fmt: skip
    options = access.client_options()
    context = options.pop("ssl_context")
    assert options == {
        "bootstrap_servers": "kafka:9092", "security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "monitor", "sasl_plain_password": SECRET,
    }  # fmt: skip
    assert context.check_hostname
    credentials = access.faust_credentials()
    assert isinstance(credentials, faust.SASLCredentials)
    assert (credentials.protocol.value, credentials.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert SECRET not in f"{access} {access!r} {credentials!r}"


def test_encryption_without_a_user_is_told_to_faust_as_such() -> None:
    credentials = KafkaAccess(bootstrap_servers="kafka:9092", security_protocol="SSL").faust_credentials()
    assert isinstance(credentials, faust.SSLCredentials)


@pytest.mark.apache
@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_a_worker_works_where_it_has_to_log_in(protocol: str, topic_prefix: str, tmp_path: Path) -> None:
    with locked_kafka(protocol, tmp_path) as kafka:
        access = kafka.access()
        assert await kafka_trouble(kafka.access(password="guessed"))
        config = config_for(access, topic_prefix, tmp_path)
        await make_topics(access, config)
        options = access.client_options()
        ahead_ms = [0]
        rig = Rig(config, clock_ms=lambda: now_ms() + ahead_ms[0])
        async with running(rig), producing(options.pop("bootstrap_servers"), **options) as producer:
            for number in (1, 3):
                await send(producer, rig.topics.events, 0, b"p", created("p", number))
            await send(producer, rig.topics.events, 0, b"p", b"useless")
            await until(lambda: rig.outcome("applied") == 2 and rig.outcome("dead_letter") == 1)
            ahead_ms[0] = 70_000
            await until(lambda: len(rig.history) == 1, "an alert that went through the topic of alerts")
            await until(rig.is_stored)
        again = Rig(config)
        async with running(again):
            assert again.episodes("p") == 2
        assert rig.stops == again.stops == []
