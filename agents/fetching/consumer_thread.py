"""The thread in which aiokafka reads: positions change nowhere else.

Records follow exactly on those before, or start where `begin` set the position: never a hole.
"""

import asyncio
import time
from collections.abc import Collection, Coroutine, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar, cast

import aiokafka
from aiokafka import TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import ConsumerStoppedError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.threads import WorkerThread

from agents.fetching.fetch_results import budget
from agents.fetching.patience import be_patient
from agents.fetching.reading import Record
from agents.fetching.refused_fetches import RefusedFetches
from agents.fetching.taken_records import Taken

FETCH_SECONDS = 0.5  # the longest wait of one poll; stopping waits for it
FETCH_MAX_WAIT_MS = 100  # of a broker for news; one fetch is under way at a time, and others' news wait behind it

T = TypeVar("T")
R = TypeVar("R", bound="Reading")


class Fetched:
    """The records of one poll for one partition. `start` and `next_offset` are the positions before and after.

    The positions may differ although there are no records, because transaction markers and aborted records are not
    returned. `reading` is the number that `begin` returned. `is_out_of_range`: the log has no offset `start`.
    """

    __slots__ = ("is_out_of_range", "next_offset", "reading", "records", "size_bytes", "start", "tp")

    def __init__(self, tp: TP, reading: int, start: int, next_offset: int, records: list[Record]) -> None:
        self.tp = tp
        self.reading = reading
        self.start = start
        self.next_offset = next_offset
        self.records = records
        self.size_bytes = 0  # of memory, about
        self.is_out_of_range = False


class Reading:
    """A partition that is read; `number` is of this reading of it."""

    __slots__ = ("number", "offset")

    def __init__(self, number: int, offset: int) -> None:
        self.number = number
        self.offset = offset  # next one to be handed out


def state_of(consumer: aiokafka.AIOKafkaConsumer, tp: TP) -> Any:
    """What aiokafka knows of a partition's position and log; None where it is not assigned."""
    subscription = consumer._subscription.subscription
    assignment = None if subscription is None else subscription.assignment
    return None if assignment is None else assignment.state_value(tp)


def stable_end(state: Any) -> int | None:
    """The last stable offset of the last fetch; open transactions begin there. `state`: of `state_of`."""
    if state is None:
        return None
    stable: int | None = state.lso
    return state.highwater if stable is None or stable < 0 else stable


def progress(
    consumer: aiokafka.AIOKafkaConsumer, readings: MutableMapping[TP, R],
    records: Mapping[TopicPartition, Taken[Record]], lost: Collection[TopicPartition],
) -> Iterator[Fetched]:  # fmt: skip
    """How far each reading has come with what was fetched. One that is `lost`, for the log has no such offset, ends.
    Each record is handed out once where nothing is awaited between fetching them and this."""
    for tp, reading in list(readings.items()):
        state, aio_tp = state_of(consumer, tp), TopicPartition(*tp)
        if state is None or not state.has_valid_position:
            continue
        taken = records.get(aio_tp)
        fetched = Fetched(tp, reading.number, reading.offset, state.position, taken or [])
        fetched.size_bytes = 0 if taken is None else taken.size_bytes
        if aio_tp in lost:
            consumer.pause(aio_tp)
            del readings[tp]
            fetched.is_out_of_range = True
        elif fetched.start == fetched.next_offset:
            continue
        reading.offset = fetched.next_offset
        yield fetched


class Wanted:
    """Partitions whose records are wanted now. The loop changes them, the consumer's thread reads them."""

    def __init__(self) -> None:
        self.partitions: set[TP] = set()

    def __contains__(self, tp: TP) -> bool:
        return tp in self.partitions


class RebalanceListener(driver.ConsumerRebalanceListener):
    """Pauses every partition as soon as it is assigned: before `begin` its first offset is unknown."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Runs in the consumer's thread."""
        cast(ConsumerThread, self._thread).hold(assigned)
        await super().on_partitions_assigned(assigned)


class _Daemon(WorkerThread):
    """A thread that does not keep the process from ending."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.daemon = True


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that owns aiokafka's consumer. Positions change nowhere else."""

    Worker = _Daemon

    def __post_init__(self) -> None:
        super().__post_init__()
        self._readings: dict[TP, Reading] = {}
        self.refused = RefusedFetches()

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = RoundRobinPartitionAssignor
        consumer = aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="none",  # a position outside of the log must be noticed, not mended
            isolation_level="read_committed",  # what a producer took back does not count
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )
        self.refused.watch(consumer._client)
        be_patient(consumer)
        return consumer

    # --- in the thread

    def hold(self, assigned: Iterable[TopicPartition]) -> None:
        """Read none of these. They get a position so that aiokafka does not look one up."""
        self._readings.clear()
        self.refused.forget()
        consumer = self._ensure_consumer()
        for tp in assigned:
            consumer.seek(tp, 0)
            consumer.pause(tp)

    async def begin(self, tp: TP, offset: int, number: int) -> None:
        """Read from this offset. Raises IllegalStateError where the partition is not assigned."""
        consumer, aio_tp = self._ensure_consumer(), TopicPartition(tp.topic, tp.partition)
        consumer.seek(aio_tp, offset)
        self._readings[tp] = Reading(number, offset)
        consumer.resume(aio_tp)

    async def fetch(self, wanted: Wanted) -> list[Fetched]:
        """All records that have arrived for wanted partitions; empty after a timeout. Each is returned once: nothing is
        awaited between taking records and advancing the position."""
        consumer = self._ensure_consumer()
        if consumer._closed or consumer._fetcher._closed:
            raise ConsumerStoppedError
        consumer._coordinator.check_errors()  # without this, some errors of the group only stop the reading
        records: Mapping[TopicPartition, Taken[Record]] = {}
        budget.begin()
        lost: Collection[TopicPartition] = ()
        with consumer._fetcher._subscriptions.fetch_context():
            try:
                records = await consumer._fetcher.fetched_records(
                    wanted, timeout=FETCH_SECONDS, max_records=consumer._max_poll_records
                )
            except OffsetOutOfRangeError as error:
                lost = error.args[0]
        return list(progress(consumer, self._readings, records, lost))

    def _wake(self) -> None:
        if self._consumer is not None:
            fetcher = self._consumer._fetcher
            for waiter in list(fetcher._fetch_waiters):
                fetcher._notify(waiter)

    # --- from the loop

    @property
    def is_member(self) -> bool:
        """Whether the group still has this member: aiokafka drops the generation when the broker rejects it."""
        return self._consumer is not None and self._consumer._coordinator.generation >= 0

    @property
    def knows_coordinator(self) -> bool:
        """Whether the group's coordinator is known."""
        return self._consumer is not None and self._consumer._coordinator.coordinator_id is not None

    def partitions_of(self, topic: str) -> int:
        """How many partitions a topic has by this consumer's metadata; 0: unknown."""
        return 0 if self._consumer is None else len(self._consumer._client.cluster.partitions_for_topic(topic) or ())

    def wake(self) -> None:
        """Let a waiting `fetch` read `wanted` again."""
        if not self.thread_loop.is_closed():
            self.thread_loop.call_soon_threadsafe(self._wake)

    async def run_here(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it in the thread. Faust's own queue for that has two places, and a commit may occupy one for long."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.thread_loop))

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """First offsets of partitions. For one without a leader this takes until the timeout. Raises KafkaError."""
        found: Mapping[TP, int] = await self.run_here(self._ensure_consumer().beginning_offsets(list(partitions)))
        return found

    async def commit_with_notes(self, positions: Mapping[TP, tuple[int, str]]) -> None:
        """Commit positions with a note each, of assigned partitions. Runs in the thread.

        Raises KafkaError.
        """
        consumer = self._ensure_consumer()
        mine = {TopicPartition(*tp): OffsetAndMetadata(*commit) for tp, commit in positions.items()}
        offsets = {tp: commit for tp, commit in mine.items() if tp in consumer.assignment()}
        if offsets:
            await consumer.commit(offsets)

    async def committed(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """The group's committed offsets and their notes, where there are any."""
        coordinator, wanted = self._ensure_consumer()._coordinator, [TopicPartition(*tp) for tp in tps]
        found = await self.run_here(coordinator.fetch_committed_offsets(wanted))
        return {
            TP(tp.topic, tp.partition): (known.offset, known.metadata or "")
            for tp, known in found.items()
            if known.offset >= 0
        }

    def end(self, tp: TP) -> int | None:
        """The last stable offset of the last fetch; open transactions begin there."""
        return stable_end(state_of(self._ensure_consumer(), tp))

    def log_end(self, tp: TP) -> int | None:
        """The end of the log by the last fetch, open transactions included. A broker may return one that is too low."""
        state = state_of(self._ensure_consumer(), tp)
        end: int | None = None if state is None else state.highwater
        return end

    def answered_at(self, tp: TP) -> float | None:
        """When a broker last answered for this partition: seconds since the epoch."""
        state = state_of(self._ensure_consumer(), tp)
        if state is None or state.timestamp is None:
            return None
        if TopicPartition(*tp) in self._ensure_consumer()._fetcher._records:  # answered, and not handed out yet
            return time.time()
        return float(state.timestamp) / 1000
