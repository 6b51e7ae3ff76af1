"""A project's operations since the beginning, today and the day before.

Counting only adds to the sums of one day; `fold` moves them to the totals. A reader must call `fold` first.
"""

from mypy_extensions import i64, mypyc_attr

from streams.base.outcome_flags import Sums


@mypyc_attr(acyclic=True)
class DayTotals(Sums):
    """Sums of one day, not yet folded into `totals` and `days` (day -> tally)."""

    __slots__ = ("_day", "days", "totals")

    def __init__(self) -> None:
        super().__init__()
        self._day: i64 = 0  # of what is not folded; 0: nothing is
        self.totals = 0
        self.days: dict[int, int] = {}

    def count(self, day: i64, kind: i64, duration_us: i64) -> None:
        """Count an operation; of a day that is too long ago it counts in the totals alone."""
        if day != self._day:
            self.fold()
            self._begin(int(day))
        self.add(kind, duration_us, +1)

    def _begin(self, day: int) -> None:
        """A day is kept if it is the newest or the one before."""
        if day not in self.days and day > max(self.days, default=0) - 2:
            self.days[day] = 0
            newest = max(self.days)
            self.days = {known: total for known, total in self.days.items() if known >= newest - 1}
        self._day = day

    def take_back(self, day: i64, kind: i64, duration_us: i64) -> None:
        """Take back an operation that was counted."""
        if day != self._day:
            self.fold()
            self._day = day
        self.add(kind, duration_us, -1)

    def fold(self) -> None:
        """Bring totals and days up to date with all that was counted."""
        day, self._day = int(self._day), 0
        if not day:
            return
        noted = self.total
        self.clear()
        self.totals += noted
        if day in self.days:
            left = self.days[day] + noted
            if left:
                self.days[day] = left
            else:
                del self.days[day]
