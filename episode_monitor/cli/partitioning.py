"""`doctor` looks at partitions: which partitioners the newest records were placed by, and which projects are in several
partitions, by these records and by the summaries that the workers have published."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.fetching.reading import Record, reader, some_records
from agents.fleet_topic.reader import READ_BACK_RECORDS, READ_BACK_SECONDS
from agents.fleet_topic.record import FleetRecord, Unreadable, decode_record, unpack_body
from agents.kafka.access import Kafka
from agents.kafka.placement import PlacedBy, parts_of, placed_by, sentence
from models.codec import decode_event
from models.event import Event
from streams.partition.summary import SplitFacts

SAMPLED_RECORDS = 5_000  # of all partitions together, the newest
MAX_NAMED = 3
QUIET_POLLS = 3
FOREVER_MS = 1 << 62  # an event ahead of the clock shows its partition as well


class Placed(msgspec.Struct):
    """What records say. `placed` counts them by what put them where they are."""

    placed: Counter[PlacedBy]
    splits: dict[str, SplitFacts]
    told: int = 0  # split projects that the workers count


async def look_at_partitioning(kafka: Kafka, events: str, fleet: str, partitions: int) -> tuple[bool, str]:
    """Whether all is well, and a sentence. Raises KafkaError."""
    async with reader(kafka, committed_only=True) as consumer:
        each = max(20, SAMPLED_RECORDS // partitions)
        records = {
            number: await newest_records(consumer, TopicPartition(events, number), each) for number in range(partitions)
        }
        back = max(READ_BACK_RECORDS, READ_BACK_SECONDS * partitions)
        summaries = await newest_records(consumer, TopicPartition(fleet, 0), back)
    seen = of_records(records)
    add_told(seen, (record.value for record in summaries))
    return in_words(seen, partitions)


async def newest_records(consumer: AIOKafkaConsumer, tp: TopicPartition, limit: int) -> list[Record]:
    beginning = (await consumer.beginning_offsets([tp]))[tp]
    end = (await consumer.end_offsets([tp]))[tp]
    consumer.assign([tp])
    consumer.seek(tp, max(beginning, end - limit))
    found: list[Record] = []
    quiet = 0
    while await consumer.position(tp) < end and quiet < QUIET_POLLS:
        records = await some_records(consumer, tp)
        quiet = 0 if records else quiet + 1
        found.extend(records)
    return found


def of_records(records: Mapping[int, Sequence[Record]]) -> Placed:
    """Records by partition."""
    placed: Counter[PlacedBy] = Counter()
    where: dict[str, set[int]] = {}
    keyless: dict[str, set[int]] = {}
    for number, batch in records.items():
        for record in batch:
            event = decode_event(record.key, record.value, record.headers, FOREVER_MS)
            if not isinstance(event, Event):
                continue
            where.setdefault(event.project_id, set()).add(number)
            if record.key is None:
                keyless.setdefault(event.project_id, set()).add(number)
                placed[PlacedBy.NO_KEY] += 1
            else:
                placed[placed_by(record.key, number, len(records))] += 1
    splits = {
        project: SplitFacts(project, tuple(sorted(numbers)), tuple(sorted(keyless.get(project, ()))))
        for project, numbers in where.items()
        if len(numbers) > 1
    }
    return Placed(placed, splits)


def add_told(seen: Placed, summaries: Iterable[bytes | None]) -> None:
    """The newest summary of each partition."""
    newest: dict[int, FleetRecord] = {}
    for value in summaries:
        try:
            record = decode_record(value or b"")
        except Unreadable:
            continue
        newest[record.partition] = record
    for record in newest.values():
        if record.counts is None or not record.counts.splits:
            continue
        seen.told += record.counts.splits
        try:
            told = unpack_body(record.body).lists.splits
        except Unreadable:
            continue
        for facts in told:
            known = seen.splits.get(facts.project_id)
            if known is None or len(known.partitions) <= len(facts.partitions):
                seen.splits[facts.project_id] = facts


def in_words(seen: Placed, partitions: int) -> tuple[bool, str]:
    """Whether all is well, and a sentence."""
    counted = ", ".join(f"{name.value} {count}" for name, count in seen.placed.most_common())
    by = f"Newest records by the partitioner that placed them: {counted}." if counted else "There are no events yet."
    total = max(len(seen.splits), seen.told)
    if not total:
        return True, by
    named = [
        f"{name}: {sentence(parts_of(name, seen.splits[name].partitions, seen.splits[name].keyless, partitions))}"
        for name in sorted(seen.splits)[:MAX_NAMED]
    ]
    one = "1 project is" if total == 1 else f"{total} projects are"
    more = f" And {total - len(named)} more." if total > len(named) else ""
    return False, f"{one} in several partitions, so their numbers are not evaluated. {' '.join(named)}{more} {by}"
