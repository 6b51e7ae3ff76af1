"""What is said while the start of a worker waits for Kafka."""

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from agents.kafka_wait import KafkaWait


async def test_another_reason_to_wait_for_kafka_is_said_too_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = iter(["Kafka does not answer.", "Kafka does not answer.", "Kafka rejects the login.", ""])
    wait, seen = KafkaWait("127.0.0.1:1"), []

    async def trouble(error: BaseException, kafka: object) -> str:
        return str(error).removeprefix("KafkaConnectionError: ")

    async def work() -> None:
        seen.append((wait.sentence, wait.trouble))
        if reason := next(reasons):
            raise KafkaConnectionError(reason)

    monkeypatch.setattr("agents.kafka_wait.why", trouble)
    with capture_logs() as logs:
        await wait.until_it_answers(work)
    assert [(line["event"], line.get("reason")) for line in logs] == [
        ("Kafka is unavailable; waiting for it", "Kafka does not answer."),
        ("Kafka cannot be used; waiting for it", "Kafka rejects the login."),
        ("Kafka answers again", None),
    ]
    begins = "waiting for Kafka at 127.0.0.1:1"
    assert seen == [
        (begins, ""),
        (f"{begins}: Kafka does not answer.", "Kafka does not answer."),
        (f"{begins}: Kafka does not answer.", "Kafka does not answer."),
        (f"{begins}: Kafka rejects the login.", "Kafka rejects the login."),
    ]
    assert wait.trouble == ""
    wait.is_over()
    assert wait.sentence == ""
