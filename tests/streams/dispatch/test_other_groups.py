"""An alert whose labels or routes change belongs to other groups: what their receivers knew is ended where it began."""

import msgspec

from models.alert import AlertStatus
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Tick, Transition
from streams.dispatch.outputs import Notification
from streams.dispatch.state import State
from streams.dispatch.table import NotifyReason
from streams.routing.chain import Chain, Notify
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
        0:02 ! pager p1 nothing new
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
