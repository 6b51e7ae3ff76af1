"""`rebuild compare`: both states brought to the same offsets in memory, then compared project by project.

Equal fingerprints are equal projects; what differs is named as `replay --against live` names it.
"""

from collections.abc import Iterable

import msgspec

from episode_monitor.rebuild.building import recovered, take
from episode_monitor.rebuild.monitors import Pair, Refused
from episode_monitor.rebuild.planning import OTHER_RULES, Outline
from episode_monitor.replay.against.close_look import CloseLook
from episode_monitor.replay.against.compare_facts import compare_facts
from episode_monitor.replay.against.difference import (
    RULES_VERSION,
    ComparedPartition,
    Comparison,
    Difference,
    comparison,
)
from episode_monitor.replay.against.summing_up import retained
from episode_monitor.replay.ranges import Bounds
from episode_monitor.replay.topic_source import TopicSource
from streams.base import changelog_keys
from streams.partition.partition import Partition
from streams.project.fingerprint import fingerprint
from streams.project.state_digest import digest_text, project_digest, total_of
from streams.views.project_facts import facts_of

MAX_CLOSE = 200  # projects of a partition that are looked at number by number
RULES_DIFFER = "The old state was stored under other rules: what they decide may differ, numbers may not."

Partitions = dict[int, Partition]


class Compared(msgspec.Struct, frozen=True):
    """The digests are of all projects (`streams.project.state_digest`). `behind`: records that the new monitor has to
    process to be where the old one is."""

    comparison: Comparison
    old_digest: str
    new_digest: str
    behind: int


class _Sides(msgspec.Struct):
    """A project in both monitors: the partition that has it, and its fingerprint there."""

    ours: Partition | None = None
    theirs: Partition | None = None
    our_print: str = ""
    their_print: str = ""


async def compare_monitors(pair: Pair, found: Outline) -> Compared:
    """In memory alone. Raises KafkaError, Refused."""
    if not any(each.is_rebuild_of(pair.old_id) for each in found.new.values()):
        raise Refused(
            f"No rebuild of {pair.old_id} into {pair.new_id} waits to be put in force; `episode-monitor rebuild start` "
            f"begins one."
        )
    ranges = {each.partition: Bounds(each.partition, each.first, each.end) for each in found.partitions}
    old = await _old_partitions(pair, found, ranges)
    new, behind = await _new_partitions(pair, found, ranges)
    sides = _sides(pair, old, new)
    other_rules = OTHER_RULES in found.cases
    notes = [RULES_DIFFER] if other_rules else []
    notes += [f"Partition {number} was not compared: {each.lost}." for number, each in found.old.items() if each.lost]
    differences: list[Difference] = []
    compared: list[ComparedPartition] = []
    unlisted = 0
    for number, bounds in ranges.items():
        mine = {key[0]: each for key, each in sides.items() if _place(each, ranges) == number}
        differing = {project: each for project, each in mine.items() if each.our_print != each.their_print}
        first = dict(list(differing.items())[:MAX_CLOSE])
        kept, note = retained(number, bounds.first, await _closely(pair, bounds, first, other_rules))
        differences += kept
        notes += [note] if note else []
        unlisted += len(differing) - len(first)
        compared.append(
            ComparedPartition(
                partition=number, begin=bounds.first, end=bounds.end or 0, projects=len(mine), differing=len(differing)
            )
        )
    old_digest = _digest((key[0], each.their_print) for key, each in sides.items())
    new_digest = _digest((key[0], each.our_print) for key, each in sides.items())
    return Compared(comparison(differences, compared, notes, unlisted), old_digest, new_digest, behind)


# --- the same offsets


async def _old_partitions(pair: Pair, found: Outline, ranges: dict[int, Bounds]) -> Partitions:
    """All that can be read. A flush that is under way may be ahead of the cursor: to its end, which becomes that of the
    range."""
    old: Partitions = {}
    for number, stored in found.old.items():
        if stored.lost or (pair.has_same_events and number not in ranges):
            continue
        owned = await recovered(pair, number, stored.values, len(found.old))
        if pair.has_same_events:
            until = max(stored.reached(), found.new[number].reached())
            await take(pair, owned, until)
            ranges[number] = msgspec.structs.replace(ranges[number], end=until)
        old[number] = owned.partition
    return old


async def _new_partitions(pair: Pair, found: Outline, ranges: dict[int, Bounds]) -> tuple[Partitions, int]:
    """Those of which there is an old state; and how many records they lacked."""
    new, behind = Partitions(), 0
    for each in found.partitions:
        until = ranges[each.partition].end or 0
        owned = await recovered(pair, each.partition, found.new[each.partition].values)
        behind += max(0, until - owned.position)
        if each.why_lost:
            del ranges[each.partition]
            continue
        owned.begin_at(each.first, set())
        await take(pair, owned, until)
        new[each.partition] = owned.partition
    return new, behind


# --- projects


def _sides(pair: Pair, old: Partitions, new: Partitions) -> dict[tuple[str, int], _Sides]:
    """By project, and by partition where offsets and partitions are the same."""
    found: dict[tuple[str, int], _Sides] = {}
    for partitions, is_ours in ((old, False), (new, True)):
        for number, partition in partitions.items():
            for key in partition.index.head_keys:
                project_id = changelog_keys.project_of(key)
                state = partition.look(project_id)
                sides = found.setdefault((project_id, number if pair.has_same_events else 0), _Sides())
                digest = "" if state is None else fingerprint(state)
                if is_ours:
                    sides.ours, sides.our_print = partition, digest
                else:
                    sides.theirs, sides.their_print = partition, digest
    return found


def _place(sides: _Sides, ranges: dict[int, Bounds]) -> int:
    """The partition in whose result it is counted: where the new monitor has it, or else might have it."""
    holder = sides.ours or sides.theirs
    return holder.number if holder is not None and holder.number in ranges else min(ranges)


async def _closely(pair: Pair, bounds: Bounds, differing: dict[str, _Sides], other_rules: bool) -> list[Difference]:
    """With what the topic says about these projects. Where rules differ, so may all but numbers."""
    if not differing:
        return []
    look = CloseLook(pair.core, bounds, dict.fromkeys(differing))
    await look.run(TopicSource(pair.kafka, pair.new.events))
    found: list[Difference] = []
    for project_id, sides in differing.items():
        ours = None if sides.ours is None else facts_of(sides.ours, project_id)
        theirs = None if sides.theirs is None else facts_of(sides.theirs, project_id)
        found += compare_facts(ours, theirs, look.evidence[project_id])
    return [
        msgspec.structs.replace(one, what=RULES_VERSION, explanation=RULES_DIFFER)
        if other_rules and one.number is None and one.replayed is not None and one.other is not None
        else one
        for one in found
    ]


def _digest(prints: Iterable[tuple[str, str]]) -> str:
    return digest_text(total_of(project_digest(project_id, digest) for project_id, digest in prints if digest))
