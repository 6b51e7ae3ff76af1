"""The verdict of a rule at one moment, and the reasons of an alert's transitions."""

from enum import Enum
from typing import NamedTuple

import msgspec

from models.alert import FINDINGS_ROSE


class Reason(Enum):
    """Why a transition happened."""

    THRESHOLD_CROSSED = "threshold_crossed"
    CROSSED_FOR_LONG_ENOUGH = "crossed_for_long_enough"
    FINDINGS_ROSE = FINDINGS_ROSE  # it fires, and more findings are open than were emitted
    BACK_TO_NORMAL = "back_to_normal"
    NO_OPERATIONS = "no_operations"
    INSUFFICIENT_DATA = "insufficient_data"
    CLEARED_BEFORE_FIRING = "cleared_before_firing"
    SPLIT = "split"  # the project is in several partitions, each of which lacks what the others have


ENDS = frozenset(
    (
        Reason.BACK_TO_NORMAL, Reason.NO_OPERATIONS, Reason.INSUFFICIENT_DATA, Reason.CLEARED_BEFORE_FIRING,
        Reason.SPLIT,
    )
)  # fmt: skip


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """`bad` of `whole`: findings of episodes, or bad operations of those in the window."""

    crossed: bool
    bad: int
    calm_reason: Reason = Reason.BACK_TO_NORMAL  # why it is not crossed
    whole: int = 0
    is_above: bool = False  # by the counts alone, be they enough for a verdict or not
    score: int = 0  # of a CUSUM
    short: tuple[int, int] | None = None  # bad and whole of the short window of a burn rate


class Measurement(NamedTuple):
    """What an alert reports: the value, how many operations or episodes it is of, and one sentence."""

    value: float | None
    sample_size: int
    sentence: str
