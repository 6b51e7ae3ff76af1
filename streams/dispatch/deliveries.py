"""How deliveries end: a receiver that fails is an alert of its own, and what is critical goes to the next receiver."""

from hashlib import blake2b

from models.alert import Alert, AlertStatus, Severity
from streams.dispatch import alerts, escalation, rates
from streams.dispatch.config import DispatchConfig
from streams.dispatch.inputs import Outcome
from streams.dispatch.outputs import NotifyReason
from streams.dispatch.records import ReceiverRecord
from streams.dispatch.state import RECEIVER, LiveAlert, LiveGroup
from streams.dispatch.table import Status
from streams.dispatch.turn import Turn

RULE_ID = "monitor_delivery"
ALERT_TYPE = "DELIVERY_FAILED"


def take(turn: Turn, given: Outcome) -> None:
    """One delivery has ended, for good or for ever."""
    if given.is_delivered:
        if given.receiver in turn.state.receivers:
            _recovered(turn, turn.state.receivers[given.receiver])
        return
    critical = False
    for key in given.group_keys:
        group = turn.state.groups.get(key)
        lives = _critical(turn, group) if group else []
        critical |= bool(lives)
        if group is not None and lives:
            _fall_back(turn, group, given.receiver, lives)
    _failed(turn, turn.state.receiver(given.receiver), given.error, Severity.CRITICAL if critical else Severity.WARNING)


def _critical(turn: Turn, group: LiveGroup) -> list[LiveAlert]:
    """The critical alerts that the group's receiver should know of, and that nobody has taken."""
    lives = [turn.state.alerts[key] for key in sorted(group.record.log)]
    return [
        live
        for live in lives
        if live.record.status is Status.FIRING and live.record.alert.severity is Severity.CRITICAL
    ]


def _fall_back(turn: Turn, group: LiveGroup, failed: str, lives: list[LiveAlert]) -> None:
    tried = [*group.record.tried, failed]
    receiver = next_receiver(turn.config, tried)
    if receiver is None:
        return
    origin = group.record.key.partition(":fallback:")[2] or group.record.key
    pinned = escalation.pin(turn, f"{receiver}:fallback:{origin}", receiver, NotifyReason.FALLBACK, lives)
    pinned.record.tried, pinned.record.mark = tried, group.record.mark


def next_receiver(config: DispatchConfig, tried: list[str]) -> str | None:
    """The first of the fallbacks that was not tried and has a sink."""
    others = (name for name in config.fallbacks if name not in tried and config.reaches(name))
    return next(others, None)


def _failed(turn: Turn, record: ReceiverRecord, error: str, severity: Severity) -> None:
    known = turn.state.alerts.get(f"{RULE_ID}:{record.name}")
    if record.failed_alert_id and known is not None and not known.is_over:
        return
    named = f"{record.name}\0{turn.now_ms}".encode()
    record.failed_alert_id = blake2b(named, digest_size=12).hexdigest()
    turn.state.touch(RECEIVER, record.name)
    alerts.take(turn, _alert(record, AlertStatus.FIRING, severity, turn.now_ms, turn.now_ms, error))


def _recovered(turn: Turn, record: ReceiverRecord) -> None:
    known = turn.state.alerts.get(f"{RULE_ID}:{record.name}")
    if not record.failed_alert_id:
        return
    if known is not None and not known.is_over:
        before = known.record.alert
        alerts.take(turn, _alert(record, AlertStatus.RESOLVED, before.severity, before.starts_at_ms, turn.now_ms))
    record.failed_alert_id = ""
    turn.state.touch(RECEIVER, record.name)
    rates.forget_idle(turn, record)


def _alert(
    record: ReceiverRecord, status: AlertStatus, severity: Severity, starts_at_ms: int, now_ms: int, error: str = ""
) -> Alert:
    is_over = status is AlertStatus.RESOLVED
    return Alert(
        alert_key=f"{RULE_ID}:{record.name}",
        alert_id=record.failed_alert_id,
        rule_id=RULE_ID,
        alert_type=ALERT_TYPE,
        severity=severity,
        status=status,
        project_id=record.name,
        title=f"Receiver {record.name} takes messages again" if is_over else f"Receiver {record.name} fails",
        description=f"A message was delivered to {record.name} again."
        if is_over
        else f"A message for {record.name} was given up: {error or 'no reason given'}. It is among the dead letters.",
        value=None,
        threshold=0.0,
        window_minutes=None,
        sample_size=0,
        starts_at_ms=starts_at_ms,
        ends_at_ms=now_ms if is_over else None,
        updated_at_ms=now_ms,
        reason="delivered_again" if is_over else "delivery_failed",
        labels={"receiver": record.name},
    )
