"""A trace from an event's header to the message of a receiver, over a real broker; and an endpoint that hangs."""

import json
import re
import urllib.request
from contextlib import ExitStack

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from episode_monitor.demo.programs import Program
from testbed.otlp import collector, hanging
from tests.system.running import ask, ready, until, view, worker
from tests.system.test_dispatcher import failed, feed, lines, receiver

pytestmark = pytest.mark.broker

TRACE = "0af7651916cd43dd8448eb211c80319c"
EVENT = f"00-{TRACE}-b7ad6b7169203331-01"
JSON = {"LOG_FORMAT": "json"}


async def send_traced(broker: str, prefix: str, project: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        headers = [("traceparent", EVENT.encode())]
        await producer.send_and_wait(f"{prefix}events", failed(project), project.encode(), headers=headers)


async def alert_headers(broker: str, topic: str) -> dict[str, bytes]:
    async with AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest") as consumer:
        return dict((await consumer.getone()).headers)


def alerts_in_messages(at: Program) -> set[str]:
    """Of messages with one alert and of those with many."""
    _, body = ask(at, "/received?sink=webhook")
    bodies = [entry["body"] for entry in body["received"]]
    alerts = [alert for each in bodies for alert in each.get("alerts") or [each["alert"]]]
    return {f"{alert['project_id']} {alert['status']}" for alert in alerts}


def openmetrics(program: Program) -> str:
    accept = {"accept": "application/openmetrics-text;version=1.0.0"}
    with urllib.request.urlopen(urllib.request.Request(f"{program.url}/metrics", headers=accept), timeout=30) as answer:
        return str(answer.read().decode())


async def test_an_events_trace_leads_by_links_to_the_alert_its_notification_and_its_delivery(
    broker: str, topic_prefix: str
) -> None:
    with ExitStack() as running:
        to, endpoint = running.enter_context(receiver()), running.enter_context(collector())
        options = {"MONITORING_WEBHOOK_URL": f"{to.url}/webhook", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url, **JSON}
        monitor = running.enter_context(worker(broker, topic_prefix, **options))
        until(lambda: ready(monitor), "a worker")
        await send_traced(broker, topic_prefix, "p1")
        until(lambda: lines(to) == ["p1 firing"], "a message")
        names = {"PRODUCER": [f"send {topic_prefix}alerts"]}
        alert = until(lambda: [s for s in endpoint.spans if s.name == names["PRODUCER"][0]], "the transition's span")[0]
        delivered = until(lambda: [s for s in endpoint.spans if s.name.startswith("process ")], "the delivery's span")[
            0
        ]
        sent = until(lambda: [s for s in endpoint.spans if s not in (alert, delivered)], "the notification's span")[0]
        assert [link.trace_id.hex() for link in alert.links] == [TRACE]
        assert [link.span_id for link in sent.links] == [alert.span_id]
        assert [link.span_id for link in delivered.links] == [sent.span_id, alert.span_id]
        assert not any(span.parent_span_id for span in (alert, sent, delivered))
        headers = await alert_headers(broker, f"{topic_prefix}alerts")
        assert headers["traceparent"].decode() == f"00-{alert.trace_id.hex()}-{alert.span_id.hex()}-01"
        exemplars = re.findall(
            r'episode_monitor_delivery_seconds_bucket\{.*# \{trace_id="(\w+)"\}', openmetrics(monitor)
        )
        assert exemplars == [delivered.trace_id.hex()]
        log = [json.loads(line) for line in monitor.log.read_text().splitlines()]
        (line,) = [line for line in log if line["event"] == "alert delivered"]
        assert line["trace_ids"] == [TRACE]


async def test_an_endpoint_that_hangs_costs_no_event_and_no_message(broker: str, topic_prefix: str) -> None:
    with ExitStack() as running:
        to, url = running.enter_context(receiver()), running.enter_context(hanging())
        options = {"MONITORING_WEBHOOK_URL": f"{to.url}/webhook", "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        monitor = running.enter_context(worker(broker, topic_prefix, **options))
        until(lambda: ready(monitor), "a worker")
        projects = [f"p{number}" for number in range(20)]
        for project in projects:
            await feed(broker, topic_prefix, project, [failed(project)])
        until(lambda: alerts_in_messages(to) == {f"{project} firing" for project in projects}, "all messages")
        assert len(view(monitor, "/alerts/active")["alerts"]) == len(projects)
        assert ready(monitor)
