"""Whether all alerts caused by a partition's old events have been read.

It checks two things: the partition of events has caught up, and the alerts topic was read to its end after that.
"""

from collections.abc import Callable

from agents.alerts.alert_headers import Mark

LIVE_MS = 30_000  # a transition of this age is still news
READ_MARGIN_MS = 200  # an answer of the broker may have been on its way already


class CatchingUp:
    """`said_at_ms` returns when a partition of events was last reported as caught up, by this worker's wall clock;
    None: it has not caught up. `read_up_at_ms` returns the time up to which the alerts topic was read, 0 if not to its
    end."""

    def __init__(self, said_at_ms: Callable[[int], int | None], read_up_at_ms: Callable[[], int]) -> None:
        self._said_at_ms = said_at_ms
        self._read_up_at_ms = read_up_at_ms
        self._said: dict[int, int] = {}  # partition -> when it was last said
        self._since_ms: dict[int, int] = {}  # partition -> first look of an unbroken row at which it had caught up
        self._interesting: set[int] = set()

    def watch(self, mark: Mark) -> None:
        """An alert of its partition waits."""
        if mark.events_partition is not None:
            self._interesting.add(mark.events_partition)

    def look(self, now_ms: int) -> None:
        """Call it regularly, and before `has`."""
        for partition in self._interesting:
            said_ms = self._said_at_ms(partition)
            if said_ms is None:
                self._said.pop(partition, None)
                self._since_ms.pop(partition, None)
            else:
                self._said[partition] = said_ms
                self._since_ms.setdefault(partition, now_ms)

    def has(self, partition: int | None, taken_at_ms: int) -> bool:
        """Whether an alert taken then can be delivered: no more alerts of old events follow."""
        if partition is None:  # written by a version that did not say whose events they were
            return self._read_up_at_ms() > taken_at_ms + READ_MARGIN_MS
        if self._said.get(partition, 0) <= taken_at_ms:
            return False
        return self._read_up_at_ms() > max(self._since_ms[partition], taken_at_ms) + READ_MARGIN_MS
