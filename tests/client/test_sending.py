"""The tracker on a real broker: what the host says arrives, in order, through outages too."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace

from episode_monitor_client import (
    ClientSettings,
    EpisodeMonitorClient,
    EpisodePerformanceTracker,
    lifespan,
    use_client,
)
from models.codec import decode_event
from models.event import Event
from tests.client.conftest import make_topic
from tests.examples.support import all_records, serving

pytestmark = pytest.mark.broker

FAR_FUTURE_MS = 4_000_000_000_000


async def test_what_was_said_arrives_once_whole_and_in_order(settings: ClientSettings) -> None:
    client = EpisodeMonitorClient(settings)
    tracker = EpisodePerformanceTracker(client)
    for number in range(1, 301):
        tracker.end_operation(tracker.start_operation(), f"p{number % 3}", f"e{number}", episode_number=number)
    assert await asyncio.to_thread(client.close, 30.0) == 0
    records = await all_records(settings.bootstrap_servers, settings.topic)
    read = [decode_event(record.key, record.value, record.headers, FAR_FUTURE_MS) for record in records]
    assert all(isinstance(event, Event) for event in read)
    for project in range(3):
        mine = [event for event in read if isinstance(event, Event) and event.project_id == f"p{project}"]
        assert [event.sequence for event in mine] == list(range(1, 101))
        assert [event.episode_number for event in mine] == sorted(event.episode_number for event in mine)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_what_is_sent_compressed_arrives_whole_and_in_order(settings: ClientSettings, codec: str) -> None:
    client = EpisodeMonitorClient(replace(settings, producer_options={"compression_type": codec}))
    tracker = EpisodePerformanceTracker(client)
    for number in range(1, 101):
        tracker.renumbered("p", "e", number)
    assert await asyncio.to_thread(client.close, 30.0) == 0
    records = await all_records(settings.bootstrap_servers, settings.topic)
    assert [json.loads(record.value)["episode_number"] for record in records] == list(range(1, 101))


async def test_a_broker_that_comes_late_gets_everything(topic_prefix: str, private_broker: Any) -> None:
    broker = private_broker()
    topic = await make_topic(broker.bootstrap_servers, topic_prefix)
    broker.pause()
    client = EpisodeMonitorClient(ClientSettings(bootstrap_servers=broker.bootstrap_servers, topic=topic))
    tracker = EpisodePerformanceTracker(client)
    for number in range(1, 6):
        tracker.renumbered("p", "e", number)
    assert client.stats().waiting == 5
    await asyncio.to_thread(broker.start)
    await make_topic(broker.bootstrap_servers, topic_prefix)  # the embedded broker has forgotten it
    assert await asyncio.to_thread(client.close, 60.0) == 0
    records = await all_records(broker.bootstrap_servers, topic)
    assert [json.loads(record.value)["episode_number"] for record in records] == [1, 2, 3, 4, 5]


async def test_without_a_broker_the_host_ends_in_time(settings: ClientSettings, unused_tcp_port: int) -> None:
    client = EpisodeMonitorClient(replace(settings, bootstrap_servers=f"127.0.0.1:{unused_tcp_port}"))
    EpisodePerformanceTracker(client).deleted("p", "e")
    assert await asyncio.to_thread(client.close, 0.3) == 1
    assert client.sender is not None
    assert client.sender._thread is not None
    assert not client.sender._thread.is_alive()


def test_a_program_that_ends_without_a_broker_says_what_is_lost_and_shows_no_traceback(unused_tcp_port: int) -> None:
    program = (
        "import logging; logging.basicConfig()\n"
        "from episode_monitor_client import created, current_client\n"
        "current_client().emit(created('p', 'e', 1))\n"
    )
    settings = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{unused_tcp_port}", "EPISODE_EVENTS_FLUSH_SECONDS": "0.5"}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | settings, capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    assert "1 episode events are lost: Kafka did not accept them within 0.5 s" in ran.stderr
    assert "Traceback" not in ran.stderr, ran.stderr


async def test_an_application_with_the_lifespan_tells_what_its_handlers_did_and_why(
    settings: ClientSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", settings.bootstrap_servers)
    monkeypatch.setenv("EVENTS_TOPIC", settings.topic)
    app, tracker = FastAPI(lifespan=lifespan), EpisodePerformanceTracker()

    @app.post("/blocking")
    def blocking() -> None:  # runs in a thread of the pool
        tracker.deleted("p", "ep_1")

    @app.post("/traced")
    async def traced() -> None:
        context = trace.SpanContext(0xA, 0xB, is_remote=True, trace_flags=trace.TraceFlags(1))
        with trace.use_span(trace.NonRecordingSpan(context)):
            tracker.deleted("p", "ep_2")

    before = use_client(None)
    try:
        async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as caller:
            assert (await caller.post("/blocking")).status_code == 200
            assert (await caller.post("/traced")).status_code == 200
    finally:
        use_client(before)
    first, second = await all_records(settings.bootstrap_servers, settings.topic)
    assert [json.loads(record.value)["episode_id"] for record in (first, second)] == ["ep_1", "ep_2"]
    assert "traceparent" not in dict(first.headers)
    assert dict(second.headers)["traceparent"] == b"00-0000000000000000000000000000000a-000000000000000b-01"
