"""Lets a partition's time pass in slices: after a quiet night very much may be due at once."""

from agents.time_slices import Slice
from streams.partition.partition import Partition

SLICE_SECONDS = 0.003


async def run_clock(partition: Partition, clock_ms: int) -> None:
    """Let time reach `clock_ms`, deadline after deadline, in slices that leave the loop to others.

    It comes to the same as in one go: whatever is due happens at its own time.
    """
    one = Slice(SLICE_SECONDS)
    while (due_ms := partition.next_deadline_ms()) is not None and due_ms < clock_ms:
        if due_ms <= partition.clock_ms:
            partition.run_due()
        partition.advance_clock(due_ms)
        await one.step()
    partition.advance_clock(clock_ms)
    partition.run_due()
