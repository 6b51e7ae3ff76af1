"""When operations leave a window of a series: lower bounds, by which a rule knows when to look again."""

from typing import Final

from mypy_extensions import i64

from streams.rates.operation_series import OperationSeries
from streams.rates.windows import Window

MINUTES_LOOKED_AT: Final = 4  # a farther bound would cost more to find than to look again by then


def next_to_leave(series: OperationSeries, window: Window) -> int:
    """The epoch second at which the oldest operation of a window that is not empty leaves it."""
    window.oldest = _next_second(series, window, 0, 0)
    return int(window.oldest + window.length_seconds)


def next_bad_to_leave(series: OperationSeries, window: Window, flags: i64, mask: int) -> int:
    """No operation whose kind has one of these flags leaves the window before this epoch second; `mask` has their
    fields of a tally."""
    return int(_next_second(series, window, flags, mask) + window.length_seconds)


def _next_second(series: OperationSeries, window: Window, flags: i64, mask: int) -> i64:
    """Before this epoch second the window holds no operation; flags: none of these kinds."""
    second: i64 = max(window.oldest, window.tail + 1)
    while second <= series.now_second:
        first: i64 = second // 60 * 60
        pane = series.minutes.get(int(second // 60))
        found: i64 = 60
        if pane is not None:
            found = pane.next_bad_second(second - first, flags, mask) if flags else pane.next_second(second - first)
        second = first + found
        if found < 60:
            break
    return second


def earliest_after_leaving(series: OperationSeries, window: Window, count: i64) -> int:
    """No earlier than this epoch second have `count` operations left the window.

    A lower bound from few whole minutes; at least the next second at which anything leaves.
    """
    soonest = next_to_leave(series, window)
    last: i64 = series.now_second // 60
    minute: i64 = _minute_of_nth(series, count, window.oldest // 60, last)
    return soonest if minute > last else max(soonest, int(minute * 60 + window.length_seconds))


def _minute_of_nth(series: OperationSeries, count: i64, first: i64, last: i64) -> i64:
    """The operation with this number, from 1, happened no earlier than in this one of these minutes, of which only
    the first that are not empty are looked at; past the last one: in none."""
    if last - first >= 2 * len(series.minutes):  # a long window with few minutes in it
        return _minute_of_nth_known(series, count, first, last)
    minute: i64 = first
    looked: i64 = 0
    while minute <= last and looked < MINUTES_LOOKED_AT:
        pane = series.minutes.get(int(minute))
        if pane is not None:
            count -= pane.attempted
            if count <= 0:
                break
            looked += 1
        minute += 1
    return minute


def _minute_of_nth_known(series: OperationSeries, count: i64, first: i64, last: i64) -> i64:
    looked: i64 = 0
    for known in sorted(series.minutes):
        if first <= known <= last:
            if looked == MINUTES_LOOKED_AT:
                return known
            count -= series.minutes[known].attempted
            if count <= 0:
                return known
            looked += 1
    return last + 1
