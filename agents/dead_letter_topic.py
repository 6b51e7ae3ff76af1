"""The dead letters of a topic, and what people decided about them: a record behind a letter says that it was handled.

Such a record is a letter about the letter: its `dl_topic` and `dl_offset` name it, `dl_reason` says what was done.
"""

from collections.abc import Mapping

import msgspec
from aiokafka import TopicPartition

from agents.alerts.alert_headers import MONITOR_ID
from agents.engine.last_record import origin_of
from agents.fetching.reading import reader, some_records
from agents.kafka.access import Kafka
from models.dead_letter import LETTER_MONITOR_ID

LOOKED_THROUGH = 10_000  # the newest records of a topic
_PREFIX = "dl_"

Headers = list[tuple[str, bytes | None]]


class KeptLetter(msgspec.Struct, frozen=True):
    """A letter as its topic has it. `about` are its last `dl_*` headers, without the prefix."""

    offset: int
    at_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def about(self) -> Mapping[str, str]:
        """Why and whence it came."""
        return {
            name.removeprefix(_PREFIX): (value or b"").decode(errors="replace")
            for name, value in self.headers
            if name.startswith(_PREFIX)
        }

    @property
    def monitor_id(self) -> str:
        """Which monitor wrote it; "" where it is not said."""
        ours = [value for name, value in self.headers if name in (LETTER_MONITOR_ID, MONITOR_ID)]
        return (ours[-1] or b"").decode(errors="replace") if ours else ""

    @property
    def own_headers(self) -> Headers:
        """Those of the record that was refused."""
        return [each for each in self.headers if not each[0].startswith(_PREFIX)]


async def open_letters(kafka: Kafka, topic: str, monitor_id: str) -> list[KeptLetter]:
    """Those of this monitor that nobody has handled, newest first, among the last `LOOKED_THROUGH` records. Raises
    KafkaError."""
    tp = TopicPartition(topic, 0)
    found: dict[int, KeptLetter] = {}
    async with reader(kafka) as consumer:
        if topic not in await consumer.topics():
            return []
        beginning, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
        consumer.assign([tp])
        consumer.seek(tp, max(beginning, end - LOOKED_THROUGH))
        while await consumer.position(tp) < end:
            records = await some_records(consumer, tp)
            for record in records:
                handled = origin_of(record, tp, monitor_id)
                if handled is not None:
                    found.pop(handled, None)
                    continue
                letter = KeptLetter(
                    record.offset, record.timestamp or 0, record.key, record.value, list(record.headers)
                )
                if letter.monitor_id in ("", monitor_id):
                    found[record.offset] = letter
            if not records:
                break
    return list(reversed(found.values()))


def handled_headers(topic: str, offset: int, what: str, by: str, comment: str, monitor_id: str) -> Headers:
    """Of the record that says what became of a letter."""
    return [
        ("dl_topic", topic.encode()), ("dl_partition", b"0"), ("dl_offset", b"%d" % offset),
        ("dl_reason", what.encode()), ("dl_by", by.encode(errors="replace")),
        ("dl_comment", comment.encode(errors="replace")), (LETTER_MONITOR_ID, monitor_id.encode()),
    ]  # fmt: skip
