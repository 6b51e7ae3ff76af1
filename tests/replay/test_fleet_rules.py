"""Rules on all projects in a replay: the same alerts however the records lie in partitions, in one go or in parts."""

import asyncio
import itertools

import msgspec
import pytest

from episode_monitor.replay.report import Report, merged
from episode_monitor.replay.run import replay
from episode_monitor.replay.work import Work, shares, together
from streams.alerting import rule_types
from streams.alerting.rule import Scope
from tests.replay.support import NOON_MS, Held, done, event
from tests.streams.driving import core_with, rule

CORE = core_with(
    rule(rule_types.FAILURE_RATE, "40", window_minutes=1),
    rule(rule_types.FAILURE_RATE, "20", rule_id="of_all", window_minutes=1, scope=Scope.FLEET),
)
UNTIL_MS = NOON_MS + 600_000
OF_A = [event("a", at, "creation_succeeded", f"a{at}") for at in range(3)] + [event("a", 3, "creation_failed", "a3")]
OF_B = [event("b", at, "creation_succeeded", f"b{at}") for at in (1, 2)] + [event("b", 4, "creation_failed", "b4")]


def of_fleet(report: Report) -> list[tuple[str, str, int | float | None]]:
    """Status, time and value of its alerts about all projects."""
    return [
        (alert["status"], alert["updated_at"][11:19], alert["value"])
        for alert in report.alerts
        if alert["project_id"] == "_fleet"
    ]


@pytest.mark.parametrize("order", [[OF_A, OF_B], [OF_B, OF_A], [OF_A, [], OF_B]])
def test_failures_of_two_partitions_add_up(order: list[list[bytes]]) -> None:
    report = asyncio.run(replay(CORE, Held(*order), UNTIL_MS))
    assert of_fleet(report) == [("firing", "09:00:05", 200 / 7), ("resolved", "09:01:05", None)]
    assert report.firings["of_all"] == 1
    assert report.transitions == len(report.alerts)


def test_one_partition_has_the_same_alerts_as_two() -> None:
    both = sorted(OF_A + OF_B, key=lambda line: msgspec.json.decode(line)["occurred_at"])
    [one, two] = [asyncio.run(replay(CORE, held, UNTIL_MS)) for held in (Held(both), Held(OF_A, OF_B))]
    assert of_fleet(one) == of_fleet(two)


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_replay_that_is_stopped_and_goes_on_or_is_shared_by_processes_has_the_same(stop_after: int) -> None:
    source = Held(OF_A, OF_B)
    bounds = asyncio.run(source.resolve())
    first = done(CORE, source, Work(bounds, keeps_stop=True), stop_after)
    rest = [
        msgspec.structs.replace(each, first=saved.tally.next)
        for each, saved in itertools.zip_longest(bounds, first.saved)
    ]
    finished = done(CORE, source, Work(rest, first.saved, UNTIL_MS))
    parts = [done(CORE, source, share) for share in shares(Work(bounds, until_ms=UNTIL_MS), 2)]
    for each in (finished, together(parts)):
        assert [alert[0] for alert in of_fleet(merged(CORE, each.outcomes))] == ["firing", "resolved"]


def test_a_quiet_partition_does_not_keep_the_others_from_being_judged() -> None:
    """In a worker its clock follows the wall clock; in a replay nothing comes any more."""
    late = [event("c", at, "creation_succeeded", f"c{at}") for at in (300,)]
    assert [alert[0] for alert in of_fleet(asyncio.run(replay(CORE, Held(OF_A, OF_B, late))))] == ["firing", "resolved"]
