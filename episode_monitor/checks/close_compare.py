"""A close look at some projects: what stream and database each say, number by number, and what two looks agree on.

Between the database being read and the stream being asked, the stream must have applied all that lay in the topic: an
event that is under way is no drift.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from episode_monitor.checks.numbers_side import NumbersSide
from episode_monitor.checks.rows import ProjectRows
from episode_monitor.service_database.reader import EpisodesReader
from streams.base.intervals import IntervalSet
from streams.base.numbering_rules import NumberingRules
from streams.numbering.table_judgement import judge_table
from streams.partition.drift import differences, unexplained
from streams.partition.drift_values import Difference, Holdings

GROUP_PROJECTS = 256
GROUP_ROWS = 50_000
MAX_DIFFERENCES = 100_000  # kept from one look to the next


class Seen(msgspec.Struct, frozen=True):
    """One project at one look. `gaps` and `duplicates` are the database's; `held` None: unknown to the stream."""

    differences: set[Difference]
    gaps: IntervalSet
    duplicates: set[int]
    max_number: int
    held: Holdings | None


class Look(msgspec.Struct, frozen=True):
    """Projects that differ. `not_examined`: how many were too much."""

    projects: dict[str, Seen]
    not_examined: int


async def look(
    reader: EpisodesReader, stream: NumbersSide, projects: Mapping[str, int], rules: NumberingRules, *, caught_up: bool
) -> Look:
    """Compare projects (with about how many rows each has). `caught_up`: wait for the stream before it is asked.

    Raises ServiceDatabaseError, CheckFailed.
    """
    found: dict[str, Seen] = {}
    kept, left = 0, len(projects)
    for group in _groups(projects):
        if kept > MAX_DIFFERENCES:
            break
        rows = await _read(reader, group)
        if caught_up:
            await stream.catch_up()
        held = await stream.holdings(group)
        for project in group:
            held_here = held.get(project)
            if held_here is not None and held_here.is_split:
                continue  # what one partition lacks another may have
            seen = _seen(held_here, rows.get(project), rules)
            if seen.differences:
                found[project] = seen
                kept += len(seen.differences)
        left -= len(group)
    return Look(found, left)


def agreed(first: Look, second: Look) -> dict[str, Seen]:
    """What both looks saw, with what the second one knew of the stream."""
    found = {}
    for project, now in second.projects.items():
        before = first.projects.get(project)
        both = now.differences & before.differences if before is not None else None
        if before is not None and both:
            found[project] = Seen(
                both, _common(before.gaps, now.gaps), before.duplicates & now.duplicates, now.max_number, now.held
            )
    return found


async def _read(reader: EpisodesReader, group: Sequence[str]) -> dict[str, ProjectRows]:
    rows: dict[str, ProjectRows] = {}
    async for batch in reader.rows_of(group):
        by_project: dict[str, tuple[list[Any], list[Any]]] = {}
        for project, number, owner in batch:
            numbers, owners = by_project.setdefault(project, ([], []))
            numbers.append(number)
            owners.append(owner)
        for project, (numbers, owners) in by_project.items():
            rows.setdefault(project, ProjectRows()).add(numbers, owners)
    return rows


def _seen(held: Holdings | None, rows: ProjectRows | None, rules: NumberingRules) -> Seen:
    if rows is None:
        rows = ProjectRows()
    judged = judge_table(rows.in_order()[0], rules)
    return Seen(
        differences(held, rows.pairs()),
        unexplained(judged.gaps, held),
        set(judged.duplicates),
        judged.max_number,
        held,
    )


def _groups(projects: Mapping[str, int]) -> Iterator[list[str]]:
    group: list[str] = []
    rows = 0
    for project, size in projects.items():
        if group and (len(group) >= GROUP_PROJECTS or rows + size > GROUP_ROWS):
            yield group
            group, rows = [], 0
        group.append(project)
        rows += size
    if group:
        yield group


def _common(left: IntervalSet, right: IntervalSet) -> IntervalSet:
    """What is in both."""
    common = IntervalSet(list(left))
    for start, end in left:
        for first, last in right.outside(start, end):
            common.discard(first, last)
    return common
