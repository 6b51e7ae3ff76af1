"""Who is on call: hand-overs over clock changes, layers, hours, overrides, and one answer at every moment."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.times import epoch_ms
from streams.routing.schedule import Hours, Layer, Override, Schedule
from streams.routing.shifts import HORIZON_MS, following, shifts, who
from testbed.properties import examples

HOUR, DAY = 3_600_000, 86_400_000
WEEK_MINUTES, DAY_MINUTES = 10_080, 1440
WEEKDAYS, WEEKEND = (0, 1, 2, 3, 4), (5, 6)


def ms(text: str, zone: str = "UTC") -> int:
    return epoch_ms(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def layer(*people: str, name: str = "main", start: str = "2026-01-05 09:00", turn: int = WEEK_MINUTES,
          hours: tuple[Hours, ...] = (), end: str | None = None) -> Layer:  # fmt: skip
    ends = None if end is None else datetime.fromisoformat(end)
    return Layer(
        name=name, people=people, start=datetime.fromisoformat(start), turn_minutes=turn, hours=hours, end=ends
    )


def schedule(*layers: Layer, zone: str = "Asia/Seoul", overrides: tuple[Override, ...] = ()) -> Schedule:
    return Schedule(name="primary", time_zone=zone, receiver="on-call", layers=layers, overrides=overrides)


def on_call(of: Schedule, local: str) -> tuple[str | None, str]:
    shift = who(of, ms(local, of.time_zone))
    return shift.person, shift.source


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("America/New_York", "2026-03-07 09:00", "2026-03-08 09:00"),  # 23 hours
        ("America/New_York", "2026-10-31 09:00", "2026-11-01 09:00"),  # 25 hours
        ("Australia/Lord_Howe", "2026-10-03 09:00", "2026-10-04 09:00"),  # 23.5 hours
        ("Australia/Lord_Howe", "2026-04-04 09:00", "2026-04-05 09:00"),  # 24.5 hours
        ("Asia/Seoul", "2026-03-07 09:00", "2026-03-08 09:00"),
    ],
)
def test_a_daily_hand_over_stays_at_nine_over_a_clock_change(zone: str, before: str, after: str) -> None:
    daily = schedule(layer("kim", "lee", start="2026-01-01 09:00", turn=DAY_MINUTES), zone=zone)
    found = who(daily, ms(before, zone))
    assert (found.since_ms, found.until_ms) == (ms(before, zone), ms(after, zone))
    then = who(daily, ms(after, zone))
    assert then.since_ms == ms(after, zone)
    assert {found.person, then.person} == {"kim", "lee"}
    assert who(daily, ms(after, zone) - 1).person == found.person


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Asia/Seoul"])
def test_every_hand_over_of_a_year_is_at_nine_local_time(zone: str) -> None:
    weekly = schedule(layer("kim", "lee", "park"), zone=zone)
    year = shifts(weekly, ms("2026-01-05 09:00", zone), ms("2027-01-04 09:00", zone))
    begins = [datetime.fromtimestamp((shift.since_ms or 0) / 1000, ZoneInfo(zone)) for shift in year]
    assert {(each.hour, each.minute, each.weekday()) for each in begins} == {(9, 0, 0)}
    assert [shift.person for shift in year[:4]] == ["kim", "lee", "park", "kim"]
    assert len(year) == 52


def test_a_hand_over_in_the_skipped_hour_is_at_the_change() -> None:
    nightly = schedule(layer("kim", "lee", start="2026-03-01 02:30", turn=DAY_MINUTES), zone="America/New_York")
    shift = who(nightly, ms("2026-03-08 12:00", "America/New_York"))
    assert shift.since_ms == ms("2026-03-08 03:00", "America/New_York")
    assert shift.until_ms == ms("2026-03-09 02:30", "America/New_York")


def test_turns_of_one_hour_lose_one_where_the_clocks_skip_it_and_have_a_long_one_where_it_comes_twice() -> None:
    hourly = schedule(layer("a", "b", "c", start="2026-01-01 00:00", turn=60), zone="America/New_York")
    spring = shifts(hourly, ms("2026-03-08 05:00"), ms("2026-03-08 09:00"))
    assert [((each.until_ms or 0) - (each.since_ms or 0)) // HOUR for each in spring] == [1, 1, 1, 1]
    assert [each.person for each in spring] == ["a", "b", "a", "b"]  # that of c, 02:00, is skipped
    autumn = shifts(hourly, ms("2026-11-01 04:00"), ms("2026-11-01 08:00"))
    assert [((each.until_ms or 0) - (each.since_ms or 0)) // HOUR for each in autumn] == [1, 2, 1]


def test_outside_its_hours_a_layer_is_empty_and_the_next_has_the_shift_and_it_is_said() -> None:
    office = layer("kim", name="office", hours=(Hours(WEEKDAYS, 540, 1080),))
    rest = layer("park", "choi", name="rest")
    both = schedule(office, rest)
    assert on_call(both, "2026-01-05 09:00") == ("kim", "layer office")
    assert on_call(both, "2026-01-05 17:59") == ("kim", "layer office")
    assert on_call(both, "2026-01-05 18:00") == ("park", "layer rest")
    evening = who(both, ms("2026-01-05 20:00", "Asia/Seoul"))
    assert evening.empty_layers == ("Layer office is empty: outside its hours.",)
    assert evening.until_ms == ms("2026-01-06 09:00", "Asia/Seoul")
    friday = who(both, ms("2026-01-09 18:00", "Asia/Seoul"))
    assert friday.until_ms == ms("2026-01-12 09:00", "Asia/Seoul")
    after = following(both, friday)
    assert after is not None
    assert (after.person, after.until_ms) == ("kim", ms("2026-01-12 18:00", "Asia/Seoul"))


def test_an_empty_turn_falls_through_and_says_so() -> None:
    shift = who(schedule(layer("kim", ""), layer("park", name="backup")), ms("2026-01-13 00:00", "Asia/Seoul"))
    assert (shift.person, shift.source) == ("park", "layer backup")
    assert shift.empty_layers == ("Layer main is empty: its turn has no person.",)


def test_before_its_start_and_after_its_end_a_layer_is_empty() -> None:
    short = schedule(layer("kim", end="2026-01-07 09:00"))
    before = who(short, ms("2026-01-05 08:59", "Asia/Seoul"))
    assert (before.person, before.source, before.since_ms) == (None, "nobody", None)
    assert before.until_ms == ms("2026-01-05 09:00", "Asia/Seoul")
    assert before.empty_layers == ("Layer main is empty: it has not begun.",)
    assert who(short, ms("2026-01-06 09:00", "Asia/Seoul")).until_ms == ms("2026-01-07 09:00", "Asia/Seoul")
    after = who(short, ms("2026-01-07 09:00", "Asia/Seoul"))
    assert (after.person, after.until_ms) == (None, None)
    assert after.empty_layers == ("Layer main is empty: it has ended.",)
    assert following(short, after) is None


def test_hours_over_midnight_belong_to_the_day_they_begin_on() -> None:
    nights = schedule(layer("kim", hours=(Hours(WEEKEND, 1320, 360),)))
    assert on_call(nights, "2026-01-10 21:59")[0] is None
    assert on_call(nights, "2026-01-10 22:00")[0] == "kim"  # Saturday
    assert on_call(nights, "2026-01-12 05:59")[0] == "kim"  # Monday: Sunday's night
    assert on_call(nights, "2026-01-12 06:00")[0] is None


def test_an_override_has_the_shift_and_the_last_of_several_counts() -> None:
    covered = schedule(
        layer("kim"),
        overrides=(
            Override(person="lee", since_ms=ms("2026-01-06 00:00"), until_ms=ms("2026-01-08 00:00")),
            Override(person="park", since_ms=ms("2026-01-07 00:00"), until_ms=ms("2026-01-07 12:00")),
        ),
    )
    answers = [
        (each.person, each.source)
        for each in shifts(covered, ms("2026-01-05 12:00"), ms("2026-01-08 12:00"))
    ]  # fmt: skip
    assert answers == [
        ("kim", "layer main"),
        ("lee", "override"),
        ("park", "override"),
        ("lee", "override"),
        ("kim", "layer main"),
    ]
    cut = who(covered, ms("2026-01-05 12:00"))
    assert (cut.since_ms, cut.until_ms) == (ms("2026-01-05 09:00", "Asia/Seoul"), ms("2026-01-06 00:00"))


def test_a_person_is_paged_through_a_receiver_of_their_own_where_there_is_one() -> None:
    of = Schedule(name="s", time_zone="UTC", receiver="on-call", layers=(), receivers={"kim": "kim-phone"})
    assert [of.receiver_of(each) for each in ("kim", "lee", None)] == ["kim-phone", "on-call", "on-call"]


PEOPLE = st.lists(st.sampled_from(["kim", "lee", "park", ""]), min_size=1, max_size=4)
HOURS = st.lists(
    st.builds(
        Hours,
        st.lists(st.integers(0, 6), min_size=1, unique=True).map(tuple),
        st.sampled_from([0, 90, 120, 540]),
        st.sampled_from([0, 60, 150, 1080, 1440]),
    ),
    max_size=2,
).map(tuple)
MOMENTS = st.integers(ms("2025-10-01"), ms("2026-12-01")).map(lambda at: at // 60_000 * 60_000)


@st.composite
def any_schedule(draw: st.DrawFn) -> Schedule:
    layers = tuple(
        layer(
            *draw(PEOPLE),
            name=f"layer {number}",
            start=draw(st.sampled_from(["2026-01-05 09:00", "2025-11-02 02:30", "2026-03-01 01:15"])),
            turn=draw(st.sampled_from([60, 720, DAY_MINUTES, 3 * DAY_MINUTES, WEEK_MINUTES])),
            hours=draw(HOURS),
        )
        for number in range(draw(st.integers(1, 3)))
    )
    overrides = tuple(
        Override(person="choi", since_ms=since, until_ms=since + length * HOUR)
        for since, length in draw(st.lists(st.tuples(MOMENTS, st.integers(1, 200)), max_size=3))
    )
    zone = draw(st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Asia/Seoul"]))
    return schedule(*layers, zone=zone, overrides=overrides)


@given(any_schedule(), MOMENTS, st.lists(st.integers(0, 5 * DAY), min_size=1, max_size=5))
@examples(200)
def test_at_every_moment_there_is_one_answer_and_shifts_tile_the_time(
    of: Schedule, start: int, offsets: list[int]
) -> None:
    tiles = shifts(of, start, start + 5 * DAY)
    for before, after in pairwise(tiles):
        assert before.until_ms == after.since_ms
        assert (before.person, before.source) != (after.person, after.source) or before.person is not None
    assert tiles[0].since_ms is None or tiles[0].since_ms <= start
    assert tiles[-1].until_ms is None or tiles[-1].until_ms >= start + 5 * DAY
    for offset in offsets:
        at_ms = start + offset
        holding = [
            tile
            for tile in tiles
            if (tile.since_ms is None or tile.since_ms <= at_ms) and (tile.until_ms is None or at_ms < tile.until_ms)
        ]
        found = who(of, at_ms)
        assert len(holding) == 1 or at_ms >= (tiles[-1].until_ms or HORIZON_MS * 999)
        if holding:
            assert (found.person, found.source) == (holding[0].person, holding[0].source)
            if None not in (found.since_ms, holding[0].since_ms):
                assert found.since_ms == holding[0].since_ms


@given(any_schedule(), MOMENTS)
@examples(100)
def test_the_first_layer_with_a_person_has_the_shift(of: Schedule, at_ms: int) -> None:
    """Against the plain reading: overrides from the last, then layers from the first, each asked alone."""
    expected = next((o.person for o in reversed(of.overrides) if o.since_ms <= at_ms < o.until_ms), None)
    for each in of.layers:
        alone = who(schedule(each, zone=of.time_zone), at_ms).person
        expected = expected or alone
    assert who(of, at_ms).person == expected
