"""Which alert keeps which one back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.routing.inhibit_rule import InhibitRule
from streams.routing.matcher_parsing import parse_matchers

CRITICAL_OVER_WARNING = InhibitRule(
    source_matchers=parse_matchers('severity="critical"'),
    target_matchers=parse_matchers('severity=~"warning|info"'),
    equal=("project_id", "alert_type"),
)
ANY_OVER_ANY = InhibitRule()
CRITICAL = {"severity": "critical", "project_id": "p", "alert_type": "t"}
WARNING = CRITICAL | {"severity": "warning"}


@pytest.mark.parametrize(
    ("source", "target", "inhibits"),
    [
        (CRITICAL, WARNING, True),
        (WARNING, CRITICAL, False),
        (CRITICAL, WARNING | {"project_id": "q"}, False),
        (CRITICAL, WARNING | {"alert_type": "u"}, False),
        (CRITICAL, CRITICAL, False),
        ({"severity": "critical"}, {"severity": "warning"}, True),  # both lack the labels that must be equal
        ({"severity": "critical"}, WARNING, False),
    ],
)
def test_a_source_inhibits_targets_that_agree_with_it(
    source: dict[str, str], target: dict[str, str], inhibits: bool
) -> None:
    assert CRITICAL_OVER_WARNING.inhibits(source, target) is inhibits


def test_alerts_that_match_both_sides_do_not_inhibit_each_other() -> None:
    rule = InhibitRule(target_matchers=parse_matchers('severity="warning"'))
    assert rule.inhibits(CRITICAL, WARNING)
    assert not rule.inhibits(WARNING, WARNING | {"project_id": "q"})


@given(st.dictionaries(st.sampled_from(["severity", "project_id"]), st.sampled_from(["critical", "warning"])))
def test_no_alert_inhibits_itself(labels: dict[str, str]) -> None:
    for rule in (CRITICAL_OVER_WARNING, ANY_OVER_ANY):
        assert not rule.inhibits(labels, labels)
