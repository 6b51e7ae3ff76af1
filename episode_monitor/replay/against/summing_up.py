"""What is said once for a partition, or for all of them, instead of for each project."""

from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Final

from episode_monitor.replay.against import difference as kinds
from episode_monitor.replay.against.difference import Difference
from episode_monitor.replay.against.matching import Moved

MAX_MOVED: Final = 3  # projects that are named one by one
MAX_NAMED: Final = 5


def rules_differ(ours: str, theirs: str) -> Difference:
    """Rules or settings of the two sides."""
    return Difference(
        project_id="", what=kinds.RULES_VERSION, replayed=ours, other=theirs,
        explanation="The live monitor runs under other rules or settings than this command, so only numbers, their "
        "findings and late events are compared: use the same RULES_FILE and settings to compare everything.",
    )  # fmt: skip


def moved_together(partition: int, moved: Sequence[Moved]) -> list[Difference]:
    """Projects with the same facts at other offsets: each, or how many where one record moved them all."""

    def shift(one: Moved) -> int:
        return one.replayed - one.live

    found: list[Difference] = []
    for by, group in groupby(sorted(moved, key=lambda one: (shift(one), one.live)), shift):
        together = list(group)
        first = together[0]
        if len(together) <= MAX_MOVED:
            found.extend(_moved(partition, one) for one in together)
            continue
        way = "further on" if by > 0 else "earlier"
        found.append(
            Difference(
                project_id="", what=kinds.RECORD_MOVED, replayed=first.replayed, other=first.live, partition=partition,
                offset=first.replayed,
                explanation=f"{len(together)} projects of partition {partition} have the same facts, but their last "
                f"records lie {abs(by)} offsets {way} here than live, the first of them {first.project_id} at offset "
                f"{first.replayed}: before it a record was removed or inserted on one side.",
            )
        )  # fmt: skip
    return found


def _moved(partition: int, one: Moved) -> Difference:
    return Difference(
        project_id=one.project_id, what=kinds.RECORD_MOVED, replayed=one.replayed, other=one.live, partition=partition,
        offset=one.replayed,
        explanation=f"Both sides have the same facts, but the last record is at offset {one.replayed} here and at "
        f"{one.live} live: records were removed, inserted or exchanged.",
    )  # fmt: skip


def retained(partition: int, begins: int, found: Sequence[Difference]) -> tuple[list[Difference], str]:
    """Where the beginning of the topic is gone: projects that differ by missing records alone become one difference."""
    if not begins:
        return list(found), ""
    otherwise = {one.project_id for one in found if one.what != kinds.RECORD_MISSING}
    explained = sorted({one.project_id for one in found} - otherwise)
    note = (
        f"Partition {partition} begins at offset {begins}: what lay before it has been deleted, and only projects "
        f"whose records are all there can be equal."
    )
    if not explained:
        return list(found), note
    summed = Difference(
        project_id="", what=kinds.RECORD_MISSING, replayed=None, other=len(explained), partition=partition,
        offset=begins,
        explanation=f"{len(explained)} projects of partition {partition} were built from records before offset "
        f"{begins}, which the topic no longer has; what it still has agrees "
        f"({first_of(explained)}).",
    )  # fmt: skip
    return [summed, *(one for one in found if one.project_id in otherwise)], note


def split_notes(partition: int, projects: Sequence[str]) -> list[str]:
    """Projects in several partitions are compared part by part."""
    if not projects:
        return []
    return [
        f"{len(projects)} projects of partition {partition} are in several partitions and are compared part by part "
        f"({first_of(projects)})."
    ]


def first_of(projects: Collection[str]) -> str:
    """Some names, and that there are more."""
    return ", ".join(sorted(projects)[:MAX_NAMED]) + (", …" if len(projects) > MAX_NAMED else "")
