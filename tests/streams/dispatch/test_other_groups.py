"""An alert whose labels or routes change belongs to other groups: what their receivers knew is ended where it began."""

import msgspec
import pytest

from models.alert import AlertStatus
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Acknowledge, AnyInput, Tick, Transition, Unacknowledge
from streams.dispatch.outputs import Notification
from streams.dispatch.state import State
from streams.dispatch.table import NotifyReason
from streams.dispatch.views import Next, explained
from streams.routing.chain import Chain, Notify, Wait
from streams.routing.matcher_parsing import parse_matchers
from streams.routing.route import Node
from tests.streams.dispatch.proof_configs import CRITICAL, config, route
from tests.streams.dispatch.scripts import MINUTE_MS, START_MS, Stage, alert, normal


def test_an_alert_ends_in_the_group_where_it_fired_though_its_rule_has_another_severity_by_then() -> None:
    stage = Stage(config(route(routes=(Node(receiver="team", matchers=CRITICAL, group_wait_ms=MINUTE_MS),))))
    script = """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 p1 ends critical
        0:01 < team all_alerts_resolved -p1!
        0:05 end
    """
    assert stage.play(script) == normal(script)


def test_a_chain_calls_a_receiver_that_only_waits_for_the_end_of_the_firing_before() -> None:
    pager = Node(receiver="pager", matchers=parse_matchers('severity="warning"'), group_interval_ms=5 * MINUTE_MS)
    stage = Stage(config(route(routes=(pager,)), Chain(name="c", matchers=CRITICAL, steps=(Notify("pager"),))))
    script = """
        0:00 p1 fires warning
        0:00 < pager first_notification p1
        0:01 p1 ends
        0:01 ! pager p1 grouped until 0:05
        0:02 p1 anew critical
        0:02 < pager escalated_unacknowledged p1!
        0:02 < team first_notification p1!
        0:02 ! pager p1 only the end of an earlier firing is to come until 0:05
        0:05 < pager all_alerts_resolved -p1
        0:06 end
    """
    assert sorted(stage.play(script).splitlines()) == sorted(normal(script).splitlines())


def incidents(root: Node) -> DispatchConfig:
    return msgspec.structs.replace(config(root), apart=frozenset({"team"}))


def groups_told(sent: list[Notification], reason: NotifyReason) -> set[str]:
    return {one.group_keys[0] for one in sent if one.reason is reason}


def test_an_incident_ends_though_its_alert_has_become_worse_and_has_another_incident() -> None:
    stage = Stage(incidents(route(routes=(Node(receiver="team", matchers=CRITICAL),))))
    script = """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 p1 fires critical
        0:01 < team reopened p1!
        0:01 ! team p1 nothing new
        0:02 p1 ends
        0:02 < team all_alerts_resolved -p1!
        0:02 < team all_alerts_resolved -p1!
        0:05 end
    """
    assert stage.play(script) == normal(script)


def test_an_incident_ends_under_the_key_it_was_opened_with_though_its_alert_is_grouped_otherwise_by_then() -> None:
    by_project, by_rule = (incidents(grouped_by(name)) for name in ("project_id", "alertname"))
    state = State()
    fires = Transition(alert=alert("p1"))
    ends = Transition(alert=alert("p1", AlertStatus.RESOLVED, at_ms=START_MS + 2 * MINUTE_MS))
    opened = decide(by_project, state, fires, START_MS).notifications
    assert decide(by_rule, state, Tick(), START_MS + MINUTE_MS).notifications == []
    ended = decide(by_rule, state, ends, START_MS + 2 * MINUTE_MS).notifications
    first = groups_told(opened, NotifyReason.FIRST_NOTIFICATION)
    assert len(first) == 1
    assert first <= groups_told(ended, NotifyReason.ALL_RESOLVED)


def grouped_by(label: str) -> Node:
    return Node(receiver="team", group_by=(label,), group_wait_ms=0, group_interval_ms=0, repeat_interval_ms=0)


def told(sent: list[Notification]) -> list[tuple[str, str]]:
    """Why, and under which key."""
    return [(one.reason.value, one.group_keys[0].partition(":{}:")[2]) for one in sent]


BY_PROJECT, BY_RULE = '{project_id="p1"}', '{alertname="rate"}'


@pytest.mark.parametrize("is_back", [False, True])
def test_after_a_reload_an_incident_is_acknowledged_and_ended_once_under_the_key_it_was_opened_with(
    is_back: bool,
) -> None:
    by_project, by_rule = (incidents(grouped_by(name)) for name in ("project_id", "alertname"))
    state, later = State(), by_project if is_back else by_rule
    ends = Transition(alert=alert("p1", AlertStatus.RESOLVED, at_ms=START_MS + 9 * MINUTE_MS))
    until_ms = START_MS + 60 * MINUTE_MS
    given: list[tuple[DispatchConfig, AnyInput]] = [
        (by_project, Transition(alert=alert("p1"))),
        (by_rule, Tick()),
        (later, Acknowledge(alert_key="rate:p1", by="ann", until_ms=until_ms)),
        (later, Unacknowledge(alert_key="rate:p1", by="ann")),
        (later, Acknowledge(alert_key="rate:p1", by="ann", until_ms=until_ms)),
    ]
    sent = []
    for minute, (found, each) in enumerate(given):
        sent += decide(found, state, each, START_MS + minute * MINUTE_MS).notifications
    sent += decide(later, state, Tick(), START_MS + 55 * MINUTE_MS).notifications
    sent += decide(later, state, ends, START_MS + 56 * MINUTE_MS).notifications
    reasons = [
        "first_notification", "acknowledged_by_person", "unacknowledged_by_person", "acknowledged_by_person",
        "acknowledgement_will_expire", "all_alerts_resolved",
    ]  # fmt: skip
    assert told(sent) == [(reason, BY_PROJECT) for reason in reasons]


def test_after_a_reload_an_incident_that_another_alert_opens_is_acknowledged_and_ended_with_both() -> None:
    by_project, by_rule = (incidents(grouped_by(name)) for name in ("project_id", "alertname"))
    state, sent = State(), list[Notification]()
    given: list[tuple[DispatchConfig, AnyInput]] = [
        (by_project, Transition(alert=alert("p1"))),
        (by_rule, Transition(alert=alert("p2"))),
        (by_rule, Acknowledge(alert_key="rate:p1", by="ann")),
        (by_rule, Transition(alert=alert("p1", AlertStatus.RESOLVED, at_ms=START_MS + 9 * MINUTE_MS))),
    ]
    for minute, (found, each) in enumerate(given):
        sent += decide(found, state, each, START_MS + minute * MINUTE_MS).notifications
    assert told(sent) == [
        ("first_notification", BY_PROJECT), ("new_alerts_in_group", BY_RULE),
        ("acknowledged_by_person", BY_RULE), ("acknowledged_by_person", BY_PROJECT),
        ("new_resolved_in_group", BY_RULE), ("all_alerts_resolved", BY_PROJECT),
    ]  # fmt: skip


@pytest.mark.parametrize("held", ["", "0:03 p1 acknowledged ann", "0:03 s1 silences project_id=p1 until 2:00"])
def test_a_group_that_only_waits_for_the_end_of_an_earlier_firing_says_so(held: str) -> None:
    pager = Node(receiver="pager", matchers=parse_matchers('severity="warning"'), group_interval_ms=5 * MINUTE_MS)
    stage = Stage(config(route(routes=(pager,))))
    stage.play(f"0:00 p1 fires warning\n0:01 p1 ends\n0:02 p1 anew critical\n{held}\n0:04 end")
    found = explained(stage.config, stage.state, "rate:p1")
    assert found is not None
    assert [(one.text, one.until_ms) for one in found.not_told if one.receiver == "pager"] == [
        ("only the end of an earlier firing is to come until", START_MS + 5 * MINUTE_MS)
    ]
    assert Next(START_MS + 5 * MINUTE_MS, "end of an earlier firing to pager") in found.next


def test_a_held_step_does_not_wait_for_a_group_that_only_waits_for_the_end_of_an_earlier_firing() -> None:
    pager = Node(receiver="pager", matchers=parse_matchers('severity="warning"'), group_interval_ms=30 * MINUTE_MS)
    chain = Chain(name="c", matchers=CRITICAL, steps=(Wait(MINUTE_MS), Notify("on-call")))
    played = Stage(config(route(routes=(pager,)), chain)).play("""
        0:00 p1 fires warning
        0:01 p1 ends
        0:02 s1 silences project_id=p1 until 0:10
        0:02 p1 anew critical
        1:00 end
    """)
    assert [line for line in played.splitlines() if " < " in line] == [
        "0:00 < pager first_notification p1",
        "0:10 < team first_notification p1!",
        "0:10 < on-call escalated_unacknowledged p1!",
        "0:30 < pager all_alerts_resolved -p1",
    ]
