"""Why a repair is not done. Each code is one decision; the sentence says what, why and what next."""

from enum import Enum


class Code(Enum):
    """For programs. The HTTP status stands beside each in the route."""

    AUTO_FIX_DISABLED = "auto_fix_disabled"
    UNKNOWN_PLAN = "unknown_plan"
    UNKNOWN_PROJECT = "unknown_project"
    CANNOT_PLAN = "cannot_plan"
    WRONG_CONFIRMATION = "invalid_confirm"
    PLAN_EXPIRED = "plan_expired"
    NOTHING_TO_DO = "nothing_to_do"
    PLAN_NOT_OPEN = "plan_not_open"  # its state does not allow it
    PLAN_BUSY = "plan_busy"  # somebody else is at work on it
    APPROVAL_NEEDED = "approval_needed"
    SAME_PERSON = "same_person"
    DATA_MOVED = "data_moved"
    CONTENDED = "contended"  # others kept getting in between


class RepairRefused(Exception):
    """Nothing was changed. The message is one sentence for people."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class PlansAway(Exception):
    """Where plans are kept does not answer; the message is one sentence for people."""
