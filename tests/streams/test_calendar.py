"""Which day an event time belongs to, days of 23 and 25 hours and days without a midnight included."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.base.calendar import Calendar
from tests.streams.driving import examples

ZONES = ("UTC", "Asia/Seoul", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe",
         "America/Sao_Paulo", "Africa/Cairo", "America/Havana", "Asia/Beirut", "Pacific/Apia")  # fmt: skip


def ms(text: str) -> int:
    """An RFC 3339 time as epoch milliseconds."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def day_of(zone: str, text: str) -> str:
    return date.fromordinal(Calendar(zone).day(ms(text))).isoformat()


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("UTC", "2025-10-09T23:59:59.999Z", "2025-10-09"),
        ("UTC", "2025-10-10T00:00:00.000Z", "2025-10-10"),
        ("Asia/Seoul", "2025-10-09T14:59:59.999Z", "2025-10-09"),
        ("Asia/Seoul", "2025-10-09T15:00:00.000Z", "2025-10-10"),
        # New York, 2025-03-09: a day of 23 hours
        ("America/New_York", "2025-03-09T04:59:59.999Z", "2025-03-08"),
        ("America/New_York", "2025-03-09T05:00:00Z", "2025-03-09"),
        ("America/New_York", "2025-03-10T03:59:59.999Z", "2025-03-09"),
        ("America/New_York", "2025-03-10T04:00:00Z", "2025-03-10"),
        # New York, 2025-11-02: a day of 25 hours
        ("America/New_York", "2025-11-02T04:00:00Z", "2025-11-02"),
        ("America/New_York", "2025-11-03T04:59:59.999Z", "2025-11-02"),
        ("America/New_York", "2025-11-03T05:00:00Z", "2025-11-03"),
        # Cairo, 2025-04-25: the clock goes from 00:00 to 01:00, so that the day has no midnight
        ("Africa/Cairo", "2025-04-24T21:59:59.999Z", "2025-04-24"),
        ("Africa/Cairo", "2025-04-24T22:00:00Z", "2025-04-25"),
        # Havana, 2025-11-02: it is midnight twice, and both belong to the second
        ("America/Havana", "2025-11-02T04:00:00Z", "2025-11-02"),
        ("America/Havana", "2025-11-02T05:00:00Z", "2025-11-02"),
        # Apia, 2011: there was no 30 December
        ("Pacific/Apia", "2011-12-30T09:59:59.999Z", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
    ],
)
def test_a_moment_belongs_to_its_local_day(zone: str, moment: str, day: str) -> None:
    assert day_of(zone, moment) == day


@examples(200)
@given(
    zone=st.sampled_from(ZONES),
    moments=st.lists(
        st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC)),
        min_size=1, max_size=5,
    ),
    near=st.sampled_from((-1, 0, 1)),
)  # fmt: skip
def test_whatever_was_asked_before_the_day_is_the_local_date(zone: str, moments: list[datetime], near: int) -> None:
    calendar = Calendar(zone)
    for moment in moments:
        local_midnight = datetime(moment.year, moment.month, moment.day, tzinfo=ZoneInfo(zone))
        for asked in (moment, local_midnight + timedelta(milliseconds=near), moment + timedelta(hours=23)):
            at_ms = ms(asked.isoformat())
            expected = datetime.fromtimestamp(at_ms // 1000, ZoneInfo(zone)).date()
            assert date.fromordinal(calendar.day(at_ms)) == expected


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        Calendar("Asia/Soul")
