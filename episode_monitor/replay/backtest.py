"""Two sets of rules over the same records, in one pass of reading."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from episode_monitor.replay.backtest_firings import FiringLog
from episode_monitor.replay.backtest_statistics import Fired, changes, over_range
from episode_monitor.replay.fleet import fleet_transitions
from episode_monitor.replay.partition_replay import Outcome, PartitionReplay
from episode_monitor.replay.ranges import Bounds
from episode_monitor.replay.report import merged
from episode_monitor.replay.run import Partitions, Progress, ShowProgress
from episode_monitor.replay.source import Source
from models.alert import Alert
from models.backtest_views import BacktestResult, PartitionOffset
from streams.alerting import rule_types
from streams.alerting.core import Core
from streams.base.night import Night


class _Watched(PartitionReplay):
    """Notes the firings besides."""

    def __init__(self, core: Core, number: int, first: int) -> None:
        super().__init__(core, number, first)
        self.log = FiringLog()

    def _note_emits(self) -> None:
        self.log.note(self.partition.emits)
        super()._note_emits()

    def counts(self) -> Outcome:
        """What was counted, without the projects and their findings."""
        return Outcome(self.tally, self.partition.clock_ms, [], [], {}, {}, [])


class RulesSide(Partitions[_Watched]):
    """The rules of one file (`source`), and all partitions under them."""

    def __init__(self, source: str, core: Core) -> None:
        super().__init__(partial(_Watched, core), shares=2)
        self.source, self.core = source, core

    def begin(self, bounds: Sequence[Bounds]) -> None:
        """Partitions that belong to the result even where no record comes."""
        self.partitions = {each.partition: _Watched(self.core, each.partition, each.first) for each in bounds}

    def split_projects(self) -> set[str]:
        """Projects in several partitions."""
        if len(self.partitions) < 2:
            return set()
        seen = Counter(project_id for each in self.partitions.values() for project_id, _ in each.partition.heads())
        return {project_id for project_id, times in seen.items() if times > 1}

    def fired(self, split: set[str]) -> Fired:
        """Its firings, without those about the numbers of split projects."""
        of_fleet = FiringLog()
        of_fleet.note(self.of_fleet())
        logs = [*(each.log for each in self.partitions.values()), of_fleet]
        numbers = rule_types.INTEGRITY.name
        return Fired(
            self.source,
            self.core.rules,
            [one for log in logs for one in log.firings if one.project_id not in split or one.alert_type != numbers],
            sum(log.left_out for log in logs),
            max((each.partition.clock_ms for each in self.partitions.values()), default=0),
        )

    def of_fleet(self) -> list[Alert]:
        """The transitions of rules on all projects."""
        return fleet_transitions(self.core, [each.tally for each in self.partitions.values()])

    def transitions(self) -> list[Alert]:
        """In order of time, as many as are kept."""
        alerts = [alert for each in self.partitions.values() for alert in each.tally.alerts] + self.of_fleet()
        return sorted(alerts, key=lambda alert: alert.updated_at_ms)


async def backtest(
    old: RulesSide,
    new: RulesSide,
    source: Source,
    night: Night,
    until_ms: int | None = None,
    progress: ShowProgress | None = None,
) -> BacktestResult:
    """The firings under both, over all records of the source; equal rules are evaluated once. Raises what the source
    raises."""
    bounds = await source.resolve()
    are_equal = old.core.rules.fingerprint == new.core.rules.fingerprint
    sides = (new,) if are_equal else (old, new)
    for side in sides:
        side.begin(bounds)
    async for batch in source.batches(bounds):
        for side in sides:
            side.take(batch)
        if progress is not None:
            progress(Progress(new.events, source.done, source.total))
    for side in sides:
        side.advance(until_ms)
    if are_equal:
        old.partitions = new.partitions
    return _result(old, new, night, source.warnings)


def _result(old: RulesSide, new: RulesSide, night: Night, of_source: Sequence[str]) -> BacktestResult:
    split = new.split_projects()
    before, after = old.fired(split), new.fired(split)
    found = changes(before, after)
    report = merged(new.core, [each.counts() for each in new.partitions.values()], of_source=of_source)
    return BacktestResult(
        events=report.events,
        dead_letters=report.dead_letters,
        begin=[PartitionOffset(partition=at.partition, offset=at.offset) for at in report.begin],
        end=[PartitionOffset(partition=at.partition, offset=at.offset) for at in report.end],
        warnings=report.warnings,
        split_projects=len(split),
        night=str(night),
        equal=not any(change.firings for change in found),
        old=over_range(before, night),
        new=over_range(after, night),
        changes=found,
    )
