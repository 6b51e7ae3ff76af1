"""Operations over event time: sliding windows exact to a second, minutes for two hours, hours for a day or more.

A window `(T - W, T]` is kept as a running sum: an operation is added once and leaves once, however long it is.
"""

from mypy_extensions import i64, mypyc_attr

from streams.base import packed_counts
from streams.base.outcome_flags import Sums
from streams.base.sketch import BinCounts, Sketch, merge
from streams.rates import pane_codec
from streams.rates.panes import Pane
from streams.rates.windows import Window

MINUTES_KEPT = 121  # two hours of minutes for the trend, and the one that is open; more where a window needs it
_STEPWISE = 64  # seconds; a longer silence is slid over by counting what is left instead of what leaves

Encoded = tuple[int, list[tuple[int, bytes]], list[tuple[int, bytes]]]  # now, minutes, hours
_NONE = Pane()


@mypyc_attr(acyclic=True)
class OperationSeries:
    """All operations of one project, or of one partition, by event time. An operation is given by kind and duration."""

    __slots__ = (
        "_detail_minutes", "_hours_kept", "_last", "_last_minute", "_minutes_kept", "_rolled", "hours", "minute",
        "minutes", "now_second", "windows",
    )  # fmt: skip

    def __init__(self, window_lengths: tuple[int, ...], detail_seconds: int, hours_kept: int) -> None:
        """`detail_seconds`: how long single seconds are kept (the longest window and the grace)."""
        self.windows = [Window(length) for length in window_lengths]
        self.minutes: dict[int, Pane] = {}
        self.hours: dict[int, Pane] = {}
        self.now_second: i64 = 0  # where the windows end; what is ahead of it is in them already
        self.minute: i64 = 0  # that of the newest event
        self._rolled: i64 = 0  # the minute up to which minutes have gone the way of the old
        self._detail_minutes: i64 = -(-detail_seconds // 60) + 1
        self._minutes_kept: i64 = max(MINUTES_KEPT, int(self._detail_minutes) + 1)
        self._hours_kept: i64 = hours_kept
        self._last_minute: i64 = -1  # the one last added to, and its pane: events come mostly in order
        self._last = _NONE

    def add(self, second: i64, kind: i64, duration_us: i64) -> None:
        """Count one operation at an epoch second."""
        minute: i64 = second // 60
        if minute != self._last_minute:
            known = self.minutes.get(int(minute))
            if known is None:
                if minute <= self.minute - self._minutes_kept:
                    self._old(minute // 60, kind, duration_us, +1)
                    return
                known = self.minutes[int(minute)] = Pane()
            self._last = known
            self._last_minute = minute
        if minute > self.minute - self._detail_minutes:
            self._last.add(second - minute * 60, kind, duration_us)
        else:
            self._last.add_total(kind, duration_us, +1)
        for window in self.windows:
            if second > window.tail:
                window.add(kind, duration_us, +1)
                if second < window.oldest:
                    window.oldest = second

    def remove(self, second: i64, kind: i64, duration_us: i64) -> None:
        """Take back what `add` counted; what has been forgotten since needs no taking back."""
        minute: i64 = second // 60
        pane = self.minutes.get(int(minute))
        if pane is None:
            if minute <= self.minute - self._minutes_kept:
                self._old(minute // 60, kind, duration_us, -1)
            return
        if pane.has(second - minute * 60):
            pane.remove(second - minute * 60, kind, duration_us)
        else:
            pane.add_total(kind, duration_us, -1)
            second = minute * 60
        if pane.is_empty:
            self._forget(minute)
        for window in self.windows:
            if second > window.tail:
                window.add(kind, duration_us, -1)

    def add_many(self, second: int, operations: int, bins: Sketch) -> None:
        """Count what happened in one epoch second; counts may be negative, to take back."""
        minute = second // 60
        if minute not in self.minutes and minute <= self.minute - self._minutes_kept:
            self._add_to_hour(minute // 60, operations, bins)
            return
        pane = self.minutes.setdefault(minute, Pane())
        if minute > self.minute - self._detail_minutes:
            pane.add_many(second % 60, operations, bins)
        else:
            pane.absorb(operations, bins)
        if pane.is_empty:
            self._forget(minute)

    def _add_to_hour(self, hour: int, operations: int, bins: Sketch) -> None:
        if hour > self.minute // 60 - self._hours_kept:
            pane = self.hours.setdefault(hour, Pane())
            pane.absorb(operations, bins)
            if pane.is_empty:
                del self.hours[hour]

    def _forget(self, minute: i64) -> None:
        del self.minutes[int(minute)]
        self._last_minute = -1

    def _old(self, hour: i64, kind: i64, duration_us: i64, sign: int) -> None:
        if hour <= self.minute // 60 - self._hours_kept or (sign < 0 and int(hour) not in self.hours):
            return
        pane = self.hours.setdefault(int(hour), Pane())
        pane.add_total(kind, duration_us, sign)
        if pane.is_empty:
            del self.hours[int(hour)]

    def advance(self, second: i64) -> None:
        """`slide` and `roll_up` to an epoch second."""
        if second > self.now_second:
            self.slide(second)
        if second >= (self.minute + 1) * 60:
            self.roll_up(second // 60)

    def slide(self, second: i64) -> None:
        """Move the windows' upper end to an epoch second; time never goes back."""
        if second <= self.now_second:
            return
        self.now_second = second
        for window in self.windows:
            tail: i64 = second - window.length_seconds
            if tail >= window.oldest:
                self._slide(window, tail)
            window.tail = tail

    def roll_up(self, minute: i64) -> None:
        """Let seconds and minutes go the way of the old by the time of an event. Never by the mere passing of time: how
        often that was looked at must not show in what is stored."""
        if minute <= self.minute:
            return
        since, self._rolled, self.minute = self._rolled, minute, minute
        for turned in self._turned(since, minute, self._detail_minutes):
            self.minutes[turned].drop_seconds()
        for turned in self._turned(since, minute, self._minutes_kept):
            pane = self.minutes[turned]
            self._add_to_hour(turned // 60, pane.total, pane.sketch)
            self._forget(turned)
        if minute // 60 != since // 60:
            for hour in [hour for hour in self.hours if hour <= minute // 60 - self._hours_kept]:
                del self.hours[hour]

    def _slide(self, window: Window, tail: i64) -> None:
        if tail - window.tail > _STEPWISE:
            if window.attempted:
                self._sum_after(window, tail)
        else:
            second: i64 = max(window.tail + 1, window.oldest)
            while second <= tail:
                first: i64 = second // 60 * 60
                pane = self.minutes.get(int(second // 60))
                if pane is not None:
                    pane.put(window, second - first, min(tail - first, 59), -1)
                second = first + 60
        window.oldest = tail + 1

    def _sum_after(self, window: Window, tail: i64) -> None:
        window.clear()
        for minute, pane in self.minutes.items():
            first: i64 = minute * 60
            if first + 59 > tail:
                pane.put(window, max(tail - first + 1, 0), 59, +1)

    def _turned(self, since: i64, now: i64, age: i64) -> list[int]:
        """The minutes that came to be so many minutes old after minute `since`."""
        first, last = int(since - age + 1), int(now - age)
        if last - first < len(self.minutes):
            return [minute for minute in range(first, last + 1) if minute in self.minutes]
        return [minute for minute in self.minutes if first <= minute <= last]

    def rebuild_windows(self, minute: i64) -> None:
        """Make the running sums from the panes, as after decoding; `minute` is that of the newest event."""
        self.minute = minute
        self._rolled = 0  # rules may have changed since
        for window in self.windows:
            window.tail = self.now_second - window.length_seconds
            self._sum_after(window, window.tail)
            window.oldest = window.tail + 1

    def forget_slow(self) -> None:
        """Drop what was counted against latency limits that no longer hold."""
        slow = sum(packed_counts.mask(shift) for shift in packed_counts.SLOW)
        for pane in (*self.minutes.values(), *self.hours.values()):
            pane.forget(slow)
        for window in self.windows:
            window.forget_slow()

    def between(self, after: int, until: int) -> tuple[int, Sketch]:
        """Tally and latency sketch of the epoch seconds in `(after, until]`.

        Exact to a second where single seconds are kept; older ends are rounded outwards to a minute, then to an hour.
        A second with very many operations at the window's edge is rounded to its minute in the sketch alone.
        """
        total = 0
        bins = BinCounts()
        for minute, pane in self.minutes.items():
            first, last = minute * 60, minute * 60 + 59
            if last <= after or first > until:
                continue
            if (first > after and last <= until) or not pane.has_seconds:
                total += pane.total
                pane.put_bins(bins, 0, 59)
                continue
            low, high = max(after + 1 - first, 0), min(until - first, 59)
            inside = Sums()
            pane.put(inside, low, high, +1)
            total += inside.total
            pane.put_bins(bins, low, high)
        for hour, pane in self.hours.items():
            if hour * 3600 + 3599 > after and hour * 3600 <= until:
                total += pane.total
                pane.put_bins(bins, 0, 59)
        return total, bins.sketch

    def by_minute(self, after_minute: int) -> dict[int, tuple[int, Sketch]]:
        """Minute number -> tally and sketch, for minutes past `after_minute` that hold anything."""
        return {minute: (pane.total, pane.sketch) for minute, pane in self.minutes.items() if minute > after_minute}

    def by_hour(self, after_hour: int) -> dict[int, tuple[int, Sketch]]:
        """Hour number -> tally and sketch, for hours past `after_hour` that hold anything."""
        hours: dict[int, tuple[int, Sketch]] = {}
        for hour, pane in [*self.hours.items(), *((minute // 60, pane) for minute, pane in self.minutes.items())]:
            if hour > after_hour:
                total, sketch = hours.get(hour, (0, {}))
                hours[hour] = (total + pane.total, merge((sketch, pane.sketch)))
        return hours

    def encode(self) -> Encoded:
        """A msgpack-able form, the same for the same contents."""
        minutes = [(minute, pane_codec.encode(self.minutes[minute])) for minute in sorted(self.minutes)]
        hours = [(hour, pane_codec.encode(self.hours[hour])) for hour in sorted(self.hours)]
        return int(self.now_second), minutes, hours

    def decode(self, encoded: Encoded, minute: int | None = None) -> None:
        """Fill an empty series from `encode`'s answer; `minute` is up to which it was rolled up where that is not the
        windows' end."""
        self.now_second = encoded[0]
        self.minutes = {minute: pane_codec.decode(pane) for minute, pane in encoded[1]}
        self._last_minute = -1
        self.hours = {hour: pane_codec.decode(pane) for hour, pane in encoded[2]}
        self.rebuild_windows(self.now_second // 60 if minute is None else minute)
