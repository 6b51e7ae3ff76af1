"""Replaces the batch reader of aiokafka's fetcher by `agents.fetching.batches`, for every consumer of the process.

aiokafka has no hook for that: its fetcher looks up these names in its own module.
"""

import threading
from typing import Any

from aiokafka.consumer import fetcher

from agents.fetching.batches import PartitionBatches
from agents.fetching.damaged_batches import Doubts
from agents.fetching.taken_records import FetchedBytes, Taken

POLLED_BYTES = 16 * 1024 * 1024  # handed out by one poll, of all partitions together
MOST_RECORDS = 2_000


class Budget(threading.local):
    """How much the current poll of this thread may still return. Without `begin` it is unbounded."""

    left_bytes: float = float("inf")

    def begin(self) -> None:
        """Start a poll."""
        self.left_bytes = POLLED_BYTES


budget = Budget()


class FetchResult(fetcher.FetchResult):  # type: ignore[misc]
    """The result of one fetch for one partition. It keeps what exceeds the budget of a poll."""

    def __init__(self, tp: Any, *, assignment: Any, partition_records: PartitionBatches, backoff: float) -> None:
        super().__init__(tp, assignment=assignment, partition_records=partition_records, backoff=backoff)
        state = assignment.state_value(tp)
        partition_records.end = state.highwater
        if not hasattr(state, "doubts"):
            state.doubts = Doubts()  # as long as the partition is assigned
        partition_records.doubts = state.doubts

    def getall(self, max_records: int | None = None) -> "Taken[Any]":
        """The next records; aiokafka calls it in every poll."""
        if not self.check_assignment(self._topic_partition) or not self.has_more() or budget.left_bytes <= 0:
            return Taken()
        batches: PartitionBatches = self._partition_records  # type: ignore[has-type]
        taken = batches.take(max_records or MOST_RECORDS)
        budget.left_bytes -= taken.size_bytes
        self._update_position()
        if batches.is_over:
            self._partition_records = None
        return taken


def install() -> None:
    """From now on every consumer of the process reads this way."""
    fetcher.MemoryRecords = FetchedBytes
    fetcher.PartitionRecords = PartitionBatches
    fetcher.FetchResult = FetchResult
