"""Builds the new monitor up to where the old one is. Run again after an interruption, it continues."""

from collections.abc import Callable

import msgspec

from agents.kafka.topics import ensure_topics
from episode_monitor.rebuild.building import NewMonitor, Progress, new_monitor, run_clock_to, take
from episode_monitor.rebuild.monitors import Pair, now_ms, refuse_workers_of
from episode_monitor.rebuild.planning import Outline, outline, refuse_another, refuse_loss

IDLE_MS = 2_000  # so far behind the wall clock a worker keeps the clock of a partition without news


class Started(msgspec.Struct, frozen=True):
    """What was built."""

    monitor_id: str
    to: str
    cases: list[str]
    records: int
    projects: int
    partitions: dict[int, int]  # -> next offset


Announce = Callable[[Outline], Progress]  # called with what is to be done


async def start(pair: Pair, announce: Announce, *, accepts_loss: bool) -> Started:
    """Create the topics and build every partition. Raises KafkaError, TopicMismatch, Refused."""
    found = await outline(pair)
    refuse_another(pair, found)
    if not accepts_loss:
        refuse_loss(pair, found)
    await refuse_workers_of(pair.kafka, pair.new_id, pair.new.fleet)
    await ensure_topics(pair.kafka, pair.new, len(found.partitions), pair.replication_factor)
    progress = announce(found)
    async with new_monitor(pair, [each.partition for each in found.partitions]) as monitor:
        await build(monitor, found, progress)
        owned = monitor.owned
        projects = {key for each in owned.values() for key in each.partition.index.head_keys}
        offsets = {number: each.position for number, each in owned.items()}
        return Started(pair.old_id, pair.new_id, found.cases, found.records, len(projects), offsets)


async def build(monitor: NewMonitor, found: Outline, progress: Progress) -> None:
    """Claim every partition of the outline, and bring it to where the old one is."""
    for each in found.partitions:
        owned = await monitor.claim(each.partition)
        await take(monitor.pair, owned, each.end, progress)
        follows_old = monitor.pair.has_same_events and not each.why_lost
        await run_clock_to(owned, found.old[each.partition].clock_ms if follows_old else now_ms() - IDLE_MS)
    await monitor.note_splits()
