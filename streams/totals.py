"""What a partition's projects add up to: operations over time, counters since the beginning, durations by bucket.

It carries the offset up to which it is complete, apart from the projects: after a crash it may be ahead of them, and
then takes nothing again.
"""

from bisect import bisect_left
from typing import Final

import msgspec
from mypy_extensions import mypyc_attr

from streams import tally
from streams.core import PARTITION_HOURS_KEPT, Core
from streams.history import Encoded, History
from streams.sketch import ZERO_KEY

DURATION_BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_BOUNDS_US = tuple(int(bound * 1_000_000) for bound in DURATION_BUCKETS_SECONDS)
# applied, history, operations, counters, days, buckets, sums of durations
_Stored = tuple[int, Encoded, list[int], list[int], list[tuple[int, list[int]]], list[list[int]], list[int]]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Stored).decode
_BINS: Final = 2**16  # more than there are bins, from ZERO_KEY on
_FAILED = tally.mask(tally.FAILED)


@mypyc_attr(acyclic=True)
class PartitionTotals:
    """Sums over all projects of one partition. `buckets[success]` counts durations, the last bucket is unbounded.

    Counting only notes seconds and bins; `fold` puts the notes where they belong. Whoever reads must fold first.
    """

    __slots__ = (
        "_bins", "_core", "_operations", "_second", "_seconds", "applied", "buckets", "conflicts", "days",
        "duration_us", "history", "late", "operations", "resends", "retries",
    )  # fmt: skip

    def __init__(self, core: Core) -> None:
        self._core = core
        self._second, self._operations = -1, 0  # the second at hand and its tally, not yet among the seconds
        self._seconds: dict[int, int] = {}  # second -> tally not yet folded
        self._bins: dict[int, int] = {}  # second and bin in one number -> count not yet folded
        self.applied = -1
        self.history = History((), core.detail_seconds, PARTITION_HOURS_KEPT)
        self.operations = 0  # tally since the beginning
        self.conflicts = 0
        self.retries = [0, 0, 0]  # conflict, timeout, error
        self.late = 0
        self.resends = 0
        self.days: dict[int, int] = {}  # day -> tally
        self.buckets = [[0] * (len(_BOUNDS_US) + 1), [0] * (len(_BOUNDS_US) + 1)]  # failed, succeeded
        self.duration_us = [0, 0]

    def count(self, second: int, operation: int, latency_bin: int | None) -> None:
        """Count one operation of some project at an epoch second."""
        if second == self._second:
            self._operations += operation
        else:
            self._note_second()
            self._second, self._operations = second, operation
        if latency_bin is not None:
            bins, at = self._bins, second * _BINS + latency_bin - ZERO_KEY
            bins[at] = bins.get(at, 0) + 1
            duration_us = operation >> tally.MICROSECONDS
            success = 0 if operation & _FAILED else 1
            self.buckets[success][bisect_left(_BOUNDS_US, duration_us)] += 1
            self.duration_us[success] += duration_us

    def _note_second(self) -> None:
        if self._second >= 0:
            self._seconds[self._second] = self._seconds.get(self._second, 0) + self._operations
            self._second, self._operations = -1, 0

    def take_back(self, second: int, operation: int, latency_bin: int | None) -> None:
        """Take back one operation that was counted."""
        self._seconds[second] = self._seconds.get(second, 0) - operation
        if latency_bin is not None:
            at = second * _BINS + latency_bin - ZERO_KEY
            self._bins[at] = self._bins.get(at, 0) - 1
            duration_us = operation >> tally.MICROSECONDS
            success = 0 if operation & _FAILED else 1
            self.buckets[success][bisect_left(_BOUNDS_US, duration_us)] -= 1
            self.duration_us[success] -= duration_us

    def fold(self) -> None:
        """Bring history, days and totals up to date with all that was counted."""
        self._note_second()
        if not self._seconds:
            return
        history = self.history
        history.advance(max(self._seconds))
        bins: dict[int, dict[int, int]] = {}
        for at, count in self._bins.items():
            bins.setdefault(at // _BINS, {})[at % _BINS + ZERO_KEY] = count
        for second in sorted(self._seconds):
            operations = self._seconds[second]
            if not operations and not any(bins.get(second, {}).values()):
                continue  # counted and taken back
            history.add_many(second, operations, bins.get(second, {}))
            self.operations += operations
            day = self._core.calendar.day(second * 1000)
            self.days[day] = self.days.get(day, 0) + operations
        self._seconds, self._bins = {}, {}
        newest = max(self.days, default=0)
        self.days = {day: total for day, total in self.days.items() if total and day > newest - 3}

    def encode(self) -> bytes:
        """Everything, offset included."""
        self.fold()
        return _pack(
            (
                self.applied,
                self.history.encode(),
                tally.unpack(self.operations),
                [self.conflicts, *self.retries, self.late, self.resends],
                [(day, tally.unpack(self.days[day])) for day in sorted(self.days)],
                self.buckets,
                self.duration_us,
            )
        )

    @classmethod
    def decode(cls, core: Core, encoded: bytes) -> "PartitionTotals":
        """Inverse of `encode`."""
        totals = cls(core)
        applied, history, operations, counters, days, buckets, duration_us = _unpack(encoded)
        totals.applied = applied
        totals.history.decode(history)
        totals.operations = tally.pack(operations)
        totals.conflicts, totals.retries = counters[0], counters[1:4]
        totals.late, totals.resends = counters[4:6]
        totals.days = {day: tally.pack(counts) for day, counts in days}
        totals.buckets, totals.duration_us = buckets, duration_us
        return totals
