"""A trial alert to each sink, sent from the command itself: whether the settings lead to people."""

import hashlib
import time
from typing import Any

from alert_sinks.destinations import build_destinations
from alert_sinks.sink import Attempt, Delivered
from episode_monitor.composition import sink_client
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings.settings import Settings
from models.alert import Alert, AlertStatus, Severity

PROJECT = "_trial"


def trial_alert(monitor_id: str, now_ms: int) -> Alert:
    """One that cannot be mistaken for a real one. `now_ms`: epoch milliseconds."""
    return Alert(
        alert_key=f"trial:{PROJECT}",
        alert_id=hashlib.sha256(f"{monitor_id}:{now_ms}".encode()).hexdigest()[:32],
        rule_id="trial",
        alert_type="TRIAL",
        severity=Severity.INFO,
        status=AlertStatus.FIRING,
        project_id=PROJECT,
        title=f"[TRIAL] Alerts of {monitor_id} arrive here",
        description="Sent by `episode-monitor alerts test`: nothing is wrong, and nothing is to be done.",
        value=None,
        threshold=0.0,
        window_minutes=None,
        sample_size=0,
        starts_at_ms=now_ms,
        ends_at_ms=None,
        updated_at_ms=now_ms,
        reason="trial",
    )


async def send_trial(settings: Settings) -> list[dict[str, Any]]:
    """`sink`, `outcome` (`delivered` or `failed`) and `reason` of each. Raises Failure where no sink can be made."""
    now_ms = time.time_ns() // 1_000_000
    alert, found = trial_alert(settings.monitor_id, now_ms), []
    async with sink_client(settings) as client:
        try:
            destinations = build_destinations(settings, client)
        except ValueError as error:
            raise Failure(str(error), ExitCode.USAGE) from None
        for sink in (*destinations.team, *destinations.on_call):
            outcome = await sink.deliver(alert, Attempt(number=1, at_ms=now_ms))
            is_taken = isinstance(outcome, Delivered)
            reason = "" if isinstance(outcome, Delivered) else outcome.reason
            found.append({"sink": sink.name, "outcome": "delivered" if is_taken else "failed", "reason": reason})
            await sink.aclose()
    return found
