"""What is printed as a file and read again is the same."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from episode_monitor.settings.alerting_file import parse_alerting
from episode_monitor.settings.oncall_file import parse_on_call
from streams.routing.alerting import Alerting, OnCall
from streams.routing.chain import Chain, Notify, OnlyIfFiring, Page, Step, Wait
from streams.routing.inhibit_rule import InhibitRule
from streams.routing.route import Node, built
from streams.routing.schedule import Hours, Layer, Schedule
from streams.routing.time_interval import Range, TimeInterval
from testbed.properties import examples
from tests.episode_monitor.alerting_files.printed import alerting_text, on_call_text
from tests.streams.routing.trees import RECEIVERS, matchers, trees

ZONES = st.sampled_from(["UTC", "Asia/Seoul", "America/New_York"])
NAMES = st.text("abc 한'\"#:-\\{[,0", min_size=1, max_size=6)
SIDES = st.lists(matchers(), min_size=1, max_size=2).map(tuple)


def ranges(low: int, high: int) -> st.SearchStrategy[tuple[Range, ...]]:
    one = st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda pair: (min(pair), max(pair)))
    return st.lists(one, max_size=2).map(tuple)


def intervals() -> st.SearchStrategy[TimeInterval]:
    times = ranges(0, 1440).map(lambda found: tuple(one for one in found if one[0] < one[1]))
    return st.builds(
        TimeInterval, times=times, weekdays=ranges(0, 6), days_of_month=ranges(1, 31) | ranges(-31, -1),
        months=ranges(1, 12), years=ranges(2000, 2100), location=ZONES,
    )  # fmt: skip


@examples(200)
@given(
    trees(),
    st.lists(
        st.builds(
            InhibitRule, source_matchers=SIDES, target_matchers=SIDES, equal=st.sampled_from([(), ("project_id",)])
        ),
        max_size=3,
    ),
    st.lists(intervals(), min_size=1, max_size=2).map(tuple),
)
def test_an_alerting_file(root: Node, rules: list[InhibitRule], night: tuple[TimeInterval, ...]) -> None:
    named = {"nights": night, "weekends": (TimeInterval(weekdays=((6, 6),)),)}
    found = parse_alerting(alerting_text(root, RECEIVERS, tuple(rules), named).encode(), "a").alerting
    assert found == Alerting(
        root=built(root),
        receivers=RECEIVERS,
        inhibit_rules=tuple(rules),
        time_intervals=named,
        version=found.version,
    )


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2098, 1, 1)).map(lambda at: at.replace(second=0, microsecond=0))


def hours() -> st.SearchStrategy[Hours]:
    minutes = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda pair: pair[0] != pair[1])
    weekdays = st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found)))
    return st.builds(lambda days, pair: Hours(days, *pair), weekdays, minutes)


def layers() -> st.SearchStrategy[Layer]:
    return st.builds(
        Layer, name=NAMES, people=st.lists(NAMES | st.just(""), min_size=1, max_size=3).filter(any).map(tuple),
        start=MOMENTS, turn_minutes=st.integers(1, 366 * 1440),
        end=st.none() | st.just(datetime(2099, 1, 1)), hours=st.lists(hours(), max_size=2).map(tuple),
    )  # fmt: skip


SCHEDULES = st.builds(
    Schedule, name=NAMES, time_zone=ZONES, receiver=NAMES,
    layers=st.lists(layers(), min_size=1, max_size=3, unique_by=lambda each: each.name).map(tuple),
)  # fmt: skip


@st.composite
def on_calls(draw: st.DrawFn) -> OnCall:
    schedules = draw(st.lists(SCHEDULES, min_size=1, max_size=3, unique_by=lambda each: each.name))
    pages = st.sampled_from([Page(each.name) for each in schedules])
    step: st.SearchStrategy[Step] = st.one_of(
        st.builds(Notify, NAMES), pages, st.integers(1000, 10**10).map(Wait), st.just(OnlyIfFiring())
    )
    chain = st.builds(
        Chain, name=NAMES, matchers=SIDES, repeat=st.integers(0, 9),
        steps=st.lists(step, max_size=3).map(lambda some: (Wait(60_000), *some, Notify("team"))),
    )  # fmt: skip
    return OnCall(
        chains=tuple(draw(st.lists(chain, max_size=3, unique_by=lambda each: each.name))), schedules=tuple(schedules)
    )


@examples(200)
@given(on_calls())
def test_an_on_call_file(on_call: OnCall) -> None:
    found = parse_on_call(on_call_text(on_call).encode(), "o")
    assert found == OnCall(chains=on_call.chains, schedules=on_call.schedules, version=found.version)
