"""Where each rule of a project stands and why, with expected values by hand."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from models.rule_views import ProjectRule
from streams.alerting.rule import Rule, Scope
from streams.partition.partition import Partition
from streams.views.project_rules import project_rules
from tests.streams_views.making import CONFLICTS, FAILURES, INTEGRITY, START, START_MS, Log, MemoryStore, make_core


def stood(*rules: Rule, created: int = 0, failed: int = 0) -> dict[str, ProjectRule]:
    partition = Partition(make_core(*rules), 0, MemoryStore(), 1000)
    log = Log(partition)
    for number in range(1, created + 1):
        log.created("p", number)
    for _ in range(failed):
        log.failed("p")
    state = partition.look("p")
    assert state is not None
    found = project_rules(partition.core, state, 0, START_MS)
    assert (found.project_id, found.as_of, found.applied.offset) == ("p", START, created + failed - 1)
    return {one.rule_id: one for one in found.rules}


def failures(**keys: Any) -> Rule:
    return msgspec.structs.replace(FAILURES, **keys)


def test_all_rules_are_there_in_the_order_of_the_file_those_without_alert_too() -> None:
    found = stood(created=3)
    assert [(one.rule_id, one.alert_type, one.state, one.reason) for one in found.values()] == [
        ("failures", "HIGH_FAILURE_RATE", "inactive", "back_to_normal"),
        ("conflicts", "HIGH_CONFLICT_RATE", "inactive", "back_to_normal"),
        ("integrity", "INTEGRITY_VIOLATION", "inactive", "back_to_normal"),
    ]
    one = found["failures"]
    assert (one.since, one.missing, one.inputs.bad, one.inputs.whole, one.inputs.rate) == (None, None, 0, 3, 0.0)
    assert one.description == "Project p: 0 % of 3 operations in the last 15 minutes; the threshold is 1 %."


def test_a_rule_that_fires_says_since_when() -> None:
    one = stood(created=9, failed=1)["failures"]
    assert (one.state, one.reason, one.since, one.missing) == ("firing", "threshold_crossed", START, None)
    assert (one.inputs.bad, one.inputs.whole, one.inputs.rate) == (1, 10, 10.0)


@pytest.mark.parametrize(
    ("keys", "state", "reason", "missing"),
    [
        ({"min_samples": 20}, "insufficient_data", "insufficient_data", "It needs 20 operations (min_samples)."),
        ({"min_bad": 3}, "inactive", "back_to_normal", "It needs 3 of these (min_bad)."),
        ({"confidence": Decimal(95), "threshold": Decimal(5)}, "inactive", "back_to_normal",
         "Its lower bound is not above."),
        ({"for_seconds": 300}, "pending", "threshold_crossed", "It fires if it stays crossed for 300 seconds."),
        ({"threshold": Decimal(50)}, "inactive", "back_to_normal", None),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_fire_says_what_it_waits_for(
    keys: dict[str, Any], state: str, reason: str, missing: str | None
) -> None:
    one = stood(failures(**keys), CONFLICTS, INTEGRITY, created=9, failed=1)["failures"]
    assert (one.state, one.reason, one.missing, one.inputs.state) == (state, reason, missing, state)


def test_without_an_operation_in_the_window_there_is_no_data() -> None:
    partition = Partition(make_core(), 0, MemoryStore(), 1000)
    log = Log(partition)
    log.created("p", 1)
    state = partition.look("p")
    assert state is not None

    def stood_at(second: int) -> tuple[str, str, int, float | None]:
        one = project_rules(partition.core, state, 0, START_MS + second * 1000).rules[0]
        return one.state, one.reason, one.inputs.whole, one.inputs.rate

    assert stood_at(15 * 60 - 1) == ("inactive", "back_to_normal", 1, 0.0)
    assert stood_at(15 * 60) == ("no_data", "no_operations", 0, None)


def test_a_rule_on_all_projects_is_none_of_a_project() -> None:
    of_all = msgspec.structs.replace(failures(), rule_id="of_all", scope=Scope.FLEET)
    assert list(stood(failures(), of_all, created=1)) == [failures().rule_id]
