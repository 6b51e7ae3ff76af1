"""Acts of people on an alert of one project: acknowledge, silence, resolve.

The transition carries the person's name and comment in its annotations: history reads the alerts topic alone.
"""

from enum import Enum

import msgspec

from models.alert import Alert
from streams.alerting import alert_state as life
from streams.alerting.alert_state import AlertPhase, AlertState
from streams.alerting.core import Core
from streams.alerting.verdict import Reason
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import describe, next_deadline_ms, verdict_of

ACTED_BY = "acted_by"  # annotations of a transition that a person caused
COMMENT = "comment"


class ActionKind(Enum):
    """What a person may do to an alert. The values are the last words of the paths."""

    RESOLVE = "resolve"
    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"


class AlertAction(msgspec.Struct, frozen=True, kw_only=True):
    """One act of one person. `silent_until_ms` is read for a silence alone."""

    kind: ActionKind
    by: str
    comment: str
    silent_until_ms: int = 0


class ActionRefusal(Enum):
    """Why nothing was done."""

    NOT_ACTIVE = "not_active"  # no alert of this rule, or no such rule
    RESOLVED_BY_PERSON = "resolved_by_person"  # still crossed, and hushed already


def perform(core: Core, state: ProjectState, rule_id: str, act: AlertAction, at_ms: int) -> Alert | ActionRefusal:
    """Apply the act at an event time; the transition to emit. The caller must store the state."""
    rule, memory = core.rules.by_id.get(rule_id), state.alerts.get(rule_id)
    if rule is None or memory is None:
        return ActionRefusal.NOT_ACTIVE
    if memory.phase is AlertPhase.HUSHED:
        return ActionRefusal.RESOLVED_BY_PERSON
    verdict = verdict_of(core, state, rule)
    reason = apply(memory, act, verdict.bad, at_ms)
    memory.reason = reason.value
    state.deadline_ms = next_deadline_ms(core, state)
    return by_hand(describe(core, state, rule, memory, verdict, reason, at_ms), reason, act)


def apply(memory: AlertState, act: AlertAction, bad: int, at_ms: int) -> Reason:
    """Change the alert's state; `bad` is the count behind the rule's verdict."""
    match act.kind:
        case ActionKind.ACKNOWLEDGE:
            return life.acknowledge(memory, act.by, at_ms)
        case ActionKind.SILENCE:
            return life.silence(memory, act.silent_until_ms, at_ms)
        case ActionKind.RESOLVE:
            return life.resolve_manually(memory, bad, at_ms)


def by_hand(alert: Alert, reason: Reason, act: AlertAction) -> Alert:
    """The transition with the person's name and comment. After a manual resolve the description says
    that the condition may go on."""
    notes = {**alert.annotations, ACTED_BY: act.by, COMMENT: act.comment}
    description = alert.description
    if reason is Reason.RESOLVED_BY_PERSON:
        description = f"Resolved by {act.by}, not by the numbers, which may still be bad. {description}"
    return msgspec.structs.replace(alert, annotations=notes, description=description)


def take_back(core: Core, state: ProjectState, rule_id: str, before: AlertState) -> None:
    """Undo an act whose transition could not be emitted; `before` is a copy of the earlier state."""
    state.alerts[rule_id] = before
    state.deadline_ms = next_deadline_ms(core, state)


def person_of(alert: Alert) -> tuple[str | None, str | None]:
    """The person who caused a transition, and the comment; None for others."""
    return alert.annotations.get(ACTED_BY), alert.annotations.get(COMMENT)
