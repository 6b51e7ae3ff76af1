"""The W3C trace context of an event: the one set here, else OpenTelemetry's current span, if that is used."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

_given: ContextVar[str | None] = ContextVar("episode_monitor_traceparent", default=None)


@contextmanager
def use_traceparent(traceparent: str | None) -> Iterator[None]:
    """Events created inside carry this trace context; an invalid one is ignored."""
    token = _given.set(traceparent)
    try:
        yield
    finally:
        with suppress(ValueError):  # frameworks may leave a block in another context than they entered it
            _given.reset(token)


def current_traceparent() -> str | None:
    """The trace context in force; None without one, and where its library fails, which must not cost the event."""
    given = _given.get()
    if given is not None:
        return given
    trace = sys.modules.get("opentelemetry.trace")  # never imported for its own sake
    if trace is None:
        return None
    try:
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return None
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags) & 0xFF:02x}"
    except Exception:
        return None
