"""The states of a rule of a project, and what may follow on what."""

from enum import Enum
from typing import Final

from streams.alerting.alert_state import AlertPhase, AlertState
from streams.alerting.verdict import Reason, Verdict


class RuleState(Enum):
    """Where a rule stands. The first three have no alert, nothing of them is stored."""

    INACTIVE = "inactive"  # not crossed
    NO_DATA = "no_data"  # no operation in the window
    INSUFFICIENT_DATA = "insufficient_data"  # fewer than `min_samples`
    PENDING = "pending"  # crossed, not yet for `for_seconds`
    FIRING = "firing"
    RECOVERING = "recovering"  # still firing: no longer crossed, but that is not final or `keep_firing_seconds` lasts
    RESOLVED = "resolved"  # by a person, while it is still crossed


_CALM = frozenset((RuleState.INACTIVE, RuleState.NO_DATA, RuleState.INSUFFICIENT_DATA))
_ACTIVE = frozenset((RuleState.PENDING, RuleState.FIRING))
# The next state after one event, or after something became due.
MAY_FOLLOW: Final[dict[RuleState, frozenset[RuleState]]] = {
    **dict.fromkeys(_CALM, _CALM | _ACTIVE),
    RuleState.PENDING: _CALM | _ACTIVE | {RuleState.RESOLVED},
    RuleState.FIRING: _CALM | {RuleState.FIRING, RuleState.RECOVERING, RuleState.RESOLVED},
    RuleState.RECOVERING: _CALM | {RuleState.FIRING, RuleState.RECOVERING, RuleState.RESOLVED},
    RuleState.RESOLVED: _CALM | _ACTIVE | {RuleState.RESOLVED},
}
_CALM_OF: Final = {Reason.NO_OPERATIONS: RuleState.NO_DATA, Reason.INSUFFICIENT_DATA: RuleState.INSUFFICIENT_DATA}


def state_of(memory: AlertState | None, verdict: Verdict) -> RuleState:
    """Where a rule stands with this alert, or without one."""
    if memory is None:
        return _CALM_OF.get(verdict.calm_reason, RuleState.INACTIVE)
    match memory.phase:
        case AlertPhase.PENDING:
            return RuleState.PENDING
        case AlertPhase.HUSHED:
            return RuleState.RESOLVED
    return RuleState.RECOVERING if memory.calm_since_ms else RuleState.FIRING
