"""Retry-After: seconds, the three forms of dates, and everything else that servers send."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alert_sinks.retry_after import retry_after_seconds

NOW_MS = 784_111_777_000  # Sun, 06 Nov 1994 08:49:37 GMT, the example date of RFC 9110


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("9" * 5000, 3600.0),
        ("Sun, 06 Nov 1994 08:50:07 GMT", 30.0),
        ("Sunday, 06-Nov-94 08:50:07 GMT", 30.0),
        ("Sun Nov  6 08:50:07 1994", 30.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sat, 05 Nov 1994 08:49:37 GMT", 0.0),
        ("Mon, 07 Nov 1994 08:49:37 GMT", 3600.0),
    ],
)
def test_a_usable_header_is_a_wait_of_at_most_an_hour(header: str, seconds: float) -> None:
    assert retry_after_seconds(header, NOW_MS) == seconds


def test_a_date_without_a_zone_is_gmt_wherever_the_monitor_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Seoul")
        time.tzset()
        try:
            wait = retry_after_seconds("Sun Nov  6 08:50:07 1994", NOW_MS)
        finally:
            elsewhere.undo()
            time.tzset()

    assert wait == 30.0


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "soon",
        "-5",
        "+5",
        "1.5",
        "1e3",
        "0x10",
        "٣",
        "NaN",
        "5, 5",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Nov 1994",
    ],
)
def test_garbage_counts_as_absent(header: str | None) -> None:
    assert retry_after_seconds(header, NOW_MS) is None


@given(st.text() | st.from_regex(r"\A[A-Z][a-z]{2}, \d{1,4} [A-Z][a-z]{2} \d{1,6} [\d:]{1,12}( [-+A-Z0-9]{1,6})?\Z"))
def test_no_header_can_raise_or_wait_longer_than_an_hour(header: str) -> None:
    wait = retry_after_seconds(header, NOW_MS)

    assert wait is None or 0.0 <= wait <= 3600.0


@given(st.integers(0, 3600))
def test_a_date_and_its_seconds_mean_the_same(seconds: int) -> None:
    date = formatdate(NOW_MS // 1000 + seconds, usegmt=True)

    assert retry_after_seconds(date, NOW_MS) == retry_after_seconds(str(seconds), NOW_MS) == seconds
