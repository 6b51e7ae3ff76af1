"""What a partition's projects add up to: operations over time, counters since the beginning, durations by bucket.

It carries the offset up to which it is complete, apart from the projects: after a crash it may be ahead of them, and
then takes nothing again.
"""

from typing import Final

import msgspec
from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from streams.base import packed_counts
from streams.base.calendar import Calendar
from streams.base.outcome_flags import FAILED, TIMED, Sums
from streams.base.sketch import bin_of
from streams.rates.fleet_seconds import NO_FLOOR, FleetSeconds
from streams.rates.operation_series import OperationSeries
from streams.rates.packed_operation import duration_of, entry_of, kind_of, second_of
from streams.rates.stored_totals import decode_totals

HOURS_KEPT = 169  # a week
DURATION_BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_BOUNDS_US: Final = vec[i64]([int(bound * 1_000_000) for bound in DURATION_BUCKETS_SECONDS])
_pack = msgspec.msgpack.Encoder().encode
_JOURNAL_MAX: Final = 16_384  # entries, 128 KiB a partition; more are folded without being asked
_COUNTED: Final = 0  # in the place of an entry's second: that stands before it in the journal
_TAKEN_BACK: Final = 1
_LATE: Final = 2  # added to either: the second lies before the floor of the fleet


@mypyc_attr(acyclic=True)
class PartitionTotals:
    """Sums over all projects of one partition. `buckets[success]` counts durations, the last bucket is unbounded.

    Counting only appends to a journal; `fold` adds the journal up. A reader must call `fold` first.
    """

    __slots__ = (
        "_calendar", "_journal", "_second", "applied", "buckets", "conflicts", "days", "duration_us", "fleet", "floor",
        "late", "operations", "resends", "retries", "series",
    )  # fmt: skip

    def __init__(self, calendar: Calendar, detail_seconds: int) -> None:
        self._calendar = calendar
        self._journal = vec[i64]()  # entries, and before those of a second its mark
        self._second: i64 = -1  # the last one in the journal
        self.applied = -1
        self.series = OperationSeries((), detail_seconds, HOURS_KEPT)
        self.operations = 0  # tally since the beginning
        self.conflicts = 0
        self.retries = [0, 0, 0]  # conflict, timeout, error
        self.late = 0
        self.resends = 0
        self.days: dict[int, int] = {}  # day -> tally
        self.buckets = [[0] * (len(_BOUNDS_US) + 1), [0] * (len(_BOUNDS_US) + 1)]  # failed, succeeded
        self.duration_us = [0, 0]
        self.fleet: FleetSeconds | None = None  # while there are rules on all projects
        self.floor: i64 = NO_FLOOR  # no operation before this second counts for the fleet

    def count(self, second: i64, kind: i64, duration_us: i64) -> None:
        """Count one operation of some project at an epoch second."""
        self._note(second, entry_of(_COUNTED if second >= self.floor else _COUNTED + _LATE, kind, duration_us))

    def take_back(self, second: i64, kind: i64, duration_us: i64) -> None:
        """Take back one operation that was counted."""
        self._note(second, entry_of(_TAKEN_BACK if second >= self.floor else _TAKEN_BACK + _LATE, kind, duration_us))

    def _note(self, second: i64, entry: i64) -> None:
        if second != self._second:
            if len(self._journal) >= _JOURNAL_MAX:
                self.fold()
            self._second = second
            self._journal = append(self._journal, _mark_of(second))
        self._journal = append(self._journal, entry)

    def fold(self) -> None:
        """Bring series, days and totals up to date with all that was counted."""
        journal, self._journal, self._second = self._journal, vec[i64](), -1
        count: i64 = len(journal)
        if not count:
            return
        seconds: dict[int, int] = {}
        bins: dict[int, dict[int, int]] = {}
        too_late: dict[int, int] = {}
        at: i64 = 0
        while at < count:
            second = int(_mark_of(journal[at]))
            at += 1
            sums, found = Sums(), bins.setdefault(second, {})
            while at < count and journal[at] >= 0:
                self._fold_entry(journal[at], sums, found)
                if second_of(journal[at]) >= _LATE:
                    self._leave_out(second, journal[at], too_late)
                at += 1
            seconds[second] = seconds.get(second, 0) + sums.total
        if self.fleet is not None:
            self.fleet.add(seconds, too_late)
        self._fold_seconds(seconds, bins)

    def _fold_entry(self, entry: i64, sums: Sums, bins: dict[int, int]) -> None:
        sign: i64 = _sign_of(entry)
        kind: i64 = kind_of(entry)
        duration_us: i64 = duration_of(entry)
        sums.add(kind, duration_us, sign)
        if kind & TIMED:
            key = bin_of(duration_us)
            bins[key] = bins.get(key, 0) + int(sign)
            bucket: i64 = 0
            while bucket < len(_BOUNDS_US) and _BOUNDS_US[bucket] < duration_us:
                bucket += 1
            success = 0 if kind & FAILED else 1
            self.buckets[success][bucket] += int(sign)
            self.duration_us[success] += int(sign * duration_us)

    def _leave_out(self, second: int, entry: i64, too_late: dict[int, int]) -> None:
        sums = Sums()
        sums.add(kind_of(entry), duration_of(entry), _sign_of(entry))
        too_late[second] = too_late.get(second, 0) + sums.total
        if self.fleet is not None:
            self.fleet.late += 1

    def _fold_seconds(self, seconds: dict[int, int], bins: dict[int, dict[int, int]]) -> None:
        series = self.series
        series.advance(max(seconds))
        for second in sorted(seconds):
            operations = seconds[second]
            if not operations and not any(bins[second].values()):
                continue  # counted and taken back
            series.add_many(second, operations, bins[second])
            self.operations += operations
            day = self._calendar.day(second * 1000)
            self.days[day] = self.days.get(day, 0) + operations
        newest = max(self.days, default=0)
        self.days = {day: total for day, total in self.days.items() if total and day > newest - 3}

    # --- the sums of the fleet

    def follow_fleet(self, limits: tuple[float, ...]) -> None:
        """There are rules on all projects: from now on seconds are summed for them. Of what was counted before, no
        second counts, for it may be taken back."""
        if self.fleet is None:
            self.fold()
            self.fleet = FleetSeconds(limits, NO_FLOOR if self.applied < 0 else int(self.series.minute + 1) * 60)
        self.floor = max(self.floor, self.fleet.closed_until)

    def raise_floor(self, second: i64) -> None:
        """Nothing before this second counts for the fleet any more."""
        if second > self.floor:
            self.floor = second

    @property
    def can_close(self) -> bool:
        """Whether `close` would give any seconds."""
        return self.fleet is not None and self.fleet.can_close(int(self.floor))

    def close(self) -> None:
        """Close what lies before the floor, where there are rules on all projects."""
        if self.fleet is not None:
            self.fold()
            self.fleet.close(int(self.floor))

    def stored(self) -> None:
        """What was closed before the last `encode` is stored: it may be sent."""
        if self.fleet is not None:
            self.fleet.stored()

    # --- storing

    def encode(self) -> bytes:
        """Everything, offset included."""
        self.fold()
        fields: list[object] = [
            self.applied,
            self.series.encode(),
            packed_counts.unpack(self.operations),
            [self.conflicts, *self.retries, self.late, self.resends],
            [(day, packed_counts.unpack(self.days[day])) for day in sorted(self.days)],
            self.buckets,
            self.duration_us,
        ]
        if self.fleet is not None:
            fields.append(self.fleet.encode())
        return _pack(fields)

    @classmethod
    def decode(
        cls, calendar: Calendar, detail_seconds: int, encoded: bytes, fleet_limits: tuple[float, ...] | None = None
    ) -> "PartitionTotals":
        """Inverse of `encode`. `fleet_limits`: the latency limits, where there are rules on all projects."""
        totals = cls(calendar, detail_seconds)
        stored = decode_totals(encoded)
        totals.applied = stored.applied
        totals.series.decode(stored.series)
        totals.operations = packed_counts.pack(stored.operations)
        totals.conflicts, totals.retries = stored.counters[0], stored.counters[1:4]
        totals.late, totals.resends = stored.counters[4:6]
        totals.days = {day: packed_counts.pack(counts) for day, counts in stored.days}
        totals.buckets, totals.duration_us = stored.buckets, stored.duration_us
        if fleet_limits is not None:
            if stored.fleet is not None:
                totals.fleet = FleetSeconds.decode(fleet_limits, stored.fleet)
            totals.follow_fleet(fleet_limits)
        return totals


def _sign_of(entry: i64) -> i64:
    """+1 counted, -1 taken back."""
    return -1 if second_of(entry) & _TAKEN_BACK else 1


def _mark_of(second: i64) -> i64:
    """A second as a number below all entries; of a mark, its second."""
    return -1 - second
