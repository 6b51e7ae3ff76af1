"""Operations over event time: sliding windows exact to a second, minutes for two hours, hours for a day or more.

A window `(T - W, T]` is kept as a running sum: an operation is added once and leaves once, however long it is.
"""

from mypy_extensions import mypyc_attr

from streams import tally
from streams.panes import Pane
from streams.sketch import Sketch, merge

MINUTES_KEPT = 121  # two hours of minutes for the trend, and the one that is open; more where a window needs it
_STEPWISE = 64  # seconds; a longer silence is slid over by counting what is left instead of second by second

Encoded = tuple[int, list[tuple[int, bytes]], list[tuple[int, bytes]]]  # now, minutes, hours


@mypyc_attr(acyclic=True)
class Window:
    """A running sum over the last `length_seconds`; `tail` is the last second that has left it.

    No operation of the window lies before second `oldest`; it follows the tail lazily.
    """

    __slots__ = ("length_seconds", "oldest", "tail", "total")

    def __init__(self, length_seconds: int) -> None:
        self.length_seconds = length_seconds
        self.oldest = 0
        self.tail = 0
        self.total = 0


@mypyc_attr(acyclic=True)
class History:
    """All operations of one project, or of one partition, by event time."""

    __slots__ = (
        "_detail_minutes", "_hours_kept", "_last", "_last_minute", "_minute", "_minutes_kept", "hours", "minutes",
        "now_second", "windows",
    )  # fmt: skip

    def __init__(self, window_lengths: tuple[int, ...], detail_seconds: int, hours_kept: int) -> None:
        """`detail_seconds`: how long single seconds are kept (the longest window and the grace)."""
        self.windows = [Window(length) for length in window_lengths]
        self.minutes: dict[int, Pane] = {}
        self.hours: dict[int, Pane] = {}
        self.now_second = 0
        self._minute = 0
        self._detail_minutes = -(-detail_seconds // 60) + 1
        self._minutes_kept = max(MINUTES_KEPT, self._detail_minutes + 1)
        self._hours_kept = hours_kept
        self._last_minute = -1  # the one last added to, and its pane: events come mostly in order
        self._last = Pane()

    def add(self, second: int, operation: int, latency_bin: int | None) -> None:
        """Count one operation at an epoch second."""
        minute = second // 60
        if minute == self._last_minute:
            pane = self._last
        else:
            known = self.minutes.get(minute)
            if known is None:
                if minute <= self._minute - self._minutes_kept:
                    self._old(minute // 60, operation, latency_bin, +1)
                    return
                known = self.minutes[minute] = Pane()
            pane = self._last = known
            self._last_minute = minute
        if minute > self._minute - self._detail_minutes:
            pane.add(second % 60, operation, latency_bin)
        else:
            pane.add_total(operation, latency_bin, +1)
        for window in self.windows:
            if second > window.tail:
                window.total += operation
                if second < window.oldest:
                    window.oldest = second

    def remove(self, second: int, operation: int, latency_bin: int | None) -> None:
        """Take back what `add` counted; what has been forgotten since needs no taking back."""
        minute = second // 60
        pane = self.minutes.get(minute)
        if pane is None:
            if minute <= self._minute - self._minutes_kept:
                self._old(minute // 60, operation, latency_bin, -1)
            return
        if second % 60 in pane.seconds:
            pane.remove(second % 60, operation, latency_bin)
        else:
            pane.add_total(operation, latency_bin, -1)
            second = minute * 60
        if not pane.total:
            self._forget(minute)
        for window in self.windows:
            if second > window.tail:
                window.total -= operation

    def add_many(self, second: int, operations: int, bins: Sketch) -> None:
        """Count what happened in one epoch second; counts may be negative, to take back."""
        minute = second // 60
        pane = self.minutes.get(minute)
        if pane is None:
            if minute <= self._minute - self._minutes_kept:
                hour = minute // 60
                if hour <= self._minute // 60 - self._hours_kept:
                    return
                pane = self.hours.setdefault(hour, Pane())
                pane.add_many(None, operations, bins)
                if not pane.total:
                    del self.hours[hour]
                return
            pane = self.minutes[minute] = Pane()
        pane.add_many(second % 60 if minute > self._minute - self._detail_minutes else None, operations, bins)
        if not pane.total:
            self._forget(minute)

    def _forget(self, minute: int) -> None:
        del self.minutes[minute]
        self._last_minute = -1

    def _old(self, hour: int, operation: int, latency_bin: int | None, count: int) -> None:
        if hour > self._minute // 60 - self._hours_kept:
            pane = self.hours.get(hour)
            if pane is None:
                if count < 0:
                    return
                pane = self.hours[hour] = Pane()
            pane.add_total(operation, latency_bin, count)
            if not pane.total:
                del self.hours[hour]

    def advance(self, second: int) -> None:
        """Move the windows' upper end to an epoch second; time never goes back."""
        if second <= self.now_second:
            return
        self.now_second = second
        for window in self.windows:
            tail = second - window.length_seconds
            if window.total:
                self._slide(window, tail)
            window.tail = tail
        minute = second // 60
        if minute != self._minute:
            self._minute = minute
            self._roll_up(minute)

    def _slide(self, window: Window, tail: int) -> None:
        if tail - window.tail > _STEPWISE:
            window.total = self._sum_after(tail)
            return
        for second in range(window.tail + 1, tail + 1):
            pane = self.minutes.get(second // 60)
            if pane is not None:
                window.total -= pane.seconds.get(second % 60, 0) if pane.seconds else _as_a_whole(pane, second)

    def _sum_after(self, tail: int) -> int:
        total = 0
        for minute, pane in self.minutes.items():
            first = minute * 60
            if first > tail:
                total += pane.total
            elif first + 59 > tail:
                total += sum(counts for second, counts in pane.seconds.items() if first + second > tail)
        return total

    def _roll_up(self, now_minute: int) -> None:
        for minute in [m for m in self.minutes if m <= now_minute - self._detail_minutes]:
            pane = self.minutes[minute]
            pane.drop_seconds()
            if minute <= now_minute - self._minutes_kept:
                hour = minute // 60
                if hour > now_minute // 60 - self._hours_kept:
                    self.hours.setdefault(hour, Pane()).absorb(pane)
                self._forget(minute)
        for hour in [h for h in self.hours if h <= now_minute // 60 - self._hours_kept]:
            del self.hours[hour]

    def next_to_leave(self, window: Window) -> int:
        """The epoch second at which the oldest operation of a window that is not empty leaves it."""
        second = max(window.oldest, window.tail + 1)
        while second <= self.now_second:
            pane = self.minutes.get(second // 60)
            if pane is None:
                second += 60 - second % 60
            elif second % 60 in pane.seconds or _as_a_whole(pane, second):
                break
            else:
                second += 1
        window.oldest = second
        return second + window.length_seconds

    def earliest_after_leaving(self, window: Window, shift: int, count: int) -> int:
        """No earlier than this epoch second have `count` operations (as `shift` counts them) left the window.

        A lower bound from whole minutes; at least the next second at which anything leaves.
        """
        soonest = self.next_to_leave(window)
        left = 0
        for minute in sorted(self.minutes):
            if minute * 60 + 59 > window.tail:
                left += tally.field(self.minutes[minute].total, shift)
                if left >= count:
                    return max(soonest, minute * 60 + window.length_seconds)
        return soonest

    def rebuild_windows(self) -> None:
        """Make the running sums from the panes, as after decoding."""
        self._minute = self.now_second // 60
        for window in self.windows:
            window.tail = self.now_second - window.length_seconds
            window.total = self._sum_after(window.tail)
            window.oldest = window.tail + 1

    def forget_slow(self) -> None:
        """Drop what was counted against latency limits that no longer hold."""
        keep = ~sum(tally.mask(shift) for shift in tally.SLOW)
        for pane in (*self.minutes.values(), *self.hours.values()):
            pane.total &= keep
            pane.seconds = {second: counts & keep for second, counts in pane.seconds.items()}
            pane.encoded = None
        for window in self.windows:
            window.total &= keep

    def between(self, after: int, until: int) -> tuple[int, Sketch]:
        """Tally and latency sketch of the epoch seconds in `(after, until]`.

        Exact to a second where single seconds are kept; older ends are rounded outwards to a minute, then to an hour.
        A second with very many operations at the window's edge is rounded to its minute in the sketch alone.
        """
        total = 0
        sketches: list[Sketch] = []
        for minute, pane in self.minutes.items():
            first, last = minute * 60, minute * 60 + 59
            if last <= after or first > until:
                continue
            if (first > after and last <= until) or not pane.seconds:
                total += pane.total
                sketches.append(pane.sketch)
                continue
            inside = [second for second in pane.seconds if after < first + second <= until]
            total += sum(pane.seconds[second] for second in inside)
            bins = pane.exact_bins(inside)
            sketches.append(pane.sketch if bins is None else _counted(bins))
        for hour, pane in self.hours.items():
            if hour * 3600 + 3599 > after and hour * 3600 <= until:
                total += pane.total
                sketches.append(pane.sketch)
        return total, merge(sketches)

    def by_minute(self, after_minute: int) -> dict[int, tuple[int, Sketch]]:
        """Minute number -> tally and sketch, for minutes past `after_minute` that hold anything."""
        return {minute: (pane.total, pane.sketch) for minute, pane in self.minutes.items() if minute > after_minute}

    def by_hour(self, after_hour: int) -> dict[int, tuple[int, Sketch]]:
        """Hour number -> tally and sketch, for hours past `after_hour` that hold anything."""
        hours: dict[int, tuple[int, Sketch]] = {}
        parts = [*self.hours.items(), *((minute // 60, pane) for minute, pane in self.minutes.items())]
        for hour, pane in parts:
            if hour > after_hour:
                total, sketch = hours.get(hour, (0, {}))
                hours[hour] = (total + pane.total, merge((sketch, pane.sketch)))
        return hours

    def encode(self) -> Encoded:
        """A msgpack-able form, the same for the same contents."""
        minutes = [(minute, self.minutes[minute].encode()) for minute in sorted(self.minutes)]
        hours = [(hour, self.hours[hour].encode()) for hour in sorted(self.hours)]
        return self.now_second, minutes, hours

    def decode(self, encoded: Encoded) -> None:
        """Fill an empty history from `encode`'s answer."""
        self.now_second = encoded[0]
        self.minutes = {minute: Pane.decode(pane) for minute, pane in encoded[1]}
        self._last_minute = -1
        self.hours = {hour: Pane.decode(pane) for hour, pane in encoded[2]}
        self.rebuild_windows()


def _as_a_whole(pane: Pane, second: int) -> int:
    """What leaves with a second of a minute whose seconds were dropped before a longer window wanted them: all of it
    with its first, for windows must never keep what has left."""
    return 0 if pane.seconds or second % 60 else pane.total


def _counted(bins: list[int]) -> Sketch:
    sketch: Sketch = {}
    for key in bins:
        sketch[key] = sketch.get(key, 0) + 1
    return sketch


def rate_percentage(part: int, whole: int) -> float | None:
    """A percentage for people; None without operations, so that it can never be mistaken for zero."""
    return None if whole == 0 else 100.0 * part / whole


def average_seconds(operations: int) -> float | None:
    """The average duration of a tally in seconds; None where nothing was timed."""
    timed = tally.field(operations, tally.TIMED)
    return None if timed == 0 else tally.microseconds(operations) / timed / 1e6
