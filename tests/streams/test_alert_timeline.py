"""Nothing crosses a threshold unnoticed: the core tells what a watcher tells that looks at every moment."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from faults.reference import Meaning
from models.alert import Severity
from models.event import Event
from streams.alerting import rule_types
from streams.alerting.rule import Rule
from streams.alerting.statistics import BurnRate
from streams.project.fingerprint import facts
from streams.project.project_state import ProjectState
from streams.project.step import advance, step
from tests.streams.driving import INTEGRITY, PROJECT, START_MS, core_with, examples, rule
from tests.streams.lives import NUMBERING, ORDINARY, arrivals, lives, with_resends
from tests.streams.watching import Told, Watcher

SETTLE_MS = 20_500


def told_by_the_core(rules: tuple[Rule, ...], events: list[Event], until_ms: int) -> list[Told]:
    """Transitions of one project, up to a moment."""
    core = core_with(*rules, settle_ms=SETTLE_MS)
    state = ProjectState(core, PROJECT)
    alerts = [alert for event in events for alert in step(core, state, event)]
    alerts += advance(core, state, until_ms)
    assert state.deadline_ms is None or state.deadline_ms > until_ms
    ids = [alert.transition_id for alert in alerts]
    assert len(set(ids)) == len(ids), "two transitions with one name"
    return [(a.updated_at_ms, a.rule_id, a.status.value, a.reason) for a in alerts]


rates = st.builds(
    rule,
    st.sampled_from((rule_types.FAILURE_RATE, rule_types.CONFLICT_RATE, rule_types.RETRY_RATE)),
    st.sampled_from(("0", "1.0", "20", "33.3", "50", "80")),
    severity=st.sampled_from((Severity.WARNING, Severity.CRITICAL)),
    window_minutes=st.sampled_from((1, 2)),
    min_samples=st.sampled_from((1, 1, 3, 6)),
    min_bad=st.sampled_from((1, 1, 2, 3)),
    for_seconds=st.sampled_from((0, 0, 10, 61)),
    keep_firing_seconds=st.sampled_from((0, 0, 10, 61)),
    confidence=st.sampled_from((None, None, Decimal(80), Decimal(95))),
    burn_rate=st.none(),
)
BURNING = BurnRate(objective=Decimal(90), factor=Decimal(3), long_minutes=2, short_minutes=1)
burns = st.builds(
    rule,
    st.just(rule_types.FAILURE_RATE),
    st.just("30"),
    window_minutes=st.just(2),
    min_samples=st.sampled_from((1, 1, 6)),
    min_bad=st.sampled_from((1, 1, 3)),
    for_seconds=st.sampled_from((0, 0, 10)),
    confidence=st.sampled_from((None, None, Decimal(80))),
    burn_rate=st.just(BURNING),
)
WAITS_MS = (0, 1, 1000, 1999, 7000, 31_000, 60_000, 61_001)


@examples(250)
@given(
    life=lives(*ORDINARY, *ORDINARY, *NUMBERING, waits_ms=WAITS_MS, max_size=25),
    drawn=st.lists(rates | burns, max_size=3),
    slow=st.booleans(),
    later_ms=st.sampled_from((0, 60_000, 1_000_000)),
)
def test_the_core_tells_what_one_tells_who_looks_all_the_time(
    life: list[Event], drawn: list[Rule], slow: bool, later_ms: int
) -> None:
    named = [rule(one.measure, str(one.threshold), **_others(one), rule_id=f"r{i}") for i, one in enumerate(drawn)]
    slows = [rule(rule_types.SLOW_CREATION, "5", window_minutes=1)] if slow else []
    rules = (*named, *slows, INTEGRITY)
    until_ms = max([START_MS, *(event.occurred_at_ms for event in life)]) + later_ms
    expected = Watcher(rules, Meaning(settle_ms=SETTLE_MS)).watch(life, until_ms)
    assert told_by_the_core(rules, life, until_ms) == expected


@examples(300)
@given(
    life=lives("create", "create", "fail", waits_ms=(0, 1000, 7000, 13_000), max_size=25),
    one=rates.filter(lambda one: one.measure is rule_types.FAILURE_RATE) | burns,
)
def test_a_threshold_that_is_crossed_because_good_operations_leave_is_noticed_in_that_second(
    life: list[Event], one: Rule
) -> None:
    until_ms = max([START_MS, *(event.occurred_at_ms for event in life)]) + 200_000
    expected = Watcher((one,), Meaning(settle_ms=SETTLE_MS)).watch(life, until_ms)
    assert told_by_the_core((one,), life, until_ms) == expected


@examples(300)
@given(data=st.data())
def test_who_judges_only_when_he_must_tells_and_remembers_what_one_does_who_judges_at_every_event(
    data: st.DataObject,
) -> None:
    drawn = data.draw(st.lists(rates | burns, min_size=1, max_size=3))
    named = [rule(one.measure, str(one.threshold), **_others(one), rule_id=f"r{i}") for i, one in enumerate(drawn)]
    numbers = rule(rule_types.INTEGRITY, data.draw(st.sampled_from(("0", "1", "2.5"))), for_seconds=10 * len(drawn))
    core = core_with(*named, numbers, settle_ms=SETTLE_MS)
    life = data.draw(lives(*ORDINARY, *ORDINARY, *NUMBERING, waits_ms=WAITS_MS, max_size=30))
    when_needed, always = ProjectState(core, PROJECT), ProjectState(core, PROJECT)
    for event in data.draw(arrivals(life).flatmap(with_resends)):
        always.needs_evaluation = True
        assert step(core, when_needed, event) == step(core, always, event)
        assert when_needed.alerts == always.alerts
    until_ms = when_needed.now_ms + 1_000_000
    assert advance(core, when_needed, until_ms) == advance(core, always, until_ms)
    assert facts(when_needed) == facts(always)


def _others(one: Rule) -> dict[str, object]:
    names = (
        "severity", "window_minutes", "min_samples", "min_bad", "for_seconds", "keep_firing_seconds", "confidence",
        "burn_rate",
    )  # fmt: skip
    return {name: getattr(one, name) for name in names}
