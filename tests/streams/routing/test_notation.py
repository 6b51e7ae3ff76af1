"""Durations, hours and days as Alertmanager's files write them."""

from collections.abc import Callable

import pytest

from streams.routing.notation import days_of_month, duration_ms, minute_of_day, months, weekdays, years

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("0s", 0), ("5ms", 5), ("30s", 30_000), ("5m", 5 * MINUTE), ("1h30m", 90 * MINUTE), ("1d", DAY),
     ("1w", 7 * DAY), ("2y1w", 737 * DAY), ("1y2w3d4h5m6s7ms", 382 * DAY + 4 * HOUR + 5 * MINUTE + 6007)],
)  # fmt: skip
def test_a_duration(text: str, expected: int) -> None:
    assert duration_ms(text) == expected


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (minute_of_day, "00:00", 0),
        (minute_of_day, "09:30", 570),
        (minute_of_day, "24:00", 1440),
        (weekdays, "Sunday", (0, 0)),
        (weekdays, "monday:friday", (1, 5)),
        (months, "january", (1, 1)),
        (months, "3:May", (3, 5)),
        (months, "12", (12, 12)),
        (years, "2026", (2026, 2026)),
        (years, "2026:2028", (2026, 2028)),
        (days_of_month, "1:5", (1, 5)),
        (days_of_month, "-3:-1", (-3, -1)),
        (days_of_month, "1:-1", (1, -1)),
    ],
)
def test_a_time(read: Callable[[str], object], text: str, expected: object) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read, text)
        for read, texts in {
            duration_ms: ["", "30", "5 m", "1.5h", "1m1h", "-5m", "5M", "1h1h", "101y", "9999999999s", "\uff15m"],
            minute_of_day: ["9:00", "24:01", "25:00", "12:60", "noon", "", "09:00:00"],
            weekdays: ["", "mon", "1", "friday:monday", "monday:", "monday:tuesday:friday", "saturday:sunday"],
            months: ["0", "13", "may:april", "januar", "1:", "-1"],
            years: ["0", "-3", "10000", "2027:2026", "now"],
            days_of_month: ["0", "32", "-32", "5:1", "-1:-3", "-3:1", "20:-20", "first"],
        }.items()
        for text in texts
    ],
)
def test_what_is_none_is_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        read(text)
