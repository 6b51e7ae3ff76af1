"""Records as they are kept, made from what is handed in: ids drawn, texts storable, a check's life in one place.

Both the PostgreSQL and the memory storage make their records here, so that they cannot differ.
"""

from typing import Any

import msgspec

from episode_monitor.storage.records import AuditEntry, CheckKind, CheckResult, CheckState, Transition, new_id
from episode_monitor.storage.text import storable, storable_json
from models.alert import Alert

_ABANDONED = "The worker that ran the check has gone silent."


def optional_text(text: str | None) -> str | None:
    """`storable`, which knows no null."""
    return None if text is None else storable(text)


def storable_object(value: dict[str, Any]) -> dict[str, Any]:
    """`value` as it comes back from a jsonb column. Nothing of it is shared with the caller's."""
    kept: dict[str, Any] = msgspec.json.decode(storable_json(value))
    return kept


def transition_of(alert: Alert, partition: int, offset: int, by: str | None, comment: str | None) -> Transition:
    """The transition that a record of the alerts topic is."""
    return Transition(
        transition_id=storable(alert.transition_id),
        alert_id=storable(alert.alert_id),
        alert_key=storable(alert.alert_key),
        project_id=storable(alert.project_id),
        rule_id=storable(alert.rule_id),
        severity=alert.severity.value,
        status=alert.status.value,
        escalation_level=alert.escalation_level,
        reason=storable(alert.reason),
        at_ms=alert.updated_at_ms,
        kafka_partition=partition,
        kafka_offset=offset,
        acted_by=optional_text(by),
        comment=optional_text(comment),
        alert=storable_object(alert.to_dict()),
    )


def audit_entry_of(entry: AuditEntry) -> AuditEntry:
    """The entry as it is kept, with an id of its own."""
    return AuditEntry(
        id=entry.id or new_id(entry.at_ms),
        who=storable(entry.who),
        what=storable(entry.what),
        target=storable(entry.target),
        request=storable_object(entry.request),
        result=storable(entry.result),
        at_ms=entry.at_ms,
    )


def begun_check(kind: CheckKind, requested_by: str, at_ms: int) -> CheckResult:
    """A check that begins now."""
    return CheckResult(
        id=new_id(at_ms),
        kind=kind,
        state=CheckState.RUNNING,
        started_at_ms=at_ms,
        updated_at_ms=at_ms,
        requested_by=storable(requested_by),
    )


def moved_on(check: CheckResult, done: int, total: int | None, at_ms: int) -> CheckResult:
    """The check some projects later; a finished one as it was."""
    if check.state is not CheckState.RUNNING:
        return check
    return msgspec.structs.replace(check, progress_done=done, progress_total=total, updated_at_ms=at_ms)


def ended(check: CheckResult, state: CheckState, result: dict[str, Any], at_ms: int) -> CheckResult:
    """The check at its end; a finished one as it was. Raises ValueError for a state that is no end."""
    if state is CheckState.RUNNING:
        raise ValueError("A check ends as completed, failed or cancelled, not as running.")
    if check.state is not CheckState.RUNNING:
        return check
    return msgspec.structs.replace(
        check, state=state, result=storable_object(result), finished_at_ms=at_ms, updated_at_ms=at_ms
    )


def abandoned_result() -> dict[str, Any]:
    """What stands in place of the result of a check whose worker is gone."""
    return {"status": "failed", "error": _ABANDONED}
