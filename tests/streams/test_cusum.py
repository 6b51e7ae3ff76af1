"""The Bernoulli CUSUM: parameters by hand, and a score that follows from the operations alone."""

import random
from fractions import Fraction
from math import isinf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.alert import Alert
from models.event import Event, EventType
from streams.alerting.cusum import average_run_length, limit_for, weight_of
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import verdict_of
from streams.project.state_codec import canonical, checkpoint, decode
from streams.project.step import step
from testbed.properties import examples
from tests.streams.driving import PROJECT, START_MS, core_with
from tests.streams.lives import arrive
from tests.streams.test_rule_proof import rule_of

RULE = rule_of("{alert_type: HIGH_FAILURE_RATE, cusum: {in_control: 10%, out_of_control: 30%, limit: 14, forget: 10m}}")
CORE = core_with(RULE)
FAILED, SUCCEEDED = EventType.CREATION_FAILED, EventType.CREATION_SUCCEEDED


def test_the_weight_is_the_ratio_of_the_log_likelihoods() -> None:
    assert weight_of(0.01, 0.05) == 39  # ln 5 / ln(0.99 / 0.95) = 1.6094 / 0.04124 = 39.02
    assert weight_of(0.1, 0.3) == 4  # ln 3 / ln(0.9 / 0.7) = 1.0986 / 0.2513 = 4.37
    assert weight_of(0.4, 0.9) == 1  # 0.81 / 1.79


@pytest.mark.parametrize(
    ("weight", "limit", "operations"),
    [(1, 1, 2), (1, 2, 6), (1, 3, 12), (2, 2, 2), (5, 1, 2)],  # half of them bad; by the three equations
)
def test_run_lengths_by_hand(weight: int, limit: int, operations: int) -> None:
    assert average_run_length(0.5, weight, limit) == pytest.approx(operations)


def test_the_limit_is_the_lowest_with_the_wanted_run_length() -> None:
    assert [limit_for(0.5, 1, wanted) for wanted in (1, 2, 2.1, 6, 6.1, 12)] == [1, 1, 2, 2, 3, 3]
    assert limit_for(0.5, 1, 1e30) is None


@examples(60)
@given(st.integers(1, 50), st.integers(1, 6), st.integers(1, 12))
@example(1, 1, 6)  # 970 497 030 300 operations
def test_run_lengths_solve_their_equations(percent: int, weight: int, limit: int) -> None:
    share = Fraction(percent, 100)
    rows = []
    for score in range(limit):  # E(s) - (1-p) E(max(s-1, 0)) - p E(s+w) = 1
        row = [Fraction(0)] * limit + [Fraction(1)]
        row[score] += 1
        row[max(score - 1, 0)] -= 1 - share
        if score + weight < limit:
            row[score + weight] -= share
        rows.append(row)
    for at in range(limit):
        pivot = next(place for place in range(at, limit) if rows[place][at])
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [value / rows[at][at] for value in rows[at]]
        for other in range(limit):
            if other != at:
                factor = rows[other][at]
                rows[other] = [value - factor * mine for value, mine in zip(rows[other], rows[at], strict=True)]
    found, exact = average_run_length(float(share), weight, limit), float(rows[0][-1])
    if isinf(found):
        assert exact > 1e8, "only what floats cannot tell is refused"
    else:
        assert found == pytest.approx(exact, rel=1e-6)


# --- the score of a project


def life_of(chance: random.Random) -> list[Event]:
    """Operations of a quiet project, in bursts, with silences around the time after which a score is forgotten."""
    at, life = 0, []
    for place in range(80):
        at += chance.choice((0, 300, 1000, 5000, 40_000, 130_000, 590_000, 601_000))
        kind = FAILED if chance.random() < 0.4 else SUCCEEDED
        life.append(Event(f"e{place}", kind, PROJECT, START_MS + at, f"e{place}"))
    return life


def plain_score(events: list[Event]) -> tuple[int, bool]:
    """Score and whether it is over, from the operations by second, good ones first."""
    score, is_over, last = 0, False, 0
    for event in sorted(events, key=lambda event: (event.occurred_at_ms // 1000, event.type is FAILED)):
        second = event.occurred_at_ms // 1000
        if second - last > 600:
            score, is_over = 0, False
        last = second
        score = min(score + 4, 14) if event.type is FAILED else max(score - 1, 0)
        is_over = score == 14 or (is_over and score > 0)
    return score, is_over


def lived(events: list[Event], chance: random.Random | None = None) -> tuple[ProjectState, list[Alert]]:
    """A project after these events; with `chance` stored and read again now and then."""
    state, alerts = ProjectState(CORE, PROJECT), []
    for offset, event in enumerate(events):
        alerts += step(CORE, state, event)
        state.applied = offset
        if chance is not None and chance.random() < 0.3:
            state = decode(CORE, PROJECT, checkpoint(state).head, lambda chunk, version: b"")
    return state, alerts


@pytest.mark.parametrize("seed", range(60))
def test_the_score_follows_from_the_operations_in_any_order_within_the_grace(seed: int) -> None:
    chance = random.Random(seed)
    life = life_of(chance)
    arriving = arrive(life, [chance.choice((0, 0, 0, 20_000, 59_000, 60_000)) for _ in life], keep_operations=True)
    for count in (20, 50, 80):
        taken = arriving[:count]
        state, _ = lived(taken)
        assert not state.late
        verdict = verdict_of(CORE, state, RULE)
        assert (verdict.score, verdict.crossed) == plain_score(taken)
        in_order, _ = lived(sorted(taken, key=lambda event: event.occurred_at_ms))
        assert state.cusums == in_order.cusums


@pytest.mark.parametrize("seed", range(30))
def test_a_replay_with_crashes_gives_the_same_state_and_alerts_as_live(seed: int) -> None:
    chance = random.Random(seed)
    life = life_of(chance)
    arriving = arrive(life, [chance.choice((0, 0, 20_000, 60_000, 90_000)) for _ in life], keep_operations=True)
    live, live_alerts = lived(arriving)
    again, alerts = lived(arriving, chance)
    assert alerts == live_alerts
    assert canonical(again) == canonical(live)


def test_without_a_score_nothing_of_it_is_stored() -> None:
    state, _ = lived([Event("e", SUCCEEDED, PROJECT, START_MS, "e")])
    assert not state.cusums
    assert not state.watchful
