"""Spans of alerts: what they say, what they link to, and that an endpoint in trouble costs nothing."""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from agents.fetching.reading import Record
from alert_sinks.delivery import Delivery, Ended
from episode_monitor.observe.tracing import Traces, TracingConfig
from models.alert import Alert, AlertStatus, Severity
from streams.dispatch.outputs import Notification
from streams.dispatch.table import NotifyReason
from testbed.otlp import collector, hanging

EVENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER_EVENT = "00-11111111111111111111111111111111-2222222222222222-01"
ALERT = Alert(
    alert_key="episode_integrity:p", alert_id="a1", rule_id="episode_integrity", alert_type="INTEGRITY_VIOLATION",
    severity=Severity.CRITICAL, status=AlertStatus.FIRING, project_id="p", title="t", description="d", value=1.0,
    threshold=0.0, window_minutes=None, sample_size=3, starts_at_ms=1, ends_at_ms=None, updated_at_ms=2,
    reason="threshold_crossed", trace_ids=["0af7651916cd43dd8448eb211c80319c"],
)  # fmt: skip
RAISED = Alert(**{name: getattr(ALERT, name) for name in Alert.__struct_fields__} | {"escalation_level": 1})


def config(endpoint: str = "http://127.0.0.1:9") -> TracingConfig:
    return TracingConfig(
        endpoint=endpoint, headers="authorization=secret", service="episode-monitor", version="1", instance="i",
        alerts_topic="episode-alerts", notifications_topic="m-notifications", monitor_id="m",
    )  # fmt: skip


def record(*headers: tuple[str, bytes | None]) -> Record:
    return cast(Record, SimpleNamespace(headers=headers))


def notification(*alerts: Alert) -> Notification:
    return Notification(
        notification_id="n1", receiver="team", reason=NotifyReason.FIRST_NOTIFICATION, group_keys=("g",),
        group_labels={}, alerts=alerts, firing=len(alerts), resolved=0, at_ms=3,
    )  # fmt: skip


def ended(ending: str = "delivered", last_error: str = "") -> Ended:
    delivery = Delivery(
        alert=RAISED, shown=RAISED, accepted_at=0.0, ended=lambda: None, message_id="n1", attempts=2, receiver="team",
        last_error=last_error,
    )  # fmt: skip
    return Ended(delivery, "team/slack", ending, 1.5)


class Spans:
    """Traces whose spans are kept."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.traces = Traces(config(), SimpleSpanProcessor(self._exporter))

    def __getitem__(self, place: int) -> ReadableSpan:
        return self._exporter.get_finished_spans()[place]


def of(span: ReadableSpan) -> tuple[str, str]:
    """Trace and span id as in a header."""
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def links(span: ReadableSpan) -> Sequence[tuple[str, str]]:
    return [(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links]


def test_a_transition_links_to_the_event_that_began_it_and_its_header_names_its_span() -> None:
    spans = Spans()
    records = [
        record(("traceparent", OTHER_EVENT.encode())), record(("x", None), ("traceparent", EVENT.encode())), record(),
        record(("traceparent", b"\xff no context")),
    ]  # fmt: skip
    header = spans.traces.emitted(ALERT, records)
    span = spans[0]
    assert (span.name, span.kind, span.parent) == ("send episode-alerts", SpanKind.PRODUCER, None)
    assert links(span) == [("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")]
    assert header == f"00-{of(span)[0]}-{of(span)[1]}-01"
    attributes = dict(span.attributes or {})
    assert attributes["messaging.system"] == "kafka"
    assert attributes["messaging.operation.type"] == "send"
    assert attributes["messaging.destination.name"] == "episode-alerts"
    assert attributes["messaging.kafka.message.key"] == "episode_integrity:p"
    assert attributes["episode_monitor.project_id"] == "p"
    assert attributes["episode_monitor.trace_ids"] == ("0af7651916cd43dd8448eb211c80319c",)


def test_notification_and_delivery_are_traces_of_their_own_that_link_back_also_from_another_worker() -> None:
    first, second, third = Spans(), Spans(), Spans()
    first.traces.emitted(ALERT, [])
    second.traces.notified(notification(RAISED))
    trace_id = third.traces.delivered(ended())
    transition, sent, delivered = first[0], second[0], third[0]
    assert (sent.name, sent.kind, sent.parent) == ("send m-notifications", SpanKind.PRODUCER, None)
    assert links(sent) == [of(transition)]
    assert (delivered.name, delivered.kind, delivered.parent) == ("process m-notifications", SpanKind.CONSUMER, None)
    assert links(delivered) == [of(sent), of(transition)]
    assert trace_id == of(delivered)[0]
    assert len({of(span)[0] for span in (transition, sent, delivered)}) == 3
    assert delivered.end_time is not None
    assert delivered.start_time is not None
    assert delivered.end_time - delivered.start_time == 1_500_000_000
    assert dict(delivered.attributes or {})["episode_monitor.attempts"] == 2
    assert delivered.status.status_code is StatusCode.UNSET


def test_transitions_of_one_firing_are_one_trace_and_a_delivery_that_failed_is_an_error() -> None:
    spans = Spans()
    spans.traces.emitted(ALERT, [])
    resolved = Alert(**{n: getattr(ALERT, n) for n in Alert.__struct_fields__} | {"status": AlertStatus.RESOLVED})
    spans.traces.emitted(resolved, [])
    spans.traces.delivered(ended("given_up", "HTTP 503"))
    assert of(spans[0])[0] == of(spans[1])[0]
    assert of(spans[0])[1] != of(spans[1])[1]
    assert (spans[2].status.status_code, spans[2].status.description) == (StatusCode.ERROR, "HTTP 503")


# --- the endpoint


def test_spans_reach_an_endpoint_by_otlp_before_the_worker_ends() -> None:
    with collector() as endpoint:
        traces = Traces(config(f"{endpoint.url}/"))
        traces.emitted(ALERT, [])
        traces.close()
    (request,) = endpoint.requests
    assert (request.path, request.authorization) == ("/v1/traces", "secret")
    (resource,) = request.spans.resource_spans
    assert [span.name for span in endpoint.spans] == ["send episode-alerts"]
    assert "episode-monitor" in {each.value.string_value for each in resource.resource.attributes}


def test_an_endpoint_that_hangs_keeps_neither_an_alert_nor_the_end_of_the_worker() -> None:
    with hanging() as url:
        traces = Traces(config(url))
        headers = {traces.emitted(ALERT, []) for _ in range(5_000)}  # more than the queue holds
        assert len(headers) == 1
        closing = threading.Thread(target=traces.close)
        closing.start()
        closing.join(60)
        assert not closing.is_alive()


def test_without_an_endpoint_opentelemetrys_sdk_is_not_even_imported(tmp_path: Path) -> None:
    code = (
        "import json, sys, episode_monitor.worker, episode_monitor.worker_traces as made\n"
        "from prometheus_client import CollectorRegistry\n"
        "from episode_monitor.settings.settings import load_settings\n"
        "points = made.WorkerTraces(load_settings({}), CollectorRegistry()).points\n"
        "print(json.dumps([points.is_on, [n for n in sys.modules if n.startswith('opentelemetry.sdk')]]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert json.loads(done.stdout) == [False, []]


def test_a_missing_package_is_said_in_a_sentence_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from prometheus_client import CollectorRegistry

    from episode_monitor.settings.settings import SettingsError, load_settings
    from episode_monitor.worker_traces import WorkerTraces

    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = load_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318"})
    with pytest.raises(SettingsError, match="install opentelemetry-sdk"):
        WorkerTraces(settings, CollectorRegistry())
