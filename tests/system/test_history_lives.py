"""Alert history outlives the worker: without PostgreSQL as long as the topic, with it whatever happened meanwhile."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.demo.programs import Program
from models.alert_codec import encode_alert
from tests.alert_sinks.support import alert_of
from tests.system.running import ask, ready, until, view, worker

pytestmark = pytest.mark.broker


async def _tell(broker: str, topic: str, *firings: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        for firing in firings:
            alert = alert_of(f"p{int(firing) % 3}", firing)
            await producer.send_and_wait(topic, encode_alert(alert), alert.alert_key.encode())


def _firings(each: Program) -> list[str]:
    page: Any = view(each, "/alerts/history?limit=100")
    return sorted(row["alert"]["alert_id"].rpartition("-")[2] for row in page["transitions"]) if page else []


async def test_without_postgresql_the_history_is_there_again_after_a_restart(broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}alerts"
    with worker(broker, topic_prefix) as first:
        until(lambda: ready(first), "ready worker")
        await _tell(broker, topic, "1", "2", "3", "4")
        until(lambda: _firings(first) == ["1", "2", "3", "4"], "history of all partitions")
    with worker(broker, topic_prefix) as second:
        until(lambda: _firings(second) == ["1", "2", "3", "4"], "history of before the restart")


async def test_what_postgresql_missed_is_in_the_history_once_when_it_is_back(broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}alerts"
    with EmbeddedPostgres() as database:
        url = database.create_database("monitor")
        with worker(broker, topic_prefix, MONITOR_DATABASE_URL=url) as first:
            until(lambda: ready(first), "ready worker")
            await _tell(broker, topic, "1", "2")
            until(lambda: _firings(first) == ["1", "2"], "history")
            database.pause()
            until(lambda: _part(first, "database") != "ok", "word that PostgreSQL is away")
            await _tell(broker, topic, "3", "4")
            until(lambda: "catches up" in _part(first, "history"), "word that the history stands still")
            until(lambda: "sent twice" in _part(first, "deliveries"), "word that the list of deliveries is away")
        with worker(broker, topic_prefix, MONITOR_DATABASE_URL=url) as second:  # away at its start
            until(lambda: ready(second), "ready worker")
            await _tell(broker, topic, "5")
            database.start()
            until(lambda: _firings(second) == ["1", "2", "3", "4", "5"], "whole history")
            until(lambda: _part(second, "history") == "ok", "word that all is well")


def _part(each: Program, name: str) -> str:
    _, body = ask(each, "/readyz")
    return body["parts"][name] if body else ""
