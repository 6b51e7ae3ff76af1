"""The states of a rule of a project, and what may follow on what."""

from enum import Enum
from typing import Final

from streams.alerting.alert_life import is_pending
from streams.alerting.alert_state import AlertState
from streams.alerting.verdict import Reason, Verdict


class RuleState(Enum):
    """Where a rule stands. The first three have no alert, nothing of them is stored."""

    INACTIVE = "inactive"  # not crossed
    NO_DATA = "no_data"  # no operation in the window
    INSUFFICIENT_DATA = "insufficient_data"  # fewer than `min_samples`
    PENDING = "pending"  # crossed, not yet for `for_seconds`
    FIRING = "firing"
    RECOVERING = "recovering"  # still firing: no longer crossed, but that is not final or `keep_firing_seconds` lasts
    RESOLVED = "resolved"  # the transition that ends an alert


_CALM = frozenset((RuleState.INACTIVE, RuleState.NO_DATA, RuleState.INSUFFICIENT_DATA))
_BEGINS = frozenset((RuleState.PENDING, RuleState.FIRING))
_FIRES = frozenset((RuleState.FIRING, RuleState.RECOVERING, RuleState.RESOLVED))
# The next state after one event, or after something became due.
MAY_FOLLOW: Final[dict[RuleState, frozenset[RuleState]]] = {
    **dict.fromkeys(_CALM, _CALM | _BEGINS),
    RuleState.PENDING: _BEGINS | {RuleState.RESOLVED},
    RuleState.FIRING: _FIRES,
    RuleState.RECOVERING: _FIRES,
    RuleState.RESOLVED: _CALM,
}
_CALM_OF: Final = {Reason.NO_OPERATIONS: RuleState.NO_DATA, Reason.INSUFFICIENT_DATA: RuleState.INSUFFICIENT_DATA}


def state_of(memory: AlertState | None, verdict: Verdict) -> RuleState:
    """Where a rule stands with this alert, or without one."""
    if memory is None:
        return _CALM_OF.get(verdict.calm_reason, RuleState.INACTIVE)
    if is_pending(memory):
        return RuleState.PENDING
    return RuleState.RECOVERING if memory.calm_since_ms else RuleState.FIRING
