"""A Faust transport that passes an agent all records of one poll for a partition as one message, without a hole.

Faust still joins the group, assigns partitions and drives the agents; this module decides which records come, and from
which offset. A partition is read only after `begin`, from exactly the offset named there, every record once.
"""

import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from agents.fetching.consumer_thread import ConsumerThread, Fetched, RebalanceListener, Wanted


class RecordBatch(ConsumerMessage):
    """`Fetched` as a message of Faust, which carries it as its value."""

    __slots__ = ()

    @property
    def fetched(self) -> Fetched:
        """The fetched records."""
        return cast(Fetched, self.value)


class _Unheeded(dict[TP, int | None]):
    """Faust drops records before the last offset it saw, which would break reading a partition again."""

    def __getitem__(self, tp: TP) -> int | None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None: ...


class Consumer(driver.Consumer):
    """Yields a RecordBatch for each partition with records. The engine decides positions and commits."""

    RebalanceListener = RebalanceListener
    commit_position: Callable[[TP], int | None]  # what may be committed, None: nothing
    out_of_range: Callable[[Fetched], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _Unheeded()
        self._wanted = Wanted()
        self._begun = 0
        self._fetched: deque[Fetched] = deque()  # and not handed on yet

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def thread(self) -> ConsumerThread:
        """The thread that owns aiokafka's consumer."""
        return cast(ConsumerThread, self._thread)

    @property
    def is_member(self) -> bool:
        """Whether the group still has this member, as far as this client knows."""
        return self.thread.is_member

    @property
    def knows_coordinator(self) -> bool:
        """Whether the group's coordinator is known."""
        return self.thread.knows_coordinator

    def partitions_of(self, topic: str) -> int:
        """How many partitions a topic has by this consumer's metadata; 0: unknown."""
        return self.thread.partitions_of(topic)

    # --- positions

    async def begin(self, tp: TP, offset: int) -> int:
        """Read from this offset, whatever was read before. Returns the number of this reading, which its records carry.

        Raises IllegalStateError where the partition is not assigned.
        """
        self._begun += 1
        number = self._begun
        await self.thread.run_here(self.thread.begin(tp, offset, number))
        self.want(tp)
        return number

    def want(self, tp: TP) -> None:
        """Let its records come."""
        self._wanted.partitions.add(tp)
        self.thread.wake()

    def do_not_want(self, tp: TP) -> None:
        """Let its records wait. Some may already be in flight."""
        self._wanted.partitions.discard(tp)

    def is_wanted(self, tp: TP) -> bool:
        """Whether its records may come now."""
        return tp in self._wanted

    def forget(self) -> None:
        """No partition is wanted any more."""
        self._wanted.partitions.clear()

    async def committed(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """The group's committed offsets and their notes, where there are any. Raises KafkaError."""
        return await self.thread.committed(tps)

    async def commit_with_notes(self, positions: Mapping[TP, tuple[int, str]]) -> None:
        """Commit positions with a note each. Raises KafkaError."""
        await self.thread.run_here(self.thread.commit_with_notes(positions))

    def end(self, tp: TP) -> int | None:
        """The last stable offset by the last fetch."""
        return self.thread.end(tp)

    def log_end(self, tp: TP) -> int | None:
        """The end of the log by the last fetch, open transactions included."""
        return self.thread.log_end(tp)

    def refused(self) -> dict[TP, str]:
        """Partitions that brokers have refused for some time, and their error."""
        return {TP(*tp): word for tp, word in self.thread.refused.lasting(time.monotonic())}

    def answered_at(self, tp: TP) -> float | None:
        """When a broker last answered for this partition: seconds since the epoch."""
        return self.thread.answered_at(tp)

    # --- what Faust calls

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """One message for each partition with records.

        A fetch may span a rebalance and return records of a reading that began meanwhile. They are kept until the flow
        resumes, because the thread returns every record once.
        """
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))
            if self.should_stop:
                return
        if not self._fetched:
            self._fetched.extend(await self.thread.run_here(self.thread.fetch(self._wanted)))
        while self._fetched and self.flow_active and not self.should_stop:
            each = self._fetched.popleft()
            if each.is_out_of_range:
                self.out_of_range(each)
            else:
                yield each.tp, _batch(each, self.app.consumer_generation_id)

    async def perform_seek(self) -> None:
        """Does nothing: Faust would seek to the committed offsets."""

    async def verify_all_partitions_active(self) -> None:
        """Does nothing: Faust's watchdog does not know batches; the engine has its own."""

    def on_buffer_full(self, tp: TP) -> None:
        """Does nothing: the engine asks for records partition by partition."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Does nothing: the engine asks for records partition by partition."""

    def track_message(self, message: Any) -> None:
        """Does nothing: the engine commits."""

    def ack(self, message: Any) -> bool:
        """Does nothing: the engine commits."""
        message.acked = True
        return True

    def _filter_tps_with_pending_acks(self, topics: Iterable[Any] | None = None) -> Iterator[TP]:
        yield from (tp for tp in self.assignment() if self.commit_position(tp) is not None)

    def _new_offset(self, tp: TP) -> int | None:
        return self.commit_position(tp)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        """Faust records a failed commit as done; undo that."""
        before = {tp: self._committed_offset.get(tp) for tp in offsets}
        committed: bool = await super()._commit_offsets(offsets, start_new_transaction)
        if not committed:
            self._committed_offset.update(before)
        return committed


def _batch(fetched: Fetched, generation: int) -> RecordBatch:
    tp, last = fetched.tp, fetched.records[-1] if fetched.records else None
    seconds = 0.0 if last is None else (last.timestamp or 0) / 1000
    return RecordBatch(
        tp.topic, tp.partition, fetched.next_offset - 1, seconds, 0, [], None,
        cast(Any, fetched), None, 0, 0, tp, generation_id=generation,
    )  # fmt: skip


class Transport(driver.Transport):
    """aiokafka with the consumer above."""

    Consumer = Consumer
