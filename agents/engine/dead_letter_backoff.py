"""Stops the draining of a topic gone bad: after many dead letters in a row a partition waits, longer each time.

One good record lets it go again. Records around a few bad ones never wait.
"""

import asyncio

import structlog

from agents.engine.ownership import Owned

log = structlog.get_logger(__name__)

LETTERS_IN_A_ROW = 1000
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 600.0
SLICE_RECORDS = 200  # at the most; what ends a slice is its time
PROBE_RECORDS = 20  # how many more letters are written after a pause to see whether things got better


class DeadLetterBackoff:
    """The backoff of one partition."""

    def __init__(
        self, limit: int = LETTERS_IN_A_ROW, first_seconds: float = FIRST_PAUSE_SECONDS,
        longest_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> None:  # fmt: skip
        self.limit = limit
        self.pause_seconds = 0.0  # of the last pause; 0 while all is well
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds

    def slice_records(self, letters_in_a_row: int) -> int:
        """How many records to take at the most before asking `after` again: never so many that more letters than the
        limit are written before the first pause."""
        if self.pause_seconds:
            return min(PROBE_RECORDS, self.limit)
        return min(SLICE_RECORDS, max(1, self.limit - letters_in_a_row))

    def after(self, letters_in_a_row: int) -> float:
        """How many seconds to wait now; 0: go on."""
        if letters_in_a_row < self.limit:
            self.pause_seconds = 0.0
        elif self.pause_seconds:
            self.pause_seconds = min(self._longest_seconds, 2 * self.pause_seconds)
        else:
            self.pause_seconds = self._first_seconds
        return self.pause_seconds


async def pause(backoff: DeadLetterBackoff, owned: Owned) -> None:
    """Wait as long as the backoff says, and say why in `owned.problem`."""
    seconds = backoff.after(owned.letters_in_a_row)
    if seconds:
        owned.problem = (
            f"Partition {owned.number} of {owned.topic} waits {seconds:.0f} s after {owned.letters_in_a_row} dead "
            f"letters in a row: see their dl_reason and correct the producer."
        )
        log.error("too many dead letters in a row; the partition is paused", partition=owned.number,
                  position=owned.position, in_a_row=owned.letters_in_a_row, seconds=seconds)  # fmt: skip
        await asyncio.sleep(seconds)
    elif owned.problem:
        log.info("valid records again; the partition continues", partition=owned.number, position=owned.position)
        owned.problem = ""
