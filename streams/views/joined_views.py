"""A project that is in several partitions, seen as one: the numbers of its parts laid together.

What a part cannot know stays unknown: where an episode was created in one part and moved or deleted in another, both
numbers count as held. So the view is for people alone: no alert comes from it.
"""

from collections.abc import Sequence
from itertools import chain

import msgspec

from models.integrity_views import ProjectView, SplitView, Suspect
from streams.base.intervals import IntervalSet
from streams.base.numbering_rules import NumberingRules, health_score
from streams.numbering.table_judgement import judge_table
from streams.views.project_views import MAX_GAPS_LISTED


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What one partition knows of the project; its numbers with their owners in ascending order."""

    view: ProjectView
    numbers: list[int]
    owners: list[str]
    explained: list[tuple[int, int]]
    keyless: list[int]  # partitions in which records of it had no key


def joined_view(pieces: Sequence[Piece], rules: NumberingRules, split: SplitView) -> ProjectView:
    """The project as of the newest of its parts, which are given by ascending partition."""
    pairs = sorted({pair for piece in pieces for pair in zip(piece.numbers, piece.owners, strict=True)})
    judged = judge_table([number for number, _ in pairs], rules)
    missing = IntervalSet(list(judged.gaps))
    for first, last in chain.from_iterable(piece.explained for piece in pieces):
        missing.discard(first, last)
    open_somewhere = IntervalSet()
    for first, last in chain.from_iterable(piece.view.gap_ranges for piece in pieces):
        open_somewhere.add(first, last)
    open_gaps = common(missing, open_somewhere)
    duplicates = _duplicates(pieces, judged.duplicates)
    owners: dict[int, list[str]] = {number: [] for number in duplicates}
    for number, owner in pairs:
        if number in owners:
            owners[number].append(owner)
    views = [piece.view for piece in pieces]
    return msgspec.structs.replace(
        views[0],
        is_healthy=not open_gaps.count and not duplicates,
        total_episodes=len({owner for _, owner in pairs}),
        max_number=judged.max_number,
        gaps=open_gaps.first_numbers(MAX_GAPS_LISTED),
        gap_ranges=list(open_gaps),
        gaps_total=open_gaps.count,
        duplicates=duplicates,
        duplicate_owners={str(number): found for number, found in owners.items()},
        suspects=_suspects(views, missing),
        health_score=health_score(judged.max_number, open_gaps.count, len(duplicates)),
        as_of=max(view.as_of for view in views),
        capped=any(view.capped for view in views),
        resends=sum(view.resends for view in views),
        restatements=sum(view.restatements for view in views),
        late_events=sum(view.late_events for view in views),
        split=split,
        gap_since=[None] * len(open_gaps),
        duplicate_since=dict.fromkeys(map(str, duplicates)),
    )


def _duplicates(pieces: Sequence[Piece], judged: Sequence[int]) -> list[int]:
    """Those that are open in a part, and those that only all parts together show."""
    suspect = {s.first_number for piece in pieces for s in piece.view.suspects if s.kind == "duplicate"}
    open_ones = {number for piece in pieces for number in piece.view.duplicates}
    return sorted(number for number in judged if number in open_ones or number not in suspect)


def _suspects(views: Sequence[ProjectView], missing: IntervalSet) -> list[Suspect]:
    """What is suspect in a part and missing in all."""
    found: dict[tuple[str, int, int], Suspect] = {}
    for suspect in chain.from_iterable(view.suspects for view in views):
        ranges = [(suspect.first_number, suspect.last_number)]
        if suspect.kind == "gap":
            ranges = list(common(missing, IntervalSet(ranges)))
        for first, last in ranges:
            one = msgspec.structs.replace(suspect, first_number=first, last_number=last)
            found.setdefault((suspect.kind, first, last), one)
    return [found[key] for key in sorted(found)]


def common(left: IntervalSet, right: IntervalSet) -> IntervalSet:
    """What is in both."""
    both = IntervalSet(list(left))
    for start, end in left:
        for first, last in right.outside(start, end):
            both.discard(first, last)
    return both
