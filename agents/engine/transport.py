"""A Faust transport that hands an agent all records of one poll and partition as one message.

Faust spends some 50 µs of machinery on a message; here it spends them on a batch. The engine owns the positions: it
says where a partition starts and which offset may be committed; Faust's own bookkeeping of acks is left out.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from aiokafka.structs import ConsumerRecord
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

Positions = Callable[[TP], int | None]


class RecordBatch(ConsumerMessage):
    """Records of one partition in order. `offset` is the last one's; Faust's `value` carries their list."""

    __slots__ = ()

    @property
    def records(self) -> list[ConsumerRecord[bytes, bytes]]:
        """At least one record."""
        return cast(Any, self.value)  # type: ignore[no-any-return]


class Consumer(driver.Consumer):
    """Yields RecordBatch for every topic. `start_position` and `commit_position` belong to the engine."""

    start_position: Positions
    commit_position: Positions
    hold: Callable[[TP], bool]

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """One message a partition that has records."""
        records, active = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        for tp, batch in records.items():
            if not batch or (active is not None and tp not in active and tp not in self._buffered_partitions):
                continue
            last = batch[-1]
            yield (
                tp,
                RecordBatch(
                    tp.topic, tp.partition, last.offset, last.timestamp / 1000, last.timestamp_type, [], None,
                    cast(Any, batch), None, 0, 0, tp, generation_id=self.app.consumer_generation_id,
                ),
            )  # fmt: skip

    async def perform_seek(self) -> None:
        """Positions come from the engine; what it does not hold yet stays paused until `begin` is called."""
        await super().perform_seek()
        for tp in self.assignment():
            if self.hold(tp):
                self.pause_partitions({tp})
            else:
                await self._seek_to(tp, self.start_position(tp))

    def committed_offset(self, tp: TP) -> int | None:
        """The committed offset as it was at the last seek or commit."""
        return self._committed_offset.get(tp)

    async def begin(self, tp: TP) -> None:
        """Read a partition from the engine's position on."""
        await self._seek_to(tp, self.start_position(tp))
        self.resume_partitions({tp})

    async def _seek_to(self, tp: TP, offset: int | None) -> None:
        if offset is None:
            offset = self._committed_offset.get(tp)
        if offset is None:
            offset = (await self.earliest_offsets(tp)).get(tp, 0)
        await self.seek(tp, offset)
        self._read_offset[tp] = offset

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Holes in a log are the engine's business."""

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


class Transport(driver.Transport):
    """aiokafka with the consumer above."""

    Consumer = Consumer
