"""How far reading is: what waits in the log of each partition, and when its broker last answered."""

import time
from collections.abc import Iterator

from faust.types import TP

from agents.engine.assignment import Assignment
from agents.engine.ownership import Owned

HEARD_LATELY_SECONDS = 3.0  # brokers answer every tenth of a second
UNHEARD_OF_AFTER_SECONDS = 5.0


class Progress:
    """The progress of this worker's partitions, as far as the consumer knows."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment

    def is_caught_up(self, owned: Owned, quiet_seconds: float) -> bool:
        """Whether all that the log has was taken, and nothing came for a while.

        An end of the log that was heard of some time ago says nothing: events may wait behind it.
        """
        consumer = self._assignment.consumer
        if consumer is None or owned.inbox or time.monotonic() - owned.taken_at < quiet_seconds:
            return False
        answered_at, end = self.answered_at(owned), consumer.end(self._assignment.tp(owned.number))
        return (
            answered_at is not None
            and end is not None
            and abs(time.time() - answered_at) < HEARD_LATELY_SECONDS
            and end <= owned.position
        )

    @property
    def is_behind(self) -> bool:
        """Whether events wait to be taken."""
        return any(owned.inbox or self.lag(owned) for owned in self._assignment.live)

    def lag(self, owned: Owned) -> int:
        """Records of a partition that may be read and were not taken yet."""
        consumer = self._assignment.consumer
        end = None if consumer is None else consumer.end(self._assignment.tp(owned.number))
        return max(0, (end or 0) - owned.position)

    def waiting(self, owned: Owned) -> int | None:
        """Records of a partition not yet taken, those behind an open transaction too; None where the end of the log is
        not known."""
        consumer = self._assignment.consumer
        if consumer is None or self._is_unheard_of(owned):
            return None
        end = consumer.log_end(self._assignment.tp(owned.number))
        return None if end is None else max(0, end - owned.position, self.lag(owned))

    def _is_unheard_of(self, owned: Owned) -> bool:
        answered_at = self.answered_at(owned)
        return self.is_asked_for(owned) and (
            answered_at is None or abs(time.time() - answered_at) > UNHEARD_OF_AFTER_SECONDS
        )

    def is_asked_for(self, owned: Owned) -> bool:
        """Whether a broker owes an answer for it: its records are wanted and none waits to be taken."""
        consumer = self._assignment.consumer
        is_wanted = consumer is not None and consumer.is_wanted(self._assignment.tp(owned.number))
        return is_wanted and owned.is_live and not owned.inbox

    def answered_at(self, owned: Owned) -> float | None:
        """When a broker last answered for a partition that is asked for, by the wall clock; None: never yet, or it is
        not asked for."""
        consumer = self._assignment.consumer
        if consumer is None or not self.is_asked_for(owned):
            return None
        return consumer.answered_at(self._assignment.tp(owned.number))

    def backlogs(self) -> Iterator[tuple[TP, int, int]]:
        """Partition, position and how many records wait, for all that should move on."""
        for owned in self._assignment.live:
            if not owned.problem:
                yield self._assignment.tp(owned.number), owned.position, self.lag(owned)
