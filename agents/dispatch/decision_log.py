"""The dispatcher's changelog: one partition, whole decisions, each ended by the record of positions and clock.

What lies behind the last such record was cut off by the end of its writer, and does not count. Records that are not
of `streams.dispatch.storage` stand beside the state: notifications that are decided and not known to be sent, what
became of acts, changes that the history does not have yet, and which worker is the owner.
"""

from collections.abc import Iterable, Mapping
from contextlib import aclosing

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.engine.changelog import Changelog, PartitionLog, StateIsUnreadable
from agents.engine.producer import Producer
from streams.dispatch.state import META

MARKER, END = b"!", META.encode()
OUTBOX, OUTCOME, OWNER, CHANGE = b"n", b"x", b"w", b"h"  # the first letter of a stored key
BESIDES = (OUTBOX, OUTCOME, OWNER, CHANGE)  # what is not of the state

Records = Iterable[tuple[bytes, bytes | None]]


class Decisions:
    """Puts the records of a decision together."""

    def __init__(self) -> None:
        self.torn: dict[bytes, bytes | None] = {}  # of a decision whose end was not seen

    def take(self, key: bytes, value: bytes | None) -> Mapping[bytes, bytes | None]:
        """The records of a decision when its last one has come, nothing before."""
        if key == MARKER:
            return {}
        self.torn[key] = value
        if key != END:
            return {}
        changed, self.torn = self.torn, {}
        return changed


class WholeDecisions(Decisions):
    """Keeps the newest value of each key; `values` changes only when a decision is whole."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[bytes, bytes] = {}

    def take(self, key: bytes, value: bytes | None) -> Mapping[bytes, bytes | None]:
        """Apply a record; returns what has changed."""
        changed = super().take(key, value)
        for name, new in changed.items():
            if new is None:
                self.values.pop(name, None)
            else:
                self.values[name] = new
        return changed


class DecisionLog:
    """The log in the hands of its owner, from `claim` on."""

    def __init__(self, topic: str, producer: Producer) -> None:
        self._changelog = Changelog(topic, producer)
        self._log: PartitionLog | None = None

    async def claim(self) -> None:
        """Fence all former owners, where the broker can. Raises KafkaError."""
        await self.close()
        self._log = await self._changelog.claim(0)

    @property
    def log(self) -> PartitionLog:
        """The claimed log."""
        if self._log is None:
            raise RuntimeError("the dispatcher's log was not claimed")
        return self._log

    @property
    def producer(self) -> Producer:
        """The producer that former owners are shut out with; theirs is refused behind its first record."""
        return self.log.producer

    async def read(self, consumer: AIOKafkaConsumer) -> WholeDecisions:
        """Everything that is stored. Raises KafkaError, StateIsUnreadable."""
        await self._check_whole(consumer)
        found = WholeDecisions()
        async with aclosing(self.log.up_to_now(consumer, MARKER)) as pieces:
            async for records in pieces:
                for record in records:
                    if record.key is not None:
                        found.take(record.key, record.value)
        return found

    async def _check_whole(self, consumer: AIOKafkaConsumer) -> None:
        """Compaction leaves the beginning of a log at 0; only deletion moves it."""
        tp = TopicPartition(self._changelog.topic, 0)
        beginning = (await consumer.beginning_offsets([tp]))[tp]
        if beginning > 0:
            raise StateIsUnreadable(
                f"{tp.topic} begins at offset {beginning}: its beginning was deleted, so that alerts and silences "
                f"would be missing. Delete it, and the alerts and acts that their topics still have are decided anew."
            )

    async def write(self, changes: Records, end: bytes) -> None:
        """Store a decision and wait until the broker has it; `end` is the record of positions and clock.

        Raises KafkaError, ProducerFenced among them: another worker is the owner.
        """
        await self.log.write([*((key, value) for key, value in changes if key != END), (END, end)])

    async def close(self) -> None:
        """Give up what the owner alone needs."""
        log, self._log = self._log, None
        if log is not None:
            await log.close()
