"""What a monitor has stored, partition by partition, read without claiming or writing anything; and why what it lacks
cannot be used."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from aiokafka import TopicPartition

from agents.engine.changelog import MARKER, keep_newest
from agents.engine.last_record import KEY as LAST_RECORD
from agents.engine.last_record import decode_last_record, is_still_there
from agents.engine.standby import Standby, standby_in
from agents.fetching.reading import reader
from agents.kafka.access import KafkaAccess
from agents.kafka.topics import TopicNames
from episode_monitor.rebuild.monitors import topics_there
from episode_monitor.replay.ranges import Bounds
from episode_monitor.replay.source import ReplayBatch
from episode_monitor.replay.topic_source import TopicSource
from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor
from streams.project.state_codec import HEADER_BYTES, read_head
from streams.project.state_shapes import StoredStateWithHistory


class Stored(msgspec.Struct):
    """One partition of a changelog: the newest value of every key. `lost` says why it cannot be used, "" where it can;
    `first_offset` is the first that the log still has."""

    values: dict[bytes, bytes]
    first_offset: int = 0
    lost: str = ""

    @property
    def next_offset(self) -> int:
        """Up to where it is complete."""
        value = self.values.get(changelog_keys.CURSOR)
        return 0 if value is None else msgspec.msgpack.decode(value, type=Cursor).next_offset

    @property
    def clock_ms(self) -> int:
        """How far its time was."""
        value = self.values.get(changelog_keys.CURSOR)
        return 0 if value is None else msgspec.msgpack.decode(value, type=Cursor).clock_ms

    @property
    def standby(self) -> Standby | None:
        """Why no worker may go live with it."""
        return standby_in(self.values)

    def is_rebuild_of(self, monitor_id: str) -> bool:
        """Whether it waits to take the place of that monitor."""
        standby = self.standby
        return standby is not None and not standby.is_replaced and standby.other == monitor_id

    def is_replaced_by(self, monitor_id: str) -> bool:
        """Whether that monitor has taken its place."""
        standby = self.standby
        return standby is not None and standby.is_replaced and standby.other == monitor_id

    def heads(self) -> list[bytes]:
        """The stored states of its projects."""
        return [value for key, value in self.values.items() if key[:1] == changelog_keys.HEAD]

    def reached(self) -> int:
        """How far any of its projects is: a flush that is under way may be ahead of the cursor."""
        return max([self.next_offset, *(read_head(value).applied + 1 for value in self.heads())])

    def rules(self) -> str | None:
        """The fingerprint of the rules under which the newest state was stored; None: there is no state."""
        newest = max(self.heads(), key=lambda value: read_head(value).applied, default=None)
        if newest is None:
            return None
        return msgspec.msgpack.decode(memoryview(newest)[HEADER_BYTES:], type=StoredStateWithHistory).body.rules


async def bounds_of(kafka: KafkaAccess, topic: str) -> dict[int, Bounds]:
    """Partition -> its beginning and end; empty for a topic that does not exist. Raises KafkaError."""
    if not await topics_there(kafka, topic):
        return {}
    return {each.partition: each for each in await TopicSource(kafka, topic).resolve()}


async def batches_of(kafka: KafkaAccess, topic: str, *bounds: Bounds) -> AsyncGenerator[ReplayBatch, None]:
    """The records within these bounds. Raises KafkaError, Failure."""
    async with aclosing(TopicSource(kafka, topic).batches(bounds)) as batches:  # type: ignore[type-var]
        async for batch in batches:
            yield batch


async def read_stored(kafka: KafkaAccess, topic: str) -> dict[int, Stored]:
    """The newest values of each partition; empty for a topic that does not exist. Raises KafkaError."""
    bounds = await bounds_of(kafka, topic)
    found = {number: Stored({}, each.first) for number, each in bounds.items()}
    async with aclosing(batches_of(kafka, topic, *bounds.values())) as batches:
        async for batch in batches:
            stored = found[batch.partition]
            for record in batch.records:
                if record.key is None:
                    stored.lost = "the changelog is damaged"
                else:
                    keep_newest(stored.values, record.key, record.value)
    for stored in found.values():
        stored.values.pop(MARKER, None)
    return found


async def read_state(kafka: KafkaAccess, topics: TopicNames) -> dict[int, Stored]:
    """Of a monitor, for each partition of its changelog and of its events. Raises KafkaError."""
    found, events = await read_stored(kafka, topics.changelog), await bounds_of(kafka, topics.events)
    for number in events.keys() - found.keys():
        found[number] = Stored({}, lost=f"{topics.changelog} does not have it")
    for number, stored in found.items():
        source = TopicPartition(topics.events, number)
        stored.lost = stored.lost or await _why_lost(kafka, source, stored, events.get(number))
    return dict(sorted(found.items()))


async def _why_lost(kafka: KafkaAccess, source: TopicPartition, stored: Stored, bounds: Bounds | None) -> str:
    if stored.first_offset > 0:
        return f"the changelog begins at offset {stored.first_offset}: its beginning was deleted"
    if changelog_keys.CURSOR not in stored.values:
        return "the changelog is empty" if bounds is not None and bounds.end else ""
    try:
        stored.reached()
        last = decode_last_record(stored.values.get(LAST_RECORD))
    except Exception as error:  # bytes that no worker wrote, or another version
        return f"the changelog has a record that this version cannot read ({type(error).__name__}: {str(error)[:150]})"
    if last is None or bounds is None or last.offset < bounds.first:
        return ""
    async with reader(kafka) as consumer:
        if await is_still_there(consumer, source, last):
            return ""
    return f"{source.topic} no longer has the record that was read last, at offset {last.offset}: it was recreated"
