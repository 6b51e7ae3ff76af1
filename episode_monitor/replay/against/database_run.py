"""`replay --against database`: the numbers of the whole topic beside the project service's table, project by project.

What differs is what two looks agree on, and before the second one the replay has gone on to the end of the topic.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Final

import msgspec

from episode_monitor.checks.close_compare import Seen
from episode_monitor.checks.first_pass import MAX_PROJECT_ROWS
from episode_monitor.checks.table_comparison import OpenReader, TableComparison, compare_with_table
from episode_monitor.replay.against import difference as kinds
from episode_monitor.replay.against.close_look import CloseLook
from episode_monitor.replay.against.compare_table import table_differences
from episode_monitor.replay.against.difference import ComparedPartition, Comparison, Difference, comparison
from episode_monitor.replay.against.evidence import Evidence
from episode_monitor.replay.against.replayed_numbers import ReplayedNumbers
from episode_monitor.replay.against.summing_up import first_of, retained
from episode_monitor.replay.ranges import Bounds, Range
from episode_monitor.replay.run import ShowProgress
from episode_monitor.replay.source import Source
from streams.alerting.core import Core

NOWHERE: Final = -1  # the place of projects that no partition has


class ServiceTable(msgspec.Struct, frozen=True, kw_only=True):
    """The table, and the time that lies between two looks at it."""

    open_reader: OpenReader
    settle: Callable[[], Awaitable[None]]


class AgainstDatabase:
    """One comparison."""

    def __init__(
        self, core: Core, source: Callable[[Range], Source], table: ServiceTable,
        progress: ShowProgress = lambda progress: None,
    ) -> None:  # fmt: skip
        self._core = core
        self._source = source
        self._table = table
        self._numbers = ReplayedNumbers(core, source, progress)

    async def run(self) -> Comparison:
        """Raises ServiceDatabaseError, and what the source raises."""
        async with self._table.open_reader():  # a table that cannot be read is no reason to replay
            pass
        await self._numbers.catch_up()
        found = await compare_with_table(
            self._numbers, self._table.open_reader, self._core.numbering, progress=lambda done: None,
            settle=self._table.settle, is_behind=True,
        )  # fmt: skip
        by_partition = _by_partition(found.drifting)
        evidence = await self._evidence(by_partition)
        differences, notes = list(self._whole(found)), list(_notes(found))
        for number, begins in [*((one.partition, one.first) for one in self._numbers.bounds), (NOWHERE, 0)]:
            here = [
                one
                for project, seen in sorted(by_partition.get(number, {}).items())
                for one in table_differences(project, seen.differences, seen.held, evidence[project])
            ]
            kept, note = retained(number, begins, here)
            differences.extend(kept)
            notes.extend([note] if note else [])
        return comparison(differences, self._compared(by_partition), notes)

    def _whole(self, found: TableComparison) -> Iterator[Difference]:
        """What is said of many projects together."""
        if found.not_examined:
            yield _not_compared(
                found.not_examined, f"were not compared to the end: they have more than {MAX_PROJECT_ROWS} rows, or "
                "very many projects differ; mend what is named and compare again."
            )  # fmt: skip
        if self._numbers.split:
            yield _not_compared(
                len(self._numbers.split), f"are in several partitions, so what they hold is unknown "
                f"({first_of(self._numbers.split)}); send all events of a project with the project as key."
            )  # fmt: skip

    async def _evidence(self, by_partition: Mapping[int, Mapping[str, Seen]]) -> dict[str, Evidence]:
        """What the topic says about the projects that differ."""
        everywhere = by_partition.get(NOWHERE, {}).keys()
        found: dict[str, Evidence] = {}
        for bounds in self._numbers.bounds:
            wanted = by_partition.get(bounds.partition, {}).keys() | everywhere
            for project, evidence in (await self._look(bounds, wanted)).items():
                if evidence.refused:
                    evidence.partition = bounds.partition
                if evidence.refused or project not in found:
                    found[project] = evidence
        return found

    async def _look(self, bounds: Bounds, projects: Collection[str]) -> dict[str, Evidence]:
        if not projects:
            return {}
        close = CloseLook(self._core, bounds, dict.fromkeys(projects))
        await close.run(self._source(Range(bounds.partition)))
        return close.evidence

    def _compared(self, by_partition: Mapping[int, Mapping[str, Seen]]) -> Iterator[ComparedPartition]:
        projects = {one.number: one.index.projects for one in self._numbers.partitions}
        for each in self._numbers.bounds:
            yield ComparedPartition(
                partition=each.partition, begin=each.first, end=each.first if each.end is None else each.end,
                projects=projects.get(each.partition, 0), differing=len(by_partition.get(each.partition, ())),
            )  # fmt: skip


def _by_partition(drifting: Mapping[str, Seen]) -> dict[int, dict[str, Seen]]:
    found: dict[int, dict[str, Seen]] = defaultdict(dict)
    for project, seen in drifting.items():
        found[NOWHERE if seen.held is None else seen.held.partition][project] = seen
    return found


def _not_compared(projects: int, why: str) -> Difference:
    return Difference(
        project_id="", what=kinds.NOT_COMPARED, replayed=None, other=projects,
        explanation=f"{projects} projects {why}",
    )  # fmt: skip


def _notes(found: TableComparison) -> Iterator[str]:
    rows = found.passed.invalid_rows
    if rows:
        yield f"{rows} rows of the table have no project, or no number from 1 on, and are not compared."
