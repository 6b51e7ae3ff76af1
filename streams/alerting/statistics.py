"""The statistics that a rule may ask for in place of a literal threshold over one window."""

from decimal import Decimal

import msgspec

DAY_MINUTES = 1440
MAX_FORGET_MINUTES = 30 * DAY_MINUTES
MAX_BURN_MINUTES = 3 * DAY_MINUTES  # three days of single seconds a project
# Long window -> factor and short window, in minutes: the alerts recommended by Beyer et al., "The Site Reliability
# Workbook" (2018), chapter 5. Each stands for 2 %, 5 %, 10 % and 10 % of the budget of 30 days.
PRESETS = {
    "1h": (Decimal("14.4"), 60, 5),
    "6h": (Decimal(6), 360, 30),
    "1d": (Decimal(3), DAY_MINUTES, 120),
    "3d": (Decimal(1), 3 * DAY_MINUTES, 360),
}


class Cusum(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of bad operations in percent. A bad operation adds `weight` to the score, a good one takes 1."""

    in_control: Decimal
    out_of_control: Decimal
    weight: int
    limit: int
    forget_minutes: int


class BurnRate(msgspec.Struct, frozen=True, kw_only=True):
    """Crossed where over both windows the rate is above `factor` times what the objective allows. `objective`: percent
    of operations that are to be good."""

    objective: Decimal
    factor: Decimal
    long_minutes: int
    short_minutes: int

    @property
    def budget(self) -> Decimal:
        """Percent of operations that may be bad."""
        return 100 - self.objective

    @property
    def threshold(self) -> Decimal:
        """The rate above which the budget burns too fast, in percent."""
        return self.factor * self.budget
