"""In which order inputs of several topics are taken."""

from agents.dispatch.timed import Timed, in_order, rules_in_force
from streams.alerting import rule_types
from streams.alerting.rule import Scope
from streams.alerting.rules import RuleSet
from streams.dispatch.inputs import Position, Tick
from tests.streams.driving import rule


def rows(source: str, *times_ms: int) -> list[tuple[int, Timed]]:
    return [(at_ms, Timed(Tick(position=Position(source, n)), at_ms)) for n, at_ms in enumerate(times_ms)]


def test_inputs_come_by_time_and_of_one_millisecond_acts_come_last() -> None:
    by_source = {
        ("acts", 0): rows("acts/0", 10, 30),
        ("alerts", 1): rows("alerts/1", 10, 20),
        ("alerts", 0): rows("alerts/0", 10, 40),
    }
    found = [(timed.given.position, timed.at_ms) for timed in in_order(by_source, "acts")]
    assert found == [
        (Position("alerts/0", 0), 10),
        (Position("alerts/1", 0), 10),
        (Position("acts/0", 0), 10),
        (Position("alerts/1", 1), 20),
        (Position("acts/0", 1), 30),
        (Position("alerts/0", 1), 40),
    ]


def test_a_rule_on_all_projects_is_in_force_for_their_alert_alone() -> None:
    rules = RuleSet((
        rule(rule_types.FAILURE_RATE, "1", rule_id="of_each"),
        rule(rule_types.FAILURE_RATE, "1", rule_id="of_all", scope=Scope.FLEET),
    ))  # fmt: skip
    assert rules_in_force(rules) == {"of_each", "of_all:_fleet", "integrity_drift", "integrity_drift:_fleet"}
