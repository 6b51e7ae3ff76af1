"""No rule is resolved by a window that late events can still change."""

import random
from fractions import Fraction

import pytest

from faults.reference import Meaning, Reference
from models.alert import AlertStatus
from models.event import Event, EventType
from streams.alerting import rule_types
from streams.alerting.verdict import Reason
from streams.project.project_state import ProjectState
from streams.project.step import advance, step
from tests.streams.driving import PROJECT, START_MS, core_with, rule
from tests.streams.lives import arrive

GRACE_MS = 120_000  # longer than the window: what comes late may have left it already
FAILED, SUCCEEDED = EventType.CREATION_FAILED, EventType.CREATION_SUCCEEDED
RULE = rule(rule_types.FAILURE_RATE, "34", window_minutes=1)
ENDED = (Reason.BACK_TO_NORMAL.value, Reason.NO_OPERATIONS.value)


@pytest.mark.parametrize("seed", range(60))
def test_the_window_by_which_a_rule_is_resolved_is_not_crossed_whatever_comes_later(seed: int) -> None:
    chance = random.Random(seed)
    life = [
        Event(f"e{i}", FAILED if chance.random() < 0.2 else SUCCEEDED, PROJECT, START_MS + 10_000 * i, f"e{i}")
        for i in range(120)
    ]
    delays_ms = [chance.choice((0, 0, 90_000, 119_000)) for _ in life]
    arriving = arrive(life, delays_ms, keep_operations=True)
    core, reference = core_with(RULE, grace_ms=GRACE_MS), Reference(Meaning(grace_ms=GRACE_MS)).take_all(arriving)
    state = ProjectState(core, PROJECT)
    alerts = [alert for event in arriving for alert in step(core, state, event)]
    alerts += advance(core, state, state.now_ms + 10 * GRACE_MS)
    for alert in alerts:
        if alert.status is AlertStatus.RESOLVED:
            assert alert.reason in ENDED
            last = (alert.updated_at_ms - GRACE_MS) // 1000
            inside = reference.counted(a for a in reference.attempts() if last - 60 < a.at_ms // 1000 <= last)
            bad, whole = inside.get("failed", 0), inside.get("ended", 0)
            assert not whole or Fraction(100 * bad, whole) <= 34
