"""A core that recovers emits again what it had emitted and not stored: nobody is notified of that twice."""

from models.alert import Alert, AlertStatus, Severity
from streams.dispatch.config import default_config
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Transition
from streams.dispatch.state import State
from tests.streams.dispatch.scripts import START_MS, alert

CONFIG = default_config()


def took(state: State, *alerts: Alert) -> list[str]:
    """What these transitions, a second apart, notify of."""
    found = []
    for at, each in enumerate(alerts):
        now_ms = max(state.meta.clock_ms, START_MS) + 1_000 * (at + 1)
        for one in decide(CONFIG, state, Transition(alert=each), now_ms).notifications:
            found += [f"{shown.alert_id} {shown.status.value} {shown.severity.value}" for shown in one.alerts]
    return found


def test_an_earlier_firing_that_is_emitted_again_changes_nothing() -> None:
    first = [alert("p1", number=1, at_ms=START_MS), alert("p1", AlertStatus.RESOLVED, number=1, at_ms=START_MS)]
    second = alert("p1", number=2, at_ms=START_MS + 60_000)
    state = State()
    assert took(state, *first, second) == [
        "rate:p1#1 firing warning",
        "rate:p1#1 resolved warning",
        "rate:p1#2 firing warning",
    ]
    assert took(state, *first, second) == []
    assert state.alerts["rate:p1"].record.alert == second


def test_a_milder_transition_that_is_emitted_again_is_not_news_and_neither_is_the_severer_one() -> None:
    mild = alert("p1", severity=Severity.WARNING, at_ms=START_MS)
    severe = alert("p1", severity=Severity.CRITICAL, at_ms=START_MS + 5_000)
    state = State()
    assert took(state, mild, severe) == ["rate:p1#1 firing warning", "rate:p1#1 firing critical"]
    assert took(state, mild, severe) == []
    assert state.alerts["rate:p1"].record.openings == 1


def test_a_later_firing_ends_the_one_before_that_was_never_said_to_end() -> None:
    state = State()
    took(state, alert("p1", number=1, at_ms=START_MS))
    assert took(state, alert("p1", number=2, at_ms=START_MS + 1)) == [
        "rate:p1#2 firing warning",
        "rate:p1#1 resolved warning",
    ]
