"""What may follow on what in the life of an alert, as data: status and event give next status, reason and effects.

`MOVES` is read row by row. What is in neither table changes nothing. Silences, inhibition and muted times are not
statuses: they keep a firing alert from being notified of while it goes on firing.
"""

from enum import Enum
from typing import NamedTuple


class Status(Enum):
    """The status of an alert for people."""

    ABSENT = "absent"  # never seen, or dropped after its end
    PENDING = "pending"  # crossed, but not for long enough
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"  # firing, and a person has taken it
    HUSHED = "hushed"  # resolved by a person although the rule is still crossed
    RESOLVED = "resolved"


class Event(Enum):
    """What happens to an alert."""

    # transitions of the core
    PENDS = "pends"
    FIRES = "fires"  # a new firing, or a pending alert fires
    WORSENS = "worsens"  # the same firing has become more severe
    GROWS = "grows"  # resolved by a person with fewer findings than there are now
    CONTINUES = "continues"  # the same firing once more, no worse
    ENDS = "ends"
    # acts of people
    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    RESOLVE = "resolve"
    # timers
    REMINDER_DUE = "reminder_due"
    ACKNOWLEDGEMENT_EXPIRES = "acknowledgement_expires"
    STEP_DUE = "step_due"  # of the escalation chain


TRANSITIONS = (Event.PENDS, Event.FIRES, Event.WORSENS, Event.GROWS, Event.CONTINUES, Event.ENDS)
ACTS = (Event.ACKNOWLEDGE, Event.UNACKNOWLEDGE, Event.RESOLVE)


class Effect(Enum):
    """What a move starts, in this order."""

    BEGIN = "begin"  # a new incident: the end of an earlier firing becomes due where that was notified of
    REOPEN = "reopen"  # it counts as news for all receivers that were notified before
    STOP = "stop"  # no further step of the escalation chain
    ESCALATE = "escalate"  # the escalation chain begins, unless it is on its way
    NOTIFY = "notify"  # its groups have news
    REMIND = "remind"  # the receivers notified before learn that the acknowledgement will expire
    STEP = "step"  # the next step of the escalation chain


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

    @property
    def http_status(self) -> int:
        """The status code of the answer."""
        return _HTTP_STATUS.get(self, 422)


_HTTP_STATUS = {
    Refusal.UNKNOWN_ALERT: 404,
    Refusal.UNKNOWN_SILENCE: 404,
    Refusal.UNKNOWN_OVERRIDE: 404,
    Refusal.ALREADY_RESOLVED: 409,
    Refusal.NOT_FIRING: 409,
    Refusal.NOT_ACKNOWLEDGED: 409,
    Refusal.ALREADY_EXPIRED: 409,
}


class Move(NamedTuple):
    """The next status, why ("": the reason that the transition gives), and what it starts."""

    status: Status
    reason: str = ""
    effects: tuple[Effect, ...] = ()


_S, _E = Status, Event
_FRESH = Move(_S.FIRING, "", (Effect.BEGIN, Effect.STOP, Effect.ESCALATE, Effect.NOTIFY))  # a new incident
_AGAIN = (Effect.REOPEN, Effect.ESCALATE, Effect.NOTIFY)  # the same incident is news again
_NEXT_PENDS = Move(_S.PENDING, "", (Effect.BEGIN, Effect.STOP))
_OVER = (Effect.STOP, Effect.NOTIFY)

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
    (_S.FIRING,       _E.ACKNOWLEDGE):   Move(_S.ACKNOWLEDGED, "acknowledged_by_person", (Effect.STOP,)),
    (_S.FIRING,       _E.RESOLVE):       Move(_S.HUSHED,       "resolved_by_person", _OVER),
    (_S.FIRING,       _E.STEP_DUE):      Move(_S.FIRING,       "escalated_unacknowledged", (Effect.STEP,)),

    (_S.ACKNOWLEDGED, _E.PENDS):         _NEXT_PENDS,
    (_S.ACKNOWLEDGED, _E.FIRES):         _FRESH,
    (_S.ACKNOWLEDGED, _E.WORSENS):       Move(_S.FIRING,       "severity_rose", _AGAIN),
    (_S.ACKNOWLEDGED, _E.CONTINUES):     Move(_S.ACKNOWLEDGED),
    (_S.ACKNOWLEDGED, _E.ENDS):          Move(_S.RESOLVED,     "", _OVER),
    (_S.ACKNOWLEDGED, _E.ACKNOWLEDGE):   Move(_S.ACKNOWLEDGED, "acknowledged_by_person"),
    (_S.ACKNOWLEDGED, _E.UNACKNOWLEDGE): Move(_S.FIRING,       "unacknowledged_by_person", (Effect.ESCALATE,)),
    (_S.ACKNOWLEDGED, _E.RESOLVE):       Move(_S.HUSHED,       "resolved_by_person", _OVER),
    (_S.ACKNOWLEDGED, _E.REMINDER_DUE):  Move(_S.ACKNOWLEDGED, "acknowledgement_will_expire", (Effect.REMIND,)),
    (_S.ACKNOWLEDGED, _E.ACKNOWLEDGEMENT_EXPIRES): Move(_S.FIRING, "acknowledgement_expired", _AGAIN),

    (_S.HUSHED,       _E.PENDS):         _NEXT_PENDS,
    (_S.HUSHED,       _E.FIRES):         _FRESH,
    (_S.HUSHED,       _E.WORSENS):       Move(_S.FIRING,       "severity_rose", _AGAIN),
    (_S.HUSHED,       _E.GROWS):         Move(_S.FIRING,       "findings_rose", _AGAIN),
    (_S.HUSHED,       _E.CONTINUES):     Move(_S.HUSHED),
    (_S.HUSHED,       _E.ENDS):          Move(_S.RESOLVED),

    (_S.RESOLVED,     _E.PENDS):         _NEXT_PENDS,
    (_S.RESOLVED,     _E.FIRES):         _FRESH,
}  # fmt: skip

REFUSALS: dict[tuple[Status, Event], Refusal] = {
    (_S.ABSENT, _E.ACKNOWLEDGE): Refusal.UNKNOWN_ALERT,
    (_S.ABSENT, _E.UNACKNOWLEDGE): Refusal.UNKNOWN_ALERT,
    (_S.ABSENT, _E.RESOLVE): Refusal.UNKNOWN_ALERT,
    (_S.PENDING, _E.ACKNOWLEDGE): Refusal.NOT_FIRING,
    (_S.PENDING, _E.UNACKNOWLEDGE): Refusal.NOT_ACKNOWLEDGED,
    (_S.FIRING, _E.UNACKNOWLEDGE): Refusal.NOT_ACKNOWLEDGED,
    (_S.HUSHED, _E.ACKNOWLEDGE): Refusal.ALREADY_RESOLVED,
    (_S.HUSHED, _E.UNACKNOWLEDGE): Refusal.ALREADY_RESOLVED,
    (_S.HUSHED, _E.RESOLVE): Refusal.ALREADY_RESOLVED,
    (_S.RESOLVED, _E.ACKNOWLEDGE): Refusal.ALREADY_RESOLVED,
    (_S.RESOLVED, _E.UNACKNOWLEDGE): Refusal.ALREADY_RESOLVED,
    (_S.RESOLVED, _E.RESOLVE): Refusal.ALREADY_RESOLVED,
}
