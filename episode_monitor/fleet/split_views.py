"""Projects in several partitions for people: one with its parts, or how many there are."""

from collections.abc import Sequence

from agents.fleet_topic.fleet_view import FleetView, Incomplete, LocalPartition
from agents.fleet_topic.record import Unreadable
from agents.kafka.placement import cause_of, parts_of, sentence
from models.integrity_views import SplitPart, SplitView
from streams.partition.summary import SplitFacts, splits_of
from streams.views.joined_views import Piece

MAX_NAMED = 3  # in one sentence


def split_view(project_id: str, pieces: Sequence[Piece], partitions: int) -> SplitView:
    """`pieces` by ascending partition; `partitions` is how many there are."""
    keyless = {number for piece in pieces for number in piece.keyless}
    parts = parts_of(project_id, [piece.view.applied.partition for piece in pieces], keyless, partitions)
    return SplitView(
        partitions=[
            SplitPart(
                partition=part.partition,
                offset=piece.view.applied.offset,
                total_episodes=piece.view.total_episodes,
                max_number=piece.view.max_number,
                placed_by=part.placed_by.value,
                state_hash=piece.view.state_hash,
            )
            for part, piece in zip(parts, pieces, strict=True)
        ],
        cause=cause_of(parts).value,
        detail=sentence(parts),
    )


def splits_known(view: FleetView) -> tuple[int, list[SplitFacts]]:
    """How many there are in the fleet, and the first by name; what is known where a part of the fleet is not."""
    try:
        parts = view.parts()
    except Incomplete:
        named = [facts for owned in view.live for facts in splits_of(owned.partition)]
        return sum(owned.partition.index.counted_splits for owned in view.live), named
    total, found = 0, []
    for part in parts:
        total += part.counts.splits
        if isinstance(part, LocalPartition):
            found.extend(splits_of(part.owned.partition))
        elif part.counts.splits:
            try:
                found.extend(part.known.body().lists.splits)
            except Unreadable:
                continue  # its owner publishes again within seconds
    return total, found


def splits_status(view: FleetView) -> str:
    """ "ok", or a sentence that names the first ones."""
    total, found = splits_known(view)
    if not total:
        return "ok"
    named = []
    for facts in found[:MAX_NAMED]:
        parts = parts_of(facts.project_id, facts.partitions, facts.keyless, view.partition_count())
        where = ", ".join(f"{part.partition} by {part.placed_by.value}" for part in parts)
        named.append(f"{facts.project_id} (partitions {where}; {cause_of(parts).value})")
    more = f" and {total - len(named)} more" if total > len(named) else ""
    one = "1 project is" if total == 1 else f"{total} projects are"
    return (
        f"{one} in several partitions, so their numbers are not evaluated: {', '.join(named)}{more}. "
        f"See docs/events.md for the fix."
    )
