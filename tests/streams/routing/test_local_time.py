"""Local times over clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.times import epoch_ms
from streams.routing.local_time import local_time, moment
from testbed.properties import examples

ZONES = ["America/New_York", "Australia/Lord_Howe", "Asia/Seoul", "Pacific/Apia", "UTC"]


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        ("America/New_York", "2026-03-08 01:59", "2026-03-08 06:59"),
        ("America/New_York", "2026-03-08 02:00", "2026-03-08 07:00"),
        ("America/New_York", "2026-03-08 02:30", "2026-03-08 07:00"),  # skipped: the moment of the change
        ("America/New_York", "2026-03-08 03:00", "2026-03-08 07:00"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"),  # twice: the first
        ("America/New_York", "2026-11-01 02:00", "2026-11-01 07:00"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30"),  # clocks move by half an hour
        ("Australia/Lord_Howe", "2026-10-04 02:30", "2026-10-03 15:30"),
        ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45"),
        ("Asia/Seoul", "2026-03-08 02:30", "2026-03-07 17:30"),
        ("Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00"),  # a day that was left out
    ],
)
def test_a_local_time_has_one_moment(zone: str, local: str, utc: str) -> None:
    expected = epoch_ms(datetime.fromisoformat(utc).replace(tzinfo=UTC))
    assert moment(datetime.fromisoformat(local), ZoneInfo(zone)) == expected


def test_the_second_time_is_asked_for() -> None:
    local, zone = datetime(2026, 11, 1, 1, 30), ZoneInfo("America/New_York")
    assert moment(local, zone, second=True) - moment(local, zone) == 3_600_000
    assert moment(local + timedelta(days=1), zone, second=True) == moment(local + timedelta(days=1), zone)


@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)),
    st.timedeltas(timedelta(), timedelta(hours=30)),
)
@examples(300)
def test_later_local_times_are_never_earlier_moments(name: str, local: datetime, later: timedelta) -> None:
    zone = ZoneInfo(name)
    local = local.replace(microsecond=0)
    assert moment(local, zone) <= moment(local + timedelta(seconds=int(later.total_seconds())), zone)


@given(st.sampled_from(ZONES), st.integers(0, 4_000_000_000))
@examples(200)
def test_a_moment_shows_a_local_time_that_leads_back(name: str, second: int) -> None:
    zone = ZoneInfo(name)
    local = local_time(second * 1000, zone)
    assert second * 1000 in (moment(local, zone), moment(local, zone, second=True))
