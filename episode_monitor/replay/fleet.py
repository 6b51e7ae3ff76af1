"""Rules on all projects in a replay: what its partitions have closed, judged together at the end.

At the end of the records nothing changes any more, so what is still open counts too, up to the end of the partition
that got furthest.
"""

from collections.abc import Sequence

from episode_monitor.replay.partition_replay import Tally
from models.alert import Alert
from streams.alerting.core import Core
from streams.partition.fleet_judge import FleetJudge, FleetRecord
from streams.rates.fleet_seconds import ClosedSeconds


def fleet_transitions(core: Core, tallies: Sequence[Tally]) -> list[Alert]:
    """The transitions of rules on all projects, in the order in which they became due."""
    parts = [tally.fleet for tally in sorted(tallies, key=lambda tally: tally.partition)]
    until = max((part.closed_until for part in parts if part.closed_until is not None), default=None)
    if not core.rules.fleet or until is None:
        return []
    judge, position = FleetJudge(core), 0
    for number, part in enumerate(parts):
        begin = until if part.closed_until is None else part.closed_until
        rest = [(second, counts) for second, counts in part.open if second < until]
        end = ClosedSeconds(min([begin, *(second for second, _ in rest)]), until, rest, core.latency_limits)
        for closed in (*part.closed, end):
            judge.take(FleetRecord(number, len(parts), closed, 0), position)
            position += 1
    emits: list[Alert] = []
    while judge.has_work:
        emits += judge.judge()
    return emits
