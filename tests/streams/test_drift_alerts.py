"""Alerts about drift: named by what drifts, escalated and acted upon as all alerts are, and kept over restarts."""

from collections.abc import Callable

import pytest

from models.alert import Alert
from streams.alerting.core import Core
from streams.alerting.rules import RuleSet
from streams.partition.drift_alerts import MAX_OWN_ALERTS, DriftAlerts, drifting, named
from streams.partition.drift_values import Difference, Drifting
from streams.project.alert_actions import ActionKind, ActionRefusal, AlertAction

MINUTE = 60_000
KNOWN = Drifting(1000, 7, "missing_in_stream", 2, 9)
CORE = Core(RuleSet(()), escalate_after_ms=5 * MINUTE)
STEP = tuple[str, str, int, int]


def missing(number: int) -> Difference:
    return Difference(number, "missing_in_stream", (), (f"e{number}",))


def steps(alerts: list[Alert]) -> list[STEP]:
    """Status, reason, level and time of each."""
    return [(one.status.value, one.reason, one.escalation_level, one.updated_at_ms) for one in alerts]


def act(kind: str, until_ms: int = 0) -> AlertAction:
    return AlertAction(kind=ActionKind(kind), by="ada", comment="mine", silent_until_ms=until_ms)


def firing(at_ms: int = 2000, drift: Drifting = KNOWN) -> DriftAlerts:
    """`p` drifts since 1000, and was found at 2000."""
    alerts = DriftAlerts(CORE)
    assert len(alerts.replace(named({"p": drift}), at_ms)) == 1
    return alerts


def restarted(alerts: DriftAlerts) -> DriftAlerts:
    again = DriftAlerts(CORE)
    again.restore(alerts.encode())
    return again


def only(alerts: DriftAlerts) -> Alert:
    (found,) = alerts.active()
    return found


def test_drift_keeps_its_beginning_while_its_lowest_difference_stays() -> None:
    same = drifting({"p": KNOWN}, "p", {missing(7), missing(9)}, 9, 5000)
    assert (same.since_ms, same.differences) == (1000, 2)
    assert drifting({"p": KNOWN}, "p", {missing(8)}, 9, 5000).since_ms == 5000
    assert drifting({}, "p", {missing(7)}, 9, 5000).since_ms == 5000


def test_it_is_emitted_once_and_ends_under_its_own_id() -> None:
    alerts = DriftAlerts(CORE)
    (first,) = alerts.replace(named({"p": KNOWN}), 2000)
    assert (first.alert_key, first.starts_at_ms) == ("integrity_drift:p", 1000)
    assert steps([first]) == [("firing", "found_by_check", 0, 1000)]
    assert alerts.replace(named({"p": KNOWN}), 3000) == []
    (over,) = alerts.replace([], 4000)
    assert (over.alert_id, over.ends_at_ms, list(alerts.active())) == (first.alert_id, 4000, [])


def test_the_same_drift_coming_back_later_is_another_alert() -> None:
    again = firing(drift=Drifting(9000, 7, "missing_in_stream", 2, 9))
    assert only(again).alert_id != only(firing()).alert_id


def test_another_lowest_difference_is_another_alert() -> None:
    alerts = firing()
    emitted = alerts.replace(named({"p": Drifting(5000, 6, "missing_in_stream", 3, 9)}), 6000)
    assert steps(emitted) == [("resolved", "gone_at_check", 0, 6000), ("firing", "found_by_check", 0, 5000)]
    assert emitted[0].alert_id != emitted[1].alert_id


def test_looking_at_some_projects_leaves_the_others_alone_and_knows_what_goes_on() -> None:
    alerts = firing()
    seen_later = Drifting(50_000, 7, "missing_in_stream", 1, 9)
    assert alerts.change(named({"p": seen_later}), [], 60_000) == []
    assert (alerts.drifts["p"].since_ms, only(alerts).value) == (1000, 1.0)
    assert steps(alerts.change(named({"q": KNOWN}), ["unknown"], 61_000)) == [("firing", "found_by_check", 0, 1000)]
    assert [one.project_id for one in alerts.change([], ["p"], 62_000)] == ["p"]
    assert alerts.drifts.keys() == {"q"}


def test_unacknowledged_it_escalates_once_at_its_deadline_however_late_it_is_run() -> None:
    alerts = firing()
    assert alerts.run_due(2000 + 5 * MINUTE - 1) == []
    (emitted,) = alerts.run_due(2000 + 60 * MINUTE)
    assert steps([emitted]) == [("firing", "escalated_unacknowledged", 1, 2000 + 5 * MINUTE)]
    assert alerts.run_due(2000 + 90 * MINUTE) == []
    assert only(alerts).escalation_level == 1


def test_a_check_that_comes_after_the_deadline_emits_the_escalation_first() -> None:
    emitted = firing().replace([], 2000 + 6 * MINUTE)
    assert [one[:3] for one in steps(emitted)] == [
        ("firing", "escalated_unacknowledged", 1), ("resolved", "gone_at_check", 1),
    ]  # fmt: skip


def test_acknowledged_it_does_not_escalate() -> None:
    alerts = firing()
    done = alerts.act("p", act("acknowledge"), 3000)
    assert not isinstance(done, ActionRefusal)
    assert (done[1].acknowledged_by, done[1].annotations) == ("ada", {"acted_by": "ada", "comment": "mine"})
    assert alerts.run_due(2000 + 60 * MINUTE) == []


def test_silenced_it_escalates_after_the_silence_and_is_emitted_once_more_first() -> None:
    alerts = firing()
    alerts.act("p", act("silence", 10 * MINUTE), 3000)
    assert only(alerts).silenced_until_ms == 10 * MINUTE
    emitted = alerts.run_due(20 * MINUTE)
    assert steps(emitted) == [
        ("firing", "silence_ended", 0, 10 * MINUTE), ("firing", "escalated_unacknowledged", 1, 10 * MINUTE + 1),
    ]  # fmt: skip


def test_resolved_by_a_person_it_is_silent_until_it_gets_worse() -> None:
    alerts = firing()
    first = only(alerts)
    done = alerts.act("p", act("resolve"), 3000)
    assert not isinstance(done, ActionRefusal)
    assert (done[1].status.value, done[1].ends_at_ms, list(alerts.active())) == ("resolved", 3000, [])
    assert alerts.replace(named({"p": KNOWN}), 4000) == []
    assert alerts.act("p", act("acknowledge"), 5000) is ActionRefusal.RESOLVED_BY_PERSON
    (worse,) = alerts.replace(named({"p": Drifting(1000, 7, "missing_in_stream", 3, 9)}), 6000)
    assert (worse.status.value, worse.starts_at_ms) == ("firing", 6000)
    assert worse.alert_id != first.alert_id


def test_one_that_a_person_resolved_ends_without_a_word() -> None:
    alerts = firing()
    alerts.act("p", act("resolve"), 3000)
    assert alerts.replace([], 4000) == []
    assert alerts.act("p", act("acknowledge"), 5000) is ActionRefusal.NOT_ACTIVE


@pytest.mark.parametrize("kind", ["none", "acknowledge", "silence", "resolve"])
def test_after_a_restart_everything_goes_on_under_the_same_ids(kind: str) -> None:
    here = firing()
    if kind != "none":
        here.act("p", act(kind, 3 * MINUTE), 3000)
    there = restarted(here)
    assert list(there.active()) == list(here.active())
    worse = named({"p": Drifting(1000, 7, "missing_in_stream", 3, 9), "q": KNOWN})
    changes: list[Callable[[DriftAlerts], list[Alert]]] = [
        lambda one: one.run_due(60 * MINUTE),
        lambda one: one.replace(worse, 61 * MINUTE),
        lambda one: one.replace([], 62 * MINUTE),
    ]
    for change in changes:
        assert change(there) == change(here)
        there = restarted(there)


def test_very_many_projects_share_one_alert_that_knows_its_first() -> None:
    drifts = {f"p{number:03d}": KNOWN for number in range(MAX_OWN_ALERTS + 7)}
    alerts = DriftAlerts(CORE)
    emitted = alerts.replace(named(drifts), 2000)
    assert len(emitted) == MAX_OWN_ALERTS + 1
    assert (emitted[-1].project_id, emitted[-1].value) == ("_fleet", 7.0)
    assert alerts.drifts.keys() == {f"p{number:03d}" for number in range(MAX_OWN_ALERTS + 1)}
    assert alerts.change(named({"one more": KNOWN}), [], 3000) == []
    assert [one.status.value for one in alerts.replace(named({"p000": KNOWN}), 4000)] == ["resolved"] * MAX_OWN_ALERTS


def test_drifts_name_the_fleets_first_project_whatever_its_name() -> None:
    drifts = {f"p{number:03d}": KNOWN for number in range(MAX_OWN_ALERTS)}
    alerts = DriftAlerts(CORE)
    alerts.replace(named({**drifts, "z:odd:1": KNOWN}), 2000)
    assert alerts.drifts["z:odd:1"].number == 7
