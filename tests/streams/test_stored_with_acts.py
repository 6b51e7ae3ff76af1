"""States as a version stored them that kept in them what people did with an alert (`stored_with_acts.json`): the rule's
part goes on under the same id. What people did the dispatcher takes from the alerts topic."""

import json
from pathlib import Path

import pytest

from models.alert import Alert
from streams.alerting import rule_types
from streams.alerting.alert_state import AlertState
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import active_alerts
from streams.project.state_codec import checkpoint, decode, read_head
from streams.project.step import advance
from tests.streams.driving import INTEGRITY, PROJECT, Driven, at_ms, core_with, rule, told

STORED = json.loads(Path(__file__).with_name("stored_with_acts.json").read_text())
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CORE = core_with(INTEGRITY, rule(rule_types.FAILURE_RATE, "50", rule_id="f", window_minutes=10, for_seconds=300))
FIRES = ("fires", "escalated", "acknowledged", "silenced", "resolved by a person")
PENDS = ("pending", "pending, resolved by a person")


def read(name: str) -> Driven:
    """A project from what was stored of it."""
    p = Driven(CORE)
    p.state = decode(CORE, PROJECT, bytes.fromhex(STORED[name]), _no_chunk)
    return p


def _no_chunk(chunk: int, version: int) -> bytes:
    raise AssertionError("a small project has no chunk of its own")


def fired() -> Driven:
    """Gaps 1 and 2, as the stored ones have."""
    p = Driven(CORE)
    p.created(0, 3)
    p.until(61)
    return p


def ids(alerts: list[Alert]) -> list[str]:
    return [alert.alert_id for alert in alerts]


@pytest.mark.parametrize("name", FIRES)
def test_an_alert_fires_on_under_its_id_whatever_people_did_and_emits_nothing_more(name: str) -> None:
    p = read(name)
    assert p.state.alerts == {
        "integrity": AlertState(at_ms(60), at_ms(60), at_ms(60), 0, findings=2, rose_at_ms=0, trace_ids=[])
    }
    assert ids(active_alerts(CORE, p.state)) == ids(fired().alerts)
    p.until(9000)
    assert p.alerts == []
    p.created(9000, 1, event_id="a")
    p.created(9001, 2, event_id="b")
    assert told(p.alerts) == [("integrity", "resolved", "back_to_normal", 9001)]
    assert ids(p.alerts) == ids(fired().alerts)


@pytest.mark.parametrize("name", FIRES)
def test_a_further_gap_is_emitted_also_after_a_person_resolved_the_alert(name: str) -> None:
    p = read(name)
    p.created(500, 5, event_id="a")
    p.until(9000)
    assert told(p.alerts) == [("integrity", "firing", "findings_rose", 560)]
    assert ids(p.alerts) == ids(fired().alerts)


@pytest.mark.parametrize(("name", "fires_at"), [("pending", 300), ("pending, resolved by a person", 301)])
def test_a_pending_alert_fires_when_it_was_crossed_for_long_enough(name: str, fires_at: int) -> None:
    """One that a person had resolved had nothing due: the next event finds it."""
    p = read(name)
    (pending,) = active_alerts(CORE, p.state)
    assert (pending.status.value, pending.starts_at_ms, pending.trace_ids) == ("pending", at_ms(0), [TRACE_ID])
    p.failed(301, event_id="a")
    assert told(p.alerts) == [("f", "firing", "crossed_for_long_enough", fires_at)]
    assert ids(p.alerts) == [pending.alert_id]


@pytest.mark.parametrize("name", [*FIRES, *PENDS])
def test_what_was_read_is_stored_without_acts_and_read_again(name: str) -> None:
    first = read(name).state
    head = checkpoint(first).head
    assert len(head) <= len(STORED[name]) // 2 - 30
    assert read_head(head).alerts == 1
    again = decode(CORE, PROJECT, head, _no_chunk)
    assert again.alerts == first.alerts
    assert after(again) == after(first)


def after(state: ProjectState) -> list[Alert]:
    """What is emitted later."""
    return advance(state.core, state, at_ms(9000))
