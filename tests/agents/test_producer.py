"""What each broker can do for exactness, and that the worker says so."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError
from structlog.testing import capture_logs

from agents.engine.producer import Producer
from episode_monitor.demo.ports import free_port

pytestmark = pytest.mark.broker


async def test_idempotence_and_claims_are_used_where_the_broker_has_them(
    broker: str, topic_prefix: str, broker_kind: str
) -> None:
    producer = Producer(broker)
    with capture_logs() as logs:
        await producer.start()
    claimed = await producer.claim(topic_prefix)
    is_apache = broker_kind == "apache"
    assert producer.is_idempotent == is_apache
    assert (claimed is not producer) == is_apache
    assert [each["event"] for each in logs] == (
        [] if is_apache else ["the broker does not support idempotent producers; continuing without"]
    )
    if claimed is not producer:
        await claimed.stop()
    await producer.stop()


async def test_a_broker_that_is_away_is_an_error_and_no_reason_to_do_without_idempotence() -> None:
    producer = Producer(f"127.0.0.1:{free_port()}")
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    assert producer.is_idempotent
    await producer.stop()


async def test_nothing_is_sent_that_the_check_forbids(broker: str, topic_prefix: str) -> None:
    allowed = [True]

    def check() -> None:
        if not allowed[0]:
            raise RuntimeError("stood still")

    producer = Producer(broker, check)
    await producer.start()
    await _make(broker, topic_prefix + "t")
    await (await producer.send(topic_prefix + "t", b"first", b"k"))
    allowed[0] = False
    refused = await producer.send(topic_prefix + "t", b"second", b"k")
    with pytest.raises(KafkaError, match="Unexpected error"):
        await refused
    allowed[0] = True
    await producer.stop()


async def _make(broker: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
