"""How many projects have an alert of each rule."""

import pytest

from streams.base.steps import finish
from streams.partition.partition import Partition
from streams.views import rule_counts as module
from streams.views.rule_counts import RuleCounts, rule_counts
from tests.streams_views.making import Log, MemoryStore, make_core


def of_three_projects() -> Partition:
    partition = Partition(make_core(), 0, MemoryStore(), 1000)
    log = Log(partition)
    for project in ("a", "b", "c"):
        log.created(project, 2)
    log.settle(60)
    return partition


def test_alerts_are_counted_by_rule() -> None:
    assert finish(rule_counts(of_three_projects())) == RuleCounts({"integrity": 3}, {}, is_whole=True)


def test_projects_beyond_the_bound_are_left_out_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PROJECTS", 2)
    assert finish(rule_counts(of_three_projects())) == RuleCounts({"integrity": 2}, {}, is_whole=False)
