"""A trial alert: whether a destination leads to people."""

import hashlib

from alert_sinks.sink import Attempt, Delivered, Sink
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from models.alert import Alert, AlertStatus, Severity

PROJECT = "_trial"


def trial_alert(monitor_id: str, now_ms: int, texts: Texts = ENGLISH) -> Alert:
    """One that cannot be mistaken for a real one. `now_ms`: epoch milliseconds."""
    return Alert(
        alert_key=f"trial:{PROJECT}",
        alert_id=hashlib.sha256(f"{monitor_id}:{now_ms}".encode()).hexdigest()[:32],
        rule_id="trial",
        alert_type="TRIAL",
        severity=Severity.INFO,
        status=AlertStatus.FIRING,
        project_id=PROJECT,
        title=texts.say("trial.title", monitor=monitor_id),
        description=texts.say("trial.description"),
        value=None,
        threshold=0.0,
        window_minutes=None,
        sample_size=0,
        starts_at_ms=now_ms,
        ends_at_ms=None,
        updated_at_ms=now_ms,
        reason="trial",
    )


async def tried(sink: Sink, alert: Alert, now_ms: int, texts: Texts = ENGLISH) -> str:
    """One delivery: "" if it was taken, else why not."""
    try:
        outcome = await sink.deliver(alert, Attempt(number=1, at_ms=now_ms, texts=texts))
    except Exception as error:
        return f"the sink raised {type(error).__name__}"
    return "" if isinstance(outcome, Delivered) else outcome.reason
