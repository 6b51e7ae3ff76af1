"""Dead letters while Kafka is away: the sentence that every other part has for it."""

from typing import cast

import pytest

from agents.engine.producer import Producer
from alert_sinks.texts.catalogue import Texts
from episode_monitor.deliveries.dead_letters import DeadLetterDesk
from episode_monitor.demo.ports import free_port
from episode_monitor.web.problems import Problem
from testbed.worker_process import names


async def test_a_topic_that_cannot_be_read_is_said_with_the_cause_and_what_to_do() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    desk = DeadLetterDesk(
        nowhere, names("m"), "m", lambda: cast(Producer, None), lambda _: None, lambda: 0, cast(Texts, None)
    )
    with pytest.raises(Problem) as raised:
        await desk.listed("alert")
    assert (raised.value.status, raised.value.code) == (503, "broker_unavailable")
    assert raised.value.detail == f"Kafka does not answer at {nowhere}; start it, or check KAFKA_BOOTSTRAP_SERVERS."
