"""Spans of alerts by OpenTelemetry: an event led to a transition, this to a notification, and this to deliveries.

Each firing of an alert, each notification and each delivery is a trace of its own. What led to it is a link, never a
parent: one transition may have many events before it, and one message many alerts. Ids are computed from what a span is
about, so any worker can link to what another one made, also after a restart. OpenTelemetry is imported only if an
endpoint is set.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agents.fetching.reading import Record
from agents.fetching.record_parsing import UnreadableBatch
from agents.tracing import TRACEPARENT
from alert_sinks.delivery import Ended
from alert_sinks.ledger import Ending
from models.alert import Alert
from models.record_headers import parse_traceparent
from streams.dispatch.outputs import Notification

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import SpanContext

MAX_LINKS: Final = 32
FAREWELL_SECONDS: Final = 2.0  # for spans that wait; an endpoint that hangs keeps no worker from ending
EXPORT_SECONDS: Final = 10.0
MISSING: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set and OpenTelemetry is not installed: install opentelemetry-sdk and "
    "opentelemetry-exporter-otlp-proto-http, or unset it."
)


class TracingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`endpoint` is the base address of OTLP over HTTP; `headers` as `name=value,name=value`."""

    endpoint: str
    headers: str = ""
    service: str
    version: str
    instance: str
    alerts_topic: str
    notifications_topic: str
    monitor_id: str


def headers_of(setting: str) -> dict[str, str]:
    """
    >>> headers_of("Authorization=Bearer x=, b = 2")
    {'authorization': 'Bearer x=', 'b': '2'}
    """
    pairs = (pair.partition("=") for pair in setting.split(",") if pair.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def spans_url(endpoint: str) -> str:
    """Where an endpoint takes spans."""
    return f"{endpoint.rstrip('/')}/v1/traces"


class NotInstalled(Exception):
    """The packages are missing; the message is for people."""


class Traces:
    """Makes spans and hands them to a thread that sends them; what does not fit into its queue is dropped."""

    def __init__(self, config: TracingConfig, processor: "SpanProcessor | None" = None) -> None:
        """`processor` takes the spans instead of the endpoint. Raises NotInstalled."""
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider

            ids = _ids()
            processor = processor or _sending(config)
        except ImportError:
            raise NotInstalled(MISSING) from None
        resource = Resource.create(
            {"service.name": config.service, "service.version": config.version, "service.instance.id": config.instance}
        )
        self._config = config
        self._ids = ids
        self._provider = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("episode_monitor", config.version)

    # --- the way of an alert

    def emitted(self, alert: Alert, records: Sequence[Record]) -> str:
        """A transition leaves for the alerts topic; returns the `traceparent` of its record."""
        topic = self._config.alerts_topic
        context = self._span(
            f"send {topic}", "PRODUCER", _ids_of_transition(alert), [*_events_of(alert, records)],
            {**_messaging("send", topic, alert.transition_id), "messaging.kafka.message.key": alert.alert_key,
             **_facts(alert)},
        )  # fmt: skip
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags) & 1:02x}"

    def notified(self, notification: Notification) -> None:
        """The dispatcher has sent it to the notifications topic."""
        topic = self._config.notifications_topic
        self._span(
            f"send {topic}", "PRODUCER", _ids_of(notification.notification_id),
            [_context(*_ids_of_transition(alert)) for alert in notification.alerts[:MAX_LINKS]],
            {
                **_messaging("send", topic, notification.notification_id),
                "episode_monitor.receiver": notification.receiver,
                "episode_monitor.reason": notification.reason.value,
                "episode_monitor.alerts": len(notification.alerts),
            },
        )  # fmt: skip

    def delivered(self, ended: Ended) -> str:
        """A sink has finished with a delivery; returns the id of its trace."""
        delivery, topic = ended.delivery, self._config.notifications_topic
        transitions = [_context(*_ids_of_transition(alert)) for alert in delivery.alerts[: MAX_LINKS - 1]]
        context = self._span(
            f"process {topic}", "CONSUMER", None, [_context(*_ids_of(delivery.message_id)), *transitions],
            {
                **_messaging("process", topic, delivery.message_id),
                "messaging.consumer.group.name": self._config.monitor_id,
                "episode_monitor.sink": ended.sink,
                "episode_monitor.receiver": delivery.receiver,
                "episode_monitor.outcome": ended.ending,
                "episode_monitor.attempts": delivery.attempts,
                **_facts(delivery.alert),
            },
            seconds=ended.seconds,
            error="" if ended.ending == Ending.DELIVERED.value else delivery.last_error or ended.ending,
        )  # fmt: skip
        return f"{context.trace_id:032x}"

    def _span(
        self, name: str, kind: str, ids: tuple[int, int] | None, links: Sequence["SpanContext"],
        attributes: dict[str, Any], *, seconds: float = 0.0, error: str = "",
    ) -> "SpanContext":  # fmt: skip
        from opentelemetry.context import Context
        from opentelemetry.trace import Link, SpanKind, Status, StatusCode

        now_ns = time.time_ns()
        self._ids.given = ids
        span = self._tracer.start_span(
            name, Context(), SpanKind[kind], attributes, [Link(context) for context in links],
            start_time=now_ns - int(seconds * 1e9),
        )  # fmt: skip
        self._ids.given = None
        if error:
            span.set_status(Status(StatusCode.ERROR, error))
            span.set_attribute("error.type", "delivery")
        span.end(now_ns)
        return span.get_span_context()

    def close(self) -> None:
        """Send what waits, in bounded time: an endpoint that hangs is left alone."""
        thread = threading.Thread(target=self._provider.shutdown, name="traces-farewell", daemon=True)
        thread.start()
        thread.join(FAREWELL_SECONDS)


# --- what a span says


def _messaging(operation: str, topic: str, message_id: str) -> dict[str, Any]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        "messaging.message.id": message_id,
    }


def _facts(alert: Alert) -> dict[str, Any]:
    return {
        "episode_monitor.alert_key": alert.alert_key,
        "episode_monitor.alert_id": alert.alert_id,
        "episode_monitor.project_id": alert.project_id,
        "episode_monitor.rule_id": alert.rule_id,
        "episode_monitor.severity": alert.severity.value,
        "episode_monitor.status": alert.status.value,
        "episode_monitor.reason": alert.reason,
        "episode_monitor.trace_ids": list(alert.trace_ids),
    }


def _events_of(alert: Alert, records: Sequence[Record]) -> Iterator["SpanContext"]:
    """The contexts of the events that began it, where they are among these records."""
    wanted = set(alert.trace_ids)
    for record in records if wanted else ():
        if isinstance(record, UnreadableBatch):
            continue
        for name, raw in record.headers:
            text = parse_traceparent(raw.decode("ascii", "replace")) if name == TRACEPARENT and raw else None
            if text is not None and text[3:35] in wanted:
                wanted.discard(text[3:35])
                yield _context(int(text[3:35], 16), int(text[36:52], 16))


# --- ids


def _ids_of(text: str) -> tuple[int, int]:
    """Trace and span of what has this name; never zero, which OpenTelemetry takes for none."""
    digest = blake2b(text.encode(), digest_size=24).digest()
    return int.from_bytes(digest[:16], "big") or 1, int.from_bytes(digest[16:], "big") or 1


def _ids_of_transition(alert: Alert) -> tuple[int, int]:
    """All transitions of a firing are one trace. The dispatcher raises the level of an alert whose record had none."""
    emitted = msgspec.structs.replace(alert, escalation_level=0)
    return _ids_of(alert.alert_id)[0], _ids_of(emitted.transition_id)[1]


def _context(trace_id: int, span_id: int) -> "SpanContext":
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _ids() -> Any:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Given(RandomIdGenerator):
        """The ids that were given for the next span, else any."""

        given: tuple[int, int] | None = None

        def generate_trace_id(self) -> int:
            return super().generate_trace_id() if self.given is None else self.given[0]

        def generate_span_id(self) -> int:
            return super().generate_span_id() if self.given is None else self.given[1]

    return Given()


def _sending(config: TracingConfig) -> "SpanProcessor":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(spans_url(config.endpoint), headers=headers_of(config.headers), timeout=EXPORT_SECONDS)
    return BatchSpanProcessor(exporter)
