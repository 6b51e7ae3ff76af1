"""A Faust transport that hands an agent all that one poll brought for a partition as one message, and never a hole.

Faust still joins the group, deals out partitions and drives the agents; which records come, and from where on, is said
here. A partition is read only after `begin`, from exactly the offset named there, every record once.
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
        """What was fetched."""
        return cast(Fetched, self.value)


class _Unheeded(dict[TP, int | None]):
    """Faust drops what lies before the last offset it saw, which would break reading a partition again."""

    def __getitem__(self, tp: TP) -> int | None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None: ...


class Consumer(driver.Consumer):
    """Yields a RecordBatch for each partition that has news. Positions and commits belong to the agents' engine."""

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
        """Whether the group still knows this worker, as far as we have heard."""
        return self.thread.is_member

    @property
    def knows_coordinator(self) -> bool:
        """Whether a broker is known that answers for the group."""
        return self.thread.knows_coordinator

    def partitions_of(self, topic: str) -> int:
        """How many partitions a topic has, as far as this consumer has heard; 0: not known."""
        return self.thread.partitions_of(topic)

    # --- positions

    async def begin(self, tp: TP, offset: int) -> int:
        """Read from this offset on, whatever was read before. Answers the number of this reading, which records have.

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
        """Let its records wait. Some may be on their way already."""
        self._wanted.partitions.discard(tp)

    def is_wanted(self, tp: TP) -> bool:
        """Whether its records may come now."""
        return tp in self._wanted

    def forget(self) -> None:
        """Nothing is wanted any more."""
        self._wanted.partitions.clear()

    async def committed(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """What the group has committed and noted beside it, for those where it has. Raises KafkaError."""
        return await self.thread.committed(tps)

    async def commit_with_notes(self, positions: Mapping[TP, tuple[int, str]]) -> None:
        """Commit positions with what is to be remembered beside each. Raises KafkaError."""
        await self.thread.run_here(self.thread.commit_with_notes(positions))

    def end(self, tp: TP) -> int | None:
        """The end of what may be read, as far as the fetcher has heard."""
        return self.thread.end(tp)

    def log_end(self, tp: TP) -> int | None:
        """The end of the log, as far as the fetcher has heard, with what may not be read yet."""
        return self.thread.log_end(tp)

    def refused(self) -> dict[TP, str]:
        """Partitions that brokers have not handed out for some time although they answer, and their word for it."""
        return {TP(*tp): word for tp, word in self.thread.refused.lasting(time.monotonic())}

    def answered_at(self, tp: TP) -> float | None:
        """When a broker last answered for this partition, in seconds of the wall clock."""
        return self.thread.answered_at(tp)

    # --- what Faust calls

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """One message a partition that has news.

        A fetch outlives the rebalance in which it waits, and may bring records of a reading that began in between. They
        are kept until the flow resumes: the thread hands out every record once.
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
        """Faust would read from the committed offsets."""

    async def verify_all_partitions_active(self) -> None:
        """Faust's own watch knows nothing of batches; the engine has one."""

    def on_buffer_full(self, tp: TP) -> None:
        """The engine says what it wants, partition by partition."""

    def on_buffer_drop(self, tp: TP) -> None:
        """The engine says what it wants, partition by partition."""

    def track_message(self, message: Any) -> None:
        """Nothing waits for a batch: the engine commits."""

    def ack(self, message: Any) -> bool:
        """Counts for nothing: the engine commits."""
        message.acked = True
        return True

    def _filter_tps_with_pending_acks(self, topics: Iterable[Any] | None = None) -> Iterator[TP]:
        yield from (tp for tp in self.assignment() if self.commit_position(tp) is not None)

    def _new_offset(self, tp: TP) -> int | None:
        return self.commit_position(tp)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        """Faust records a failed commit as done; take that back."""
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
