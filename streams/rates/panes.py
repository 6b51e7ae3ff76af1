"""One minute of operations, or an hour: each operation by itself as long as its second is not busy.

An operation is one entry, a number of 62 bits; entries are sorted, so that they follow from what happened alone. A busy
second, and whatever has no second, is in `folded`. No second is in both. A closed minute no longer changes, so its
encoded form (`streams.rates.pane_codec`) is kept and written again without work.
"""

from typing import Final

from librt.vecs import append, pop, vec
from mypy_extensions import i64, mypyc_attr

from streams.base import packed_counts
from streams.base.outcome_flags import TIMED, OperationCounts, Sums, bin_if_timed, tally_of
from streams.base.sketch import BinCounts, Sketch
from streams.rates.busy_seconds import Seconds
from streams.rates.packed_operation import bin_in, duration_of, entry_of, kind_of, second_of, tally_in

MAX_A_SECOND: Final = 8  # a busier second is folded


@mypyc_attr(acyclic=True)
class Pane:
    """A minute or an hour."""

    __slots__ = ("encoded", "entries", "folded")

    def __init__(self) -> None:
        self.entries = vec[i64]()  # second of the minute, kind and duration of each operation, in this order
        self.folded: Seconds | None = None
        self.encoded: bytes | None = None

    def add(self, second: i64, kind: i64, duration_us: i64) -> None:
        """Count one operation in a second of the minute."""
        self.encoded = None
        if self.folded is not None and self.folded.has(second):
            self.folded.add(second, tally_of(kind, duration_us), bin_if_timed(kind, duration_us))
            return
        entry: i64 = entry_of(second, kind, duration_us)
        entries = append(self.entries, entry)
        count: i64 = len(entries)
        at: i64 = count - 1
        while at > 0 and entries[at - 1] > entry:
            entries[at] = entries[at - 1]
            at -= 1
        entries[at] = entry
        self.entries = entries
        while at + 1 < count and second_of(entries[at + 1]) == second:
            at += 1
        if at >= MAX_A_SECOND and second_of(entries[at - MAX_A_SECOND]) == second:
            self._fold(second, second)

    def remove(self, second: i64, kind: i64, duration_us: i64) -> None:
        """Take back what `add` counted in a second that is still known. Only what was added may be removed."""
        self.encoded = None
        entry: i64 = entry_of(second, kind, duration_us)
        entries = self.entries
        at: i64 = len(entries) - 1
        while at >= 0 and entries[at] > entry:
            at -= 1
        if at < 0 or entries[at] != entry:
            self._fold(second, second).remove(second, tally_of(kind, duration_us), bin_if_timed(kind, duration_us))
            return
        self.entries, _ = pop(entries, at)

    def add_many(self, second: int, operations: int, bins: Sketch) -> None:
        """Count many operations at once in a second of the minute; counts may be negative, to take back."""
        self.encoded = None
        self._fold(second, second).add_many(second, operations, bins)

    def absorb(self, operations: int, bins: Sketch) -> None:
        """Count many operations at once without their seconds, as an hour takes its minutes."""
        self.encoded = None
        self._whole().absorb(operations, bins)

    def add_total(self, kind: i64, duration_us: i64, sign: int) -> None:
        """Count (+1) or take back (-1) one operation without its second."""
        self.encoded = None
        self._whole().add_total(tally_of(kind, duration_us), bin_if_timed(kind, duration_us), sign)

    def drop_seconds(self) -> None:
        """Keep only the minute as a whole."""
        if self.has_seconds:
            self._fold(0, 59).drop_seconds()
            self.encoded = None

    def forget(self, fields: int) -> None:
        """Drop these fields of all that is counted."""
        self._fold(0, 59).forget(fields)
        self.encoded = None

    def restore_second(self, second: int, counts: int, bins: list[int]) -> None:
        """Take a second as it was stored."""
        self._whole().restore(second, counts, bins)

    def restore_whole(self, total: int, sketch: Sketch) -> None:
        """Take the sums of all seconds as they were stored; to be called after the seconds."""
        folded = self._fold(0, 59)
        folded.total = total
        folded.crowd(sketch)

    def _whole(self) -> Seconds:
        folded = self.folded
        if folded is None:
            folded = self.folded = Seconds()
        return folded

    def _fold(self, first: i64, last: i64) -> Seconds:
        """Entries of these seconds are entries no longer."""
        folded = self._whole()
        kept = vec[i64]()
        for entry in self.entries:
            second: i64 = second_of(entry)
            if first <= second <= last:
                folded.add(second, tally_in(entry), bin_in(entry))
            else:
                kept = append(kept, entry)
        self.entries = kept
        return folded

    # --- what it holds

    @property
    def has_seconds(self) -> bool:
        """Whether single seconds are known."""
        return len(self.entries) > 0 or (self.folded is not None and bool(self.folded.counts))

    def has(self, second: i64) -> bool:
        """Whether this second is known, and anything in it."""
        return self.has_seconds and self.next_second(second) == second

    def next_second(self, second: i64) -> i64:
        """The first second from this one on that holds anything; 60: none. A minute whose seconds were dropped holds
        all in its first, for windows must never keep what has left."""
        found: i64 = 60
        for entry in self.entries:
            if second_of(entry) >= second:
                found = second_of(entry)
                break
        folded = self.folded
        if folded is not None:
            for known in folded.counts:
                if second <= known < found:
                    found = known
            if second == 0 and not self.has_seconds and folded.total:
                return 0
        return found

    def next_bad_second(self, second: i64, flags: i64, mask: int) -> i64:
        """`next_second` of operations whose kind has one of these flags, which count in the fields of `mask`."""
        found: i64 = 60
        for entry in self.entries:
            if kind_of(entry) & flags and second_of(entry) >= second:
                found = second_of(entry)
                break
        folded = self.folded
        if folded is not None:
            for known, counts in folded.counts.items():
                if second <= known < found and counts & mask:
                    found = known
            if second == 0 and not self.has_seconds and folded.total & mask:
                return 0
        return found

    def put(self, sums: OperationCounts, first: i64, last: i64, sign: i64) -> None:
        """Add (+1) or subtract (-1) what these seconds hold; a minute whose seconds were dropped is in its first."""
        for entry in self.entries:
            second: i64 = second_of(entry)
            if second > last:
                break
            if second >= first:
                sums.add(kind_of(entry), duration_of(entry), sign)
        folded = self.folded
        if folded is not None:
            if folded.counts:
                sums.add_tally(folded.between(first, last), sign)
            elif first == 0 and not self.has_seconds:
                sums.add_tally(folded.total, sign)

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing."""
        return not len(self.entries) and (self.folded is None or not self.folded.total)

    @property
    def total(self) -> int:
        """Everything as one tally."""
        sums = Sums()
        for entry in self.entries:
            sums.add(kind_of(entry), duration_of(entry), 1)
        return sums.total if self.folded is None else sums.total + self.folded.total

    @property
    def attempted(self) -> i64:
        """How many operations."""
        count: i64 = len(self.entries)
        if self.folded is not None:
            count += packed_counts.field(self.folded.total, packed_counts.ATTEMPTED)
        return count

    @property
    def sketch(self) -> Sketch:
        """Counts by bin; not to be changed."""
        if self.folded is not None and not len(self.entries):
            return self.folded.sketch
        bins = BinCounts()
        self.put_bins(bins, 0, 59)
        return bins.sketch

    def put_bins(self, bins: BinCounts, first: i64, last: i64) -> None:
        """Count the durations of these seconds; of the whole minute where one of them is too busy to tell."""
        folded = self.folded
        if folded is not None:
            inside = None if first == 0 and last == 59 else folded.sketch_between(int(first), int(last))
            if inside is None:
                first, last = 0, 59
            bins.add_sketch(folded.sketch if inside is None else inside)
        for entry in self.entries:
            if first <= second_of(entry) <= last and kind_of(entry) & TIMED:
                bins.add(duration_of(entry))

    @property
    def seconds(self) -> dict[int, int]:
        """Second of the minute -> tally, where seconds are known."""
        found = {} if self.folded is None else dict(self.folded.counts)
        for entry in self.entries:
            second = int(second_of(entry))
            found[second] = found.get(second, 0) + tally_in(entry)
        return found
