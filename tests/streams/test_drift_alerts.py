"""Alerts about drift: named by what drifts, emitted again where it gets worse, and kept over restarts."""

import json
from pathlib import Path

from msgspec.structs import replace

from models.alert import Alert
from streams.alerting.core import Core
from streams.alerting.rules import RuleSet
from streams.partition.drift_alerts import MAX_OWN_ALERTS, DriftAlerts, drifting, named
from streams.partition.drift_values import Difference, Drifting

MINUTE = 60_000
KNOWN = Drifting(1000, 7, "missing_in_stream", 2, 9)
CORE = Core(RuleSet(()))
OLD = json.loads(Path(__file__).with_name("stored_with_acts.json").read_text())
STEP = tuple[str, str, int]


def missing(number: int) -> Difference:
    return Difference(number, "missing_in_stream", (), (f"e{number}",))


def steps(alerts: list[Alert]) -> list[STEP]:
    """Status, reason and time of each."""
    return [(one.status.value, one.reason, one.updated_at_ms) for one in alerts]


def firing(at_ms: int = 2000, drift: Drifting = KNOWN) -> DriftAlerts:
    """`p` drifts since 1000, and was found at 2000."""
    alerts = DriftAlerts(CORE)
    assert len(alerts.replace(named({"p": drift}), at_ms)) == 1
    return alerts


def firing_at_all_of(*projects: str) -> DriftAlerts:
    """The same of several projects."""
    alerts = DriftAlerts(CORE)
    alerts.replace(named(dict.fromkeys(projects, KNOWN)), 2000)
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
    assert steps([first]) == [("firing", "found_by_check", 1000)]
    assert alerts.replace(named({"p": KNOWN}), 3000) == []
    (over,) = alerts.replace([], 4000)
    assert (over.alert_id, over.ends_at_ms, list(alerts.active())) == (first.alert_id, 4000, [])


def test_it_links_to_the_runbook_from_its_beginning_to_its_end() -> None:
    alerts = DriftAlerts(Core(RuleSet(()), drift_runbook_url="https://wiki.example/drift"))
    emitted = [*alerts.replace(named({"p": KNOWN}), 2000), *alerts.active(), *alerts.replace([], 4000)]
    assert [one.runbook_url for one in emitted] == ["https://wiki.example/drift"] * 3
    assert only(firing()).runbook_url is None


def test_the_same_drift_coming_back_later_is_another_alert() -> None:
    again = firing(drift=Drifting(9000, 7, "missing_in_stream", 2, 9))
    assert only(again).alert_id != only(firing()).alert_id


def test_another_lowest_difference_is_another_alert() -> None:
    alerts = firing()
    emitted = alerts.replace(named({"p": Drifting(5000, 6, "missing_in_stream", 3, 9)}), 6000)
    assert steps(emitted) == [("resolved", "gone_at_check", 6000), ("firing", "found_by_check", 5000)]
    assert emitted[0].alert_id != emitted[1].alert_id


def test_looking_at_some_projects_leaves_the_others_alone_and_knows_what_goes_on() -> None:
    alerts = firing()
    seen_later = Drifting(50_000, 7, "missing_in_stream", 1, 9)
    assert alerts.change(named({"p": seen_later}), [], 60_000) == []
    assert (alerts.drifts["p"].since_ms, only(alerts).value) == (1000, 1.0)
    assert steps(alerts.change(named({"q": KNOWN}), ["unknown"], 61_000)) == [("firing", "found_by_check", 1000)]
    assert [one.project_id for one in alerts.change([], ["p"], 62_000)] == ["p"]
    assert alerts.drifts.keys() == {"q"}


def test_one_that_got_worse_is_emitted_again_under_the_same_id_and_a_minute_later_at_the_earliest() -> None:
    alerts = firing()
    first = only(alerts)
    worse, better = replace(KNOWN, differences=3), replace(KNOWN, differences=1)
    assert alerts.replace(named({"p": worse}), 1000 + MINUTE - 1) == []
    (told,) = alerts.replace(named({"p": worse}), 1000 + MINUTE)
    assert steps([told]) == [("firing", "findings_rose", 1000 + MINUTE)]
    assert (told.alert_id, told.starts_at_ms, told.value) == (first.alert_id, 1000, 3.0)
    assert (only(alerts).reason, only(alerts).updated_at_ms) == ("findings_rose", 1000 + MINUTE)
    assert alerts.replace(named({"p": worse}), 5 * MINUTE) == []
    assert alerts.replace(named({"p": better}), 6 * MINUTE) == []
    assert steps(alerts.replace(named({"p": KNOWN}), 7 * MINUTE)) == [("firing", "findings_rose", 7 * MINUTE)]


def test_after_a_restart_everything_goes_on_under_the_same_ids() -> None:
    here = firing()
    there = restarted(here)
    assert list(there.active()) == list(here.active())
    worse = named({"p": replace(KNOWN, differences=3), "q": KNOWN})
    for alerts, at_ms in ((worse, 61 * MINUTE), ([], 62 * MINUTE)):
        emitted = there.replace(alerts, at_ms)
        assert emitted == here.replace(alerts, at_ms)
        assert len(emitted) == 2
        there = restarted(there)


def test_what_a_version_stored_that_kept_acts_of_people_goes_on_under_the_same_ids() -> None:
    alerts = DriftAlerts(CORE)
    alerts.restore(bytes.fromhex(OLD["drift"]))
    ids = {one.project_id: one.alert_id for one in alerts.active()}
    assert ids == {one.project_id: one.alert_id for one in firing_at_all_of("p", "acked", "resolved").active()}
    drifts = {"p": KNOWN, "acked": KNOWN, "resolved": KNOWN}
    assert alerts.replace(named(drifts), 10 * MINUTE) == [], "nothing is new"
    (worse,) = alerts.replace(named(drifts | {"resolved": replace(KNOWN, differences=3)}), 20 * MINUTE)
    assert (worse.project_id, worse.reason, worse.alert_id) == ("resolved", "findings_rose", ids["resolved"])
    over = alerts.replace([], 30 * MINUTE)
    assert {one.project_id: one.alert_id for one in over} == ids


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
