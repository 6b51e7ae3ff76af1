"""The verdict of a rule at one moment, and the reasons of an alert's transitions."""

from enum import Enum
from typing import NamedTuple

from mypy_extensions import mypyc_attr

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


@mypyc_attr(acyclic=True)
class Verdict:
    """`bad` of `whole`: findings of episodes, or bad operations of those in the window. Never changed."""

    __slots__ = ("bad", "calm_reason", "crossed", "is_above", "score", "short", "whole")

    def __init__(
        self, crossed: bool, bad: int, calm_reason: Reason = Reason.BACK_TO_NORMAL, whole: int = 0,
        is_above: bool = False, *, score: int = 0, short: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        """`calm_reason`: why it is not crossed. `is_above`: by the counts alone, be they enough for a verdict or not.
        `score`: of a CUSUM. `short`: bad and whole of the short window of a burn rate."""
        self.crossed, self.bad, self.whole = crossed, bad, whole
        self.calm_reason, self.is_above = calm_reason, is_above
        self.score, self.short = score, short


class Measurement(NamedTuple):
    """What an alert reports: the value, how many operations or episodes it is of, and one sentence."""

    value: float | None
    sample_size: int
    sentence: str
