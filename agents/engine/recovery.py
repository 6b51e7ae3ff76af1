"""Recovers a partition: fences its former owners, reads its changelog, and checks that the events topic was not
recreated. State is never combined with events of another topic.
"""

import asyncio
import time

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced
from tenacity import RetryCallState

from agents.engine.changelog import Changelog, PartitionLog, Progress, StateIsUnreadable
from agents.engine.clock import run_clock
from agents.engine.last_record import dead_letter_offsets, is_still_there
from agents.engine.ownership import Owned
from agents.engine.standby import standby_in
from agents.engine.stored_values import StoredValuesAreLost
from agents.engine.writer import Writer
from agents.fetching.reading import reader
from agents.kafka.access import Kafka
from agents.kafka.refusals import words_of
from agents.retrying import Pauses, is_kafka_failure, retry
from streams.partition.partition import Partition

log = structlog.get_logger(__name__)

AT_ONCE = 4
LOOK_AGAIN_SECONDS = 30.0


class CannotGoLive(Exception):
    """Whatever was read back would be wrong; the message says why and what to do."""


class EventsAreOthers(CannotGoLive):
    """The events' partition is not the one that the state was made from."""


class StateIsCut(CannotGoLive):
    """The beginning of the changelog was deleted, and with it states whose loss would go unnoticed."""


class StandsBy(CannotGoLive):
    """Another monitor is in the place of this one."""


_NEEDS_OPERATOR = (CannotGoLive, StateIsUnreadable)


def _is_retried(error: BaseException) -> bool:
    return not isinstance(error, ProducerFenced) and (isinstance(error, _NEEDS_OPERATOR) or is_kafka_failure(error))


class _RecoveryPauses(Pauses):
    """Longer if an operator must act first."""

    def __call__(self, retry_state: RetryCallState) -> float:
        outcome = retry_state.outcome
        if outcome is not None and isinstance(outcome.exception(), _NEEDS_OPERATOR):
            return LOOK_AGAIN_SECONDS
        return super().__call__(retry_state)


class _Bounds(msgspec.Struct, frozen=True):
    """Where the events' partition and the changelog's begin, and where the topic of dead letters begins and ends."""

    first_offset: int
    changelog_from: int
    letters_from: int
    letters_end: int


class Recovery:
    """Recovers partitions, a few at once."""

    def __init__(self, kafka: Kafka, changelog: Changelog, writer: Writer, dead_letters_topic: str) -> None:
        self.letters_partitions = 1  # of the dead letters' topic
        self._kafka = kafka
        self._changelog = changelog
        self._writer = writer
        self._letters = TopicPartition(dead_letters_topic, 0)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def recover(self, owned: Owned) -> None:
        """Returns when the partition may go live; until then `owned.problem` says what it waits for.

        Raises ProducerFenced if another worker has claimed the partition since.
        """

        def failed(error: BaseException) -> None:
            problem = str(error)
            if not isinstance(error, _NEEDS_OPERATOR):
                problem = f"Partition {owned.number} cannot be recovered: {words_of(error, self._kafka)}"
            if problem != owned.problem:
                log.error("a partition cannot go live; retrying", partition=owned.number, problem=problem)
                owned.problem = problem

        await retry(lambda: self._recover(owned), failed, _RecoveryPauses(), is_retried=_is_retried)
        owned.problem = ""

    async def _recover(self, owned: Owned) -> None:
        async with self._slots:
            await self._recover_once(owned)

    async def _recover_once(self, owned: Owned) -> None:
        started = time.monotonic()

        def progress(records: int) -> None:
            owned.recovered.records = records

        if owned.log is not None:
            await owned.log.close()
        owned.log = await self._changelog.claim(owned.number)
        async with reader(self._kafka) as consumer:
            bounds = await self._bounds(consumer, owned)
            self._check_whole(owned, bounds)
            await self._read_back(owned, owned.log, consumer, progress)
            self._check_standby(owned)
            await self._look_around(consumer, owned, bounds)
        await run_overdue(owned.partition)
        owned.recovered.seconds = time.monotonic() - started

    async def _read_back(
        self, owned: Owned, partition_log: PartitionLog, consumer: AIOKafkaConsumer, progress: Progress
    ) -> None:
        """Raises StateIsUnreadable for records that no worker wrote, or a newer version."""
        try:
            values = owned.new_store()
            await partition_log.read(consumer, values, progress)
            await owned.recover(values)
        except (KafkaError, OSError, StateIsUnreadable, StoredValuesAreLost):
            raise
        except Exception as error:
            raise StateIsUnreadable(
                f"Partition {owned.number} of {self._changelog.topic} has a record that this version cannot read "
                f"({type(error).__name__}: {str(error)[:200].rstrip('.')}). Use the version that wrote it; or start "
                f"with a new MONITOR_ID, or delete {self._changelog.topic}, to process all events again."
            ) from error

    async def _bounds(self, consumer: AIOKafkaConsumer, owned: Owned) -> _Bounds:
        """Call it before the first fetch: a waiting fetch delays the answer."""
        changelog = TopicPartition(self._changelog.topic, owned.number)
        # Left to itself aiokafka learns of one topic at a time, and waits between two.
        await consumer._client.set_topics({owned.topic, changelog.topic, self._letters.topic})
        beginnings = await consumer.beginning_offsets([owned.source, changelog, self._letters])
        ends = await consumer.end_offsets([self._letters])
        return _Bounds(beginnings[owned.source], beginnings[changelog], beginnings[self._letters], ends[self._letters])

    def _check_whole(self, owned: Owned, bounds: _Bounds) -> None:
        """Compaction leaves the beginning of a log at 0; only deletion moves it."""
        if bounds.changelog_from > 0:
            topic = self._changelog.topic
            raise StateIsCut(
                f"Partition {owned.number} of {topic} begins at offset {bounds.changelog_from}: its beginning was "
                f"deleted, so that projects would be missing. Set cleanup.policy=compact for it, and start with a new "
                f"MONITOR_ID, or delete {topic}, to process all events again."
            )

    def _check_standby(self, owned: Owned) -> None:
        standby = standby_in(owned.store.few)
        if standby is not None:
            raise StandsBy(standby.sentence(self._writer.monitor_id))

    async def _look_around(self, consumer: AIOKafkaConsumer, owned: Owned, bounds: _Bounds) -> None:
        last, first_offset = owned.checkpoint.last_stored, bounds.first_offset
        is_checkable = last is not None and last.offset >= first_offset
        if last is not None and is_checkable and not await is_still_there(consumer, owned.source, last):
            raise EventsAreOthers(
                f"Partition {owned.number} of {owned.topic} no longer has the record that was read last, at offset "
                f"{last.offset}: the topic was recreated or has lost data. Start with a new MONITOR_ID, or delete "
                f"{self._changelog.topic} to process the present events."
            )
        known_letters: set[int] = set()
        if self.letters_partitions == 1:  # else they are in no order
            self._writer.letters_end = max(self._writer.letters_end, bounds.letters_end)
            letters_from = max(bounds.letters_from, 0 if last is None else last.letters_from)
            known_letters = await dead_letter_offsets(
                consumer,
                self._letters,
                letters_from,
                bounds.letters_end,
                owned.source,
                owned.position,
                self._writer.monitor_id,
            )
        owned.begin_at(first_offset, known_letters)


async def run_overdue(partition: Partition) -> None:
    """What the stored clock had made due and a crash left undone."""
    clock_ms, due_ms = partition.clock_ms, partition.next_deadline_ms()
    if due_ms is not None and due_ms < clock_ms:
        partition.clock_ms = due_ms
    await run_clock(partition, clock_ms)
