"""Which batches of a fetch are not returned: transaction markers, and records of aborted transactions."""

from collections.abc import Sequence

from agents.fetching.batch_heads import CONTROL, TRANSACTIONAL, BatchHead, is_abort

READ_COMMITTED = 1


class AbortedTransactions:
    """`aborted`: producer id and first offset of each, from the broker's answer to a read-committed fetch."""

    def __init__(self, aborted: Sequence[tuple[int, int]] | None, isolation_level: int) -> None:
        self._is_committed_only = isolation_level == READ_COMMITTED
        self._aborted = sorted(aborted or [], key=lambda each: each[1])
        self._producers: set[int] = set()

    @property
    def is_any_open(self) -> bool:
        """Whether the marker of an aborted transaction has not been read yet."""
        return bool(self._producers)

    def hides(self, batch: BatchHead, data: bytes) -> bool:
        """Called for each batch, in order; `data` is the fetched bytes."""
        if self._is_committed_only and batch.producer_id >= 0:
            while self._aborted and self._aborted[0][1] <= batch.base_offset:
                self._producers.add(self._aborted.pop(0)[0])
            if batch.attributes & CONTROL and is_abort(data, batch):
                self._producers.discard(batch.producer_id)
            if batch.attributes & TRANSACTIONAL and batch.producer_id in self._producers:
                return True
        return bool(batch.attributes & CONTROL) or not batch.records
