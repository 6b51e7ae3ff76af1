"""What a rebuild has to do: which case it is, what is created, which records are processed, what is carried over."""

import msgspec

from episode_monitor.rebuild.dispatcher_carrying import CarriedDispatcher, dispatcher_left
from episode_monitor.rebuild.monitors import RECENT_MS, Pair, Refused, now_ms, topics_there
from episode_monitor.rebuild.stored import Stored, bounds_of, read_state

SAME, LOST, OTHER_TOPIC, MORE_PARTITIONS, OTHER_RULES = (
    "same_events_same_rules", "lost_changelog", "other_topic", "more_partitions", "rule_change",
)  # fmt: skip


class PartitionPlan(msgspec.Struct, frozen=True):
    """One partition: built from offset `begin` to before `end`. `first`: where the log begins. `gone`: offsets that
    were deleted before they were read. `why_lost`: why the old state is no measure of it."""

    partition: int
    first: int
    begin: int
    end: int
    gone: int
    why_lost: str


class Outline(msgspec.Struct):
    """What was read of both monitors. A partition that a switch has put in force already is in no plan."""

    old: dict[int, Stored]
    new: dict[int, Stored]
    partitions: list[PartitionPlan]
    cases: list[str]

    @property
    def records(self) -> int:
        """How many offsets are to be processed."""
        return sum(max(0, each.end - each.begin) for each in self.partitions)

    @property
    def is_lost(self) -> bool:
        """Whether the old state of any partition with events is."""
        return any(each.why_lost and each.end for each in self.partitions)

    @property
    def is_replaced(self) -> bool:
        """Whether each partition of the old monitor says that it was replaced."""
        return bool(self.old) and all(
            each.standby is not None and each.standby.is_replaced for each in self.old.values()
        )


class Plan(msgspec.Struct, frozen=True):
    """What `start` would do, and what `switch` would not carry over."""

    monitor_id: str
    to: str
    cases: list[str]
    create: list[str]
    partitions: list[PartitionPlan]
    records: int
    dispatcher: CarriedDispatcher | None  # what a switch would carry over of its state now; null: there is none
    not_carried_over: list[str]


async def outline(pair: Pair) -> Outline:
    """Read both, and where the log of the events begins and ends. Raises KafkaError, Refused."""
    events = await bounds_of(pair.kafka, pair.new.events)
    if not events:
        raise Refused(f"There is no topic {pair.new.events} at {pair.kafka}; check EVENTS_TOPIC and --events.")
    old, new = await read_state(pair.kafka, pair.old), await read_state(pair.kafka, pair.new)
    is_switching = any(each.is_replaced_by(pair.new_id) for each in old.values())
    partitions = []
    for number, bounds in events.items():
        built = new[number]
        if built.values and not built.is_rebuild_of(pair.old_id):
            if is_switching and built.standby is None:
                continue
            raise Refused(
                f"Monitor {pair.new_id} exists already, and is no rebuild of {pair.old_id}. Choose another name, or "
                f"delete it with `episode-monitor rebuild delete {pair.new_id}`."
            )
        if built.next_offset and built.lost:
            raise Refused(
                f"Partition {number} of {pair.new_id} cannot be continued: {built.lost}. Delete {pair.new_id} with "
                f"`episode-monitor rebuild delete {pair.new_id}`, and begin again."
            )
        lost = old[number].lost if pair.has_same_events else ""
        end = bounds.end or 0
        if pair.has_same_events and not lost:  # exactly as far as the old one is: alerts are the same there
            end = old[number].next_offset
        begin = max(built.next_offset, min(bounds.first, end))
        partitions.append(PartitionPlan(number, bounds.first, begin, end, begin - built.next_offset, lost))
    return Outline(old, new, partitions, _cases(pair, old, partitions, len(events)))


def _cases(pair: Pair, old: dict[int, Stored], partitions: list[PartitionPlan], count: int) -> list[str]:
    fingerprint = pair.core.rules.fingerprint
    known = sum(1 for each in old.values() if each.values or not each.lost)
    found = {
        LOST: any(each.why_lost and each.end for each in partitions) or any(each.lost for each in old.values()),
        OTHER_TOPIC: not pair.has_same_events,
        MORE_PARTITIONS: 0 < known < count,
        OTHER_RULES: any(each.rules() not in (None, fingerprint) for each in old.values() if not each.lost),
    }
    return [case for case, is_so in found.items() if is_so] or [SAME]


def refuse_another(pair: Pair, found: Outline) -> None:
    """Raises Refused where another process works on the new monitor, before a claim would shut it out."""
    notes = [each.standby for each in found.new.values() if each.is_rebuild_of(pair.old_id)]
    if any(note is not None and abs(now_ms() - note.at_ms) < RECENT_MS for note in notes):
        raise Refused(
            f"Another rebuild into {pair.new_id} is at work. Wait for its end; if it was killed, try again in "
            f"{RECENT_MS // 1000} seconds."
        )


def refuse_loss(pair: Pair, found: Outline) -> None:
    """Raises Refused where the state would silently lack what is gone."""
    gone = [each for each in found.partitions if each.gone]
    if gone:
        raise Refused(
            f"The first {sum(each.gone for each in gone)} offsets of {pair.new.events} (partition "
            f"{', '.join(str(each.partition) for each in gone)}) were deleted, and no state can be built from records "
            f"that are gone. --accept-loss builds from what is left, without the projects and numbers of the rest; "
            f"FIRST_NUMBER=first_seen then avoids false gaps."
        )


async def plan(pair: Pair, *, accepts_loss: bool) -> Plan:
    """A simulation: reads, and writes nothing. Raises KafkaError, Refused."""
    found = await outline(pair)
    if not accepts_loss:
        refuse_loss(pair, found)
    own = (pair.new.changelog, pair.new.fleet, *pair.new.of_dispatch)
    there = await topics_there(pair.kafka, *own)
    dispatcher = await dispatcher_left(pair)
    return Plan(
        monitor_id=pair.old_id,
        to=pair.new_id,
        cases=found.cases,
        create=[name for name in own if name not in there],
        partitions=found.partitions,
        records=found.records,
        dispatcher=None if dispatcher is None else dispatcher.counted(),
        not_carried_over=not_carried(found),
    )


def not_carried(found: Outline) -> list[str]:
    """What the new monitor will not have, in sentences."""
    sentences = ["The chain of audit checkpoints begins anew under the new name; the old one stays as it is."]
    if found.is_lost:
        sentences.append(
            "Of partitions whose old state is lost, waivers and the history of findings are gone, and what fires in "
            "them is sent again."
        )
    return sentences
