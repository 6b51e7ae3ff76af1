"""All projects of a stream beside the project service's table: one pass, and two looks at those that differ in it."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import msgspec

from episode_monitor.checks.close_compare import Look, Seen, agreed, look
from episode_monitor.checks.first_pass import Pass
from episode_monitor.checks.numbers_side import NumbersSide
from episode_monitor.service_database.reader import EpisodesReader
from streams.base.numbering_rules import NumberingRules

OpenReader = Callable[[], AbstractAsyncContextManager[EpisodesReader]]


class TableComparison(msgspec.Struct, frozen=True):
    """`drifting`: what both looks agree on. `not_examined`: projects that were too much."""

    passed: Pass
    drifting: dict[str, Seen]
    not_examined: int


async def compare_with_table(
    stream: NumbersSide, open_reader: OpenReader, rules: NumberingRules, *, progress: Callable[[int], None],
    settle: Callable[[], Awaitable[None]], is_behind: bool = False,
) -> TableComparison:  # fmt: skip
    """`settle` lies between the looks. `is_behind`: the stream catches up before the first look as well.

    Raises ServiceDatabaseError, CheckFailed.
    """
    passed = Pass(stream, progress)
    async with open_reader() as reader:
        await passed.run(reader)
        first = await look(reader, stream, passed.candidates, rules, caught_up=is_behind)
    second = Look({}, 0)
    if first.projects:
        await settle()
        sizes = {project: passed.candidates[project] for project in first.projects}
        async with open_reader() as reader:
            second = await look(reader, stream, sizes, rules, caught_up=True)
    not_examined = passed.not_examined + first.not_examined + second.not_examined
    return TableComparison(passed, agreed(first, second), not_examined)
