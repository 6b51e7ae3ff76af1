"""Time intervals hold the moments that Alertmanager's hold."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.times import epoch_ms
from streams.routing.time_interval import TimeInterval, changes_at, lies_in
from testbed.properties import examples

NIGHT = TimeInterval(times=((0, 360), (1320, 1440)))
WORKDAYS = TimeInterval(weekdays=((1, 5),), times=((540, 1080),), location="Asia/Seoul")
MONTH_END = TimeInterval(days_of_month=((-3, -1),))
LATE_DAYS = TimeInterval(days_of_month=((30, 31),))
SUMMER = TimeInterval(months=((6, 8),), years=((2026, 2027),))
NEW_YORK_SMALL_HOURS = TimeInterval(times=((90, 150),), location="America/New_York")


def ms(text: str) -> int:
    return epoch_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("interval", "utc", "holds"),
    [
        (NIGHT, "2026-01-01 00:00", True),
        (NIGHT, "2026-01-01 05:59:59", True),
        (NIGHT, "2026-01-01 06:00", False),
        (NIGHT, "2026-01-01 23:59:59", True),
        (WORKDAYS, "2026-01-05 00:00", True),  # Monday 09:00 in Seoul
        (WORKDAYS, "2026-01-04 23:59", False),
        (WORKDAYS, "2026-01-09 08:59", True),
        (WORKDAYS, "2026-01-09 09:00", False),  # Friday 18:00
        (WORKDAYS, "2026-01-10 03:00", False),
        (MONTH_END, "2026-02-25 23:59", False),
        (MONTH_END, "2026-02-26 00:00", True),
        (MONTH_END, "2024-02-26 12:00", False),
        (MONTH_END, "2024-02-29 12:00", True),
        (LATE_DAYS, "2026-02-28 12:00", False),  # it has no 30th, and nothing takes its place
        (LATE_DAYS, "2026-04-30 12:00", True),
        (SUMMER, "2026-08-31 23:59", True),
        (SUMMER, "2026-09-01 00:00", False),
        (SUMMER, "2028-07-01 00:00", False),
        (NEW_YORK_SMALL_HOURS, "2026-11-01 05:45", True),  # 01:45, the first time
        (NEW_YORK_SMALL_HOURS, "2026-11-01 06:15", False),  # 01:15, the second time
        (NEW_YORK_SMALL_HOURS, "2026-11-01 06:45", True),
        (TimeInterval(), "2026-01-01 00:00", True),
    ],
)
def test_a_moment_lies_in_an_interval(interval: TimeInterval, utc: str, holds: bool) -> None:
    assert interval.contains(ms(utc)) is holds


@pytest.mark.parametrize(
    ("interval", "utc", "expected"),
    [
        (NIGHT, "2026-01-01 05:00", "2026-01-01 06:00"),
        (NIGHT, "2026-01-01 12:00", "2026-01-01 22:00"),
        (NIGHT, "2026-01-01 23:00", "2026-01-02 06:00"),  # midnight is no change
        (WORKDAYS, "2026-01-09 09:00", "2026-01-12 00:00"),
        (NEW_YORK_SMALL_HOURS, "2026-11-01 05:45", "2026-11-01 06:00"),  # the clocks go back to 01:00
        (NEW_YORK_SMALL_HOURS, "2026-11-01 06:00", "2026-11-01 06:30"),
        (NEW_YORK_SMALL_HOURS, "2026-03-08 06:40", "2026-03-08 07:00"),  # 02:30 is skipped
        (MONTH_END, "2026-02-26 00:00", "2026-03-01 00:00"),
        (TimeInterval(), "2026-01-01 00:00", None),
        (TimeInterval(years=((2030, 2030),)), "2026-01-01 00:00", None),
    ],
)
def test_the_next_change_is_known(interval: TimeInterval, utc: str, expected: str | None) -> None:
    assert changes_at(["x"], {"x": (interval,)}, ms(utc)) == (None if expected is None else ms(expected))


@given(
    st.sampled_from([NIGHT, WORKDAYS, MONTH_END, NEW_YORK_SMALL_HOURS]),
    st.integers(0, 366 * 1440),
)
@examples(100)
def test_nothing_changes_before_the_next_change(interval: TimeInterval, minute: int) -> None:
    at_ms = ms("2026-01-01 00:00") + minute * 60_000
    change = changes_at(["x"], {"x": (interval,)}, at_ms)
    assert change is not None
    now = interval.contains(at_ms)
    assert interval.contains(change) is not now
    last = min(change, at_ms + int(timedelta(days=4) / timedelta(milliseconds=1)))
    assert {interval.contains(each) for each in range(at_ms, last, 60_000)} == {now}


def test_the_interval_that_holds_the_moment_is_named() -> None:
    intervals = {"nights": (NIGHT,), "work": (WORKDAYS,)}
    assert lies_in(["nights", "work"], intervals, ms("2026-01-05 03:00")) == "nights"
    assert lies_in(["work", "nights"], intervals, ms("2026-01-05 03:00")) == "work"
    assert lies_in(["work"], intervals, ms("2026-01-05 12:00")) is None
