"""Finds out when a partition that is behind has caught up: alerts that it emits from then on are news."""

import time
from collections.abc import Awaitable, Callable

from agents.engine.assignment import Assignment
from agents.engine.emitter import MOST_LATE_MS
from agents.engine.ownership import Owned
from agents.engine.progress import Progress

PRESENT_MS = 4_000  # a partition whose clock is at most this far behind the wall clock has caught up
LATE_EVENTS_SECONDS = 6.0
END_AGAIN_SECONDS = 2.0  # under steady traffic a partition reaches the end of its log at least this often
WAIT_FOR_OTHERS_SECONDS = 30.0  # alerts of old events wait this long for partitions that are still behind


class Arrivals:
    """`flush` stores everything taken so far; `now_ms` is the wall clock."""

    def __init__(
        self, assignment: Assignment, progress: Progress, flush: Callable[[], Awaitable[None]],
        now_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self._assignment = assignment
        self._progress = progress
        self._flush = flush
        self._now_ms = now_ms

    async def look(self) -> None:
        """Mark partitions that have read all old events. Their alerts are stored first."""
        behind = [owned for owned in self._assignment.owned.values() if owned.is_behind]
        arrived = self._together([owned for owned in behind if self._has_arrived(owned)])
        if not arrived:
            return
        await self._flush()
        for owned in arrived:
            if self._has_arrived(owned):
                owned.arrival.late_ms = self._lateness_ms(owned)
                owned.is_behind, owned.arrival.at_end_since = False, None

    def _together(self, arrived: list[Owned]) -> list[Owned]:
        """The partitions that need not wait: one that is still behind may contain a part of their projects."""
        now, all_owned = time.monotonic(), self._assignment.owned.values()
        is_alone = all(not each.is_behind or each.problem or each in arrived for each in all_owned)
        for each in all_owned:
            each.arrival.arrived_at = (each.arrival.arrived_at or now) if each in arrived else None
        if is_alone or self._assignment.compare is None:
            return arrived
        return [each for each in arrived if now - (each.arrival.arrived_at or now) >= WAIT_FOR_OTHERS_SECONDS]

    def _has_arrived(self, owned: Owned) -> bool:
        """Whether its events have reached the present and its past deadlines have been handled.

        At the end of the log the partition's clock follows the wall clock after a while. If a deadline stays overdue
        longer than that delay, the events themselves are late.
        """
        if not owned.is_live or owned.held:
            return False
        present_ms = self._now_ms() - PRESENT_MS
        is_at_end = self._note_end(owned, time.monotonic())
        if self._comes_late(owned):
            return True
        if not is_at_end:
            return owned.partition.clock_ms >= present_ms
        due_ms = owned.partition.next_deadline_ms()
        return due_ms is None or due_ms >= present_ms

    def _note_end(self, owned: Owned, now: float) -> bool:
        """Whether all events are read. A stream of new events does not restart the wait for late events."""
        is_at_end, arrival = self._progress.is_caught_up(owned, 0.0), owned.arrival
        if is_at_end:
            arrival.at_end_since = now if arrival.at_end_since is None else arrival.at_end_since
            arrival.at_end_at = now
        elif now - arrival.at_end_at > END_AGAIN_SECONDS:
            arrival.at_end_since = None
        return is_at_end

    def _comes_late(self, owned: Owned) -> bool:
        at_end_since = owned.arrival.at_end_since
        return at_end_since is not None and time.monotonic() - at_end_since > LATE_EVENTS_SECONDS

    def _lateness_ms(self, owned: Owned) -> int:
        """The delay of new events here. If the clock cannot explain it, the producer sends old events; it is measured
        again each time."""
        late_ms = 0 if owned.arrival.at_end_since is None else self._now_ms() - owned.partition.clock_ms
        return late_ms if 0 < late_ms <= MOST_LATE_MS else 0
