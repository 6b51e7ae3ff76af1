"""What may follow on what, as data: read this file, and you know what the dispatcher does.

1. The life of an alert. `MOVES`: status and event give next status, reason and effects; what is not in it changes
   nothing. Silences, inhibition and muted times are not statuses: an alert goes on firing behind them.
2. `MESSAGES`: why a group's receiver is notified. The first row that holds is the reason; if none holds, it is not.
3. `WhyNot`: why a receiver is not notified. Of those that keep an alert back the first one is named.
"""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from models.alert import FINDINGS_ROSE

# --- 1. The life of an alert


RESOLVED_BY_PERSON = "resolved_by_person"


class Status(Enum):
    """The status of an alert for people."""

    ABSENT = "absent"  # never seen, or dropped after its end
    PENDING = "pending"  # crossed, but not for long enough
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"  # firing, and a person has taken it
    HUSHED = "hushed"  # resolved by a person; the core knows nothing of that, the rule is crossed as before
    RESOLVED = "resolved"


class Event(Enum):
    """What happens to an alert."""

    # transitions of a core
    PENDS = "pends"
    FIRES = "fires"  # a new firing, or a pending alert fires
    WORSENS = "worsens"  # the same firing has become more severe
    GROWS = "grows"  # resolved by a person, and since then the core has found more
    CONTINUES = "continues"  # the same firing once more, no worse
    ENDS = "ends"
    IS_LATE = "is_late"  # of an earlier firing, or from before it fired: it changes nothing
    # acts of people
    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    RESOLVE = "resolve"
    # timers
    REMINDER_DUE = "reminder_due"
    ACKNOWLEDGEMENT_EXPIRES = "acknowledgement_expires"
    STEP_DUE = "step_due"  # of the escalation chain


ACTS = (Event.ACKNOWLEDGE, Event.UNACKNOWLEDGE, Event.RESOLVE)


class Effect(Enum):
    """What a move starts, in this order."""

    BEGIN = "begin"  # a new incident; receivers of an earlier firing are still to be notified of its end
    REOPEN = "reopen"  # the same incident is news again for every receiver
    STOP = "stop"  # no further step of the escalation chain
    ESCALATE = "escalate"  # the escalation chain begins, unless it is on its way
    LOOK = "look"  # its groups look whether there is something to notify
    SAY = "say"  # the receivers notified before that keep incidents learn of the act
    REMIND = "remind"  # the receivers notified before learn that the acknowledgement will expire
    STEP = "step"  # the next step of the escalation chain


class Move(NamedTuple):
    """The next status, why ("": the reason that the transition gives), and what it starts."""

    status: Status
    reason: str = ""
    effects: tuple[Effect, ...] = ()


_S, _E = Status, Event
_FRESH = Move(_S.FIRING, "", (Effect.BEGIN, Effect.STOP, Effect.ESCALATE, Effect.LOOK))  # a new incident
_AGAIN = (Effect.REOPEN, Effect.ESCALATE, Effect.LOOK)  # the same incident is news again
_NEXT_PENDS = Move(_S.PENDING, "", (Effect.BEGIN, Effect.STOP, Effect.LOOK))
_OVER = (Effect.STOP, Effect.LOOK)
_TAKEN = (Effect.STOP, Effect.SAY)
_GIVEN_BACK = (Effect.ESCALATE, Effect.LOOK, Effect.SAY)

MOVES: dict[tuple[Status, Event], Move] = {
    # was              what happens               is                reason ("": the transition's own), what it starts
    (_S.ABSENT,       _E.PENDS):         Move(_S.PENDING),
    (_S.ABSENT,       _E.FIRES):         _FRESH,

    (_S.PENDING,      _E.PENDS):         Move(_S.PENDING),
    (_S.PENDING,      _E.FIRES):         _FRESH,
    (_S.PENDING,      _E.CONTINUES):     Move(_S.PENDING),
    (_S.PENDING,      _E.ENDS):          Move(_S.RESOLVED),
    (_S.PENDING,      _E.RESOLVE):       Move(_S.HUSHED,       "cleared_before_firing"),

    (_S.FIRING,       _E.PENDS):         _NEXT_PENDS,
    (_S.FIRING,       _E.FIRES):         _FRESH,
    (_S.FIRING,       _E.WORSENS):       Move(_S.FIRING,       "severity_rose", _AGAIN),
    (_S.FIRING,       _E.CONTINUES):     Move(_S.FIRING),
    (_S.FIRING,       _E.ENDS):          Move(_S.RESOLVED,     "", _OVER),
    (_S.FIRING,       _E.ACKNOWLEDGE):   Move(_S.ACKNOWLEDGED, "acknowledged_by_person", _TAKEN),
    (_S.FIRING,       _E.RESOLVE):       Move(_S.HUSHED,       RESOLVED_BY_PERSON, _OVER),
    (_S.FIRING,       _E.STEP_DUE):      Move(_S.FIRING,       "escalated_unacknowledged", (Effect.STEP,)),

    (_S.ACKNOWLEDGED, _E.PENDS):         _NEXT_PENDS,
    (_S.ACKNOWLEDGED, _E.FIRES):         _FRESH,
    (_S.ACKNOWLEDGED, _E.WORSENS):       Move(_S.FIRING,       "severity_rose", _AGAIN),
    (_S.ACKNOWLEDGED, _E.CONTINUES):     Move(_S.ACKNOWLEDGED),
    (_S.ACKNOWLEDGED, _E.ENDS):          Move(_S.RESOLVED,     "", _OVER),
    (_S.ACKNOWLEDGED, _E.ACKNOWLEDGE):   Move(_S.ACKNOWLEDGED, "acknowledged_by_person", (Effect.SAY,)),
    (_S.ACKNOWLEDGED, _E.UNACKNOWLEDGE): Move(_S.FIRING,       "unacknowledged_by_person", _GIVEN_BACK),
    (_S.ACKNOWLEDGED, _E.RESOLVE):       Move(_S.HUSHED,       RESOLVED_BY_PERSON, _OVER),
    (_S.ACKNOWLEDGED, _E.REMINDER_DUE):  Move(_S.ACKNOWLEDGED, "acknowledgement_will_expire", (Effect.REMIND,)),
    (_S.ACKNOWLEDGED, _E.ACKNOWLEDGEMENT_EXPIRES): Move(_S.FIRING, "acknowledgement_expired", _AGAIN),

    (_S.HUSHED,       _E.PENDS):         _NEXT_PENDS,
    (_S.HUSHED,       _E.FIRES):         _FRESH,
    (_S.HUSHED,       _E.WORSENS):       Move(_S.FIRING,       "severity_rose", _AGAIN),
    (_S.HUSHED,       _E.GROWS):         Move(_S.FIRING,       FINDINGS_ROSE, _AGAIN),
    (_S.HUSHED,       _E.CONTINUES):     Move(_S.HUSHED),
    (_S.HUSHED,       _E.ENDS):          Move(_S.RESOLVED),

    (_S.RESOLVED,     _E.PENDS):         _NEXT_PENDS,
    (_S.RESOLVED,     _E.FIRES):         _FRESH,
}  # fmt: skip


class Refusal(Enum):
    """Why an act is refused; nothing has changed then."""

    UNKNOWN_ALERT = "unknown_alert"
    ALREADY_RESOLVED = "already_resolved"
    NOT_FIRING = "not_firing"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    EXPIRY_PASSED = "expiry_passed"
    UNKNOWN_SILENCE = "unknown_silence"
    ALREADY_EXPIRED = "already_expired"
    SILENCE_ENDS_EARLY = "silence_ends_early"
    SILENCE_MATCHES_ALL = "silence_matches_all"
    UNKNOWN_TIME_INTERVAL = "unknown_time_interval"
    UNKNOWN_SCHEDULE = "unknown_schedule"
    UNKNOWN_OVERRIDE = "unknown_override"
    OVERRIDE_ENDS_EARLY = "override_ends_early"


REFUSALS: dict[tuple[Status, Event], Refusal] = {
    **{(_S.ABSENT, act): Refusal.UNKNOWN_ALERT for act in ACTS},
    **{(status, act): Refusal.ALREADY_RESOLVED for act in ACTS for status in (_S.HUSHED, _S.RESOLVED)},
    (_S.PENDING, _E.ACKNOWLEDGE): Refusal.NOT_FIRING,
    (_S.PENDING, _E.UNACKNOWLEDGE): Refusal.NOT_ACKNOWLEDGED,
    (_S.FIRING, _E.UNACKNOWLEDGE): Refusal.NOT_ACKNOWLEDGED,
}


# --- 2. Why a group's receiver is notified


class NotifyReason(Enum):
    """Why a receiver is notified."""

    ESCALATED = "escalated_unacknowledged"
    FIRST_NOTIFICATION = "first_notification"  # of this group
    REOPENED = "reopened"  # more severe, more findings, or an acknowledgement expired
    NEW_ALERTS = "new_alerts_in_group"
    NEW_RESOLVED = "new_resolved_in_group"
    ALL_RESOLVED = "all_alerts_resolved"
    REPEAT_INTERVAL_ELAPSED = "repeat_interval_elapsed"
    # not of a group that is due
    ACKNOWLEDGED = "acknowledged_by_person"  # the values of these two are the reasons of their moves
    UNACKNOWLEDGED = "unacknowledged_by_person"
    DIGEST = "digest"  # several groups in one message: the receiver's rate, or many that are due at once
    ACKNOWLEDGEMENT_EXPIRES = "acknowledgement_will_expire"
    SILENCE_EXPIRES = "silence_will_expire"


ACT_REASONS = frozenset({NotifyReason.ACKNOWLEDGED, NotifyReason.UNACKNOWLEDGED})


class Look(NamedTuple):
    """What a group holds when it is due."""

    has_step: bool  # a step of escalation wants its receiver notified, whatever it knows
    knows: bool  # the receiver was notified of a firing, and not yet of its end
    news: bool  # an alert fires, nothing keeps it back, and the receiver does not know
    is_reopened: bool  # all news are of incidents that were news before
    ended: bool  # a firing has ended that the receiver knows of
    fires: bool  # an alert is shown as firing
    repeats: bool  # an alert that the receiver knows of fires unacknowledged, and the repeat interval has passed


MESSAGES: tuple[tuple[NotifyReason, Callable[[Look], bool]], ...] = (
    (NotifyReason.ESCALATED,               lambda look: look.news and look.has_step),
    (NotifyReason.REOPENED,                lambda look: look.news and look.is_reopened),
    (NotifyReason.FIRST_NOTIFICATION,      lambda look: look.news and not look.knows),
    (NotifyReason.NEW_ALERTS,              lambda look: look.news),
    (NotifyReason.NEW_RESOLVED,            lambda look: look.ended and look.fires),
    (NotifyReason.ALL_RESOLVED,            lambda look: look.ended),
    (NotifyReason.REPEAT_INTERVAL_ELAPSED, lambda look: look.repeats),
)  # fmt: skip


def message_reason(look: Look) -> NotifyReason | None:
    """Why there is a message; None: there is none."""
    return next((reason for reason, holds in MESSAGES if holds(look)), None)


# --- 3. Why a receiver is not notified


class WhyNot(Enum):
    """Why a receiver is not notified. The first four keep a firing alert back from every receiver, in this order."""

    BEHIND = "behind the events"  # its partition reads the past
    SILENCED = "silenced by"
    INHIBITED = "inhibited by"
    ACKNOWLEDGED = "acknowledged by"
    MUTED = "muted until"
    RATE_LIMITED = "rate limited until"
    GROUPED = "grouped until"
    NOTHING_NEW = "nothing new"
    EARLIER_END = "only the end of an earlier firing is to come until"  # the alert itself goes to other groups
    NEVER_NOTIFIED = "never notified of its beginning"
    NO_RECEIVER = "no receiver"
    NOBODY_ON_CALL = "nobody on call"
