"""What waits for time, by kind and key. Setting, moving and popping cost O(log n)."""

import heapq
from enum import IntEnum


class Timer(IntEnum):
    """Kinds of timers. Of those due together the lower number is first: a team learns of an alert before on-call."""

    SILENCE = 0
    ACKNOWLEDGEMENT = 1
    GROUP = 2
    RECEIVER = 3
    ESCALATION = 4
    DROP = 5
    OVERRIDE = 6


_Entry = tuple[int, Timer, str]
_SLACK = 64


class Timers:
    """At most one time for each kind and key. Ties are popped in the order of kind and key, so always the same."""

    __slots__ = ("_due", "_heap")

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._due: dict[tuple[Timer, str], int] = {}

    def set(self, kind: Timer, key: str, due_ms: int) -> None:
        """`due_ms` 0 cancels."""
        if not due_ms:
            self._due.pop((kind, key), None)
            return
        if self._due.get((kind, key)) == due_ms:
            return
        self._due[kind, key] = due_ms
        heapq.heappush(self._heap, (due_ms, kind, key))
        if len(self._heap) > 2 * len(self._due) + _SLACK:  # moved and cancelled entries stay in the heap until here
            self._heap = [(due, *name) for name, due in self._due.items()]
            heapq.heapify(self._heap)

    def get(self, kind: Timer, key: str) -> int:
        """When it is due; 0: not set."""
        return self._due.get((kind, key), 0)

    def pop(self, now_ms: int) -> tuple[Timer, str] | None:
        """The first that is due by now; it is not set any more."""
        due_ms = self.next_ms()
        if due_ms is None or due_ms > now_ms:
            return None
        _, kind, key = heapq.heappop(self._heap)
        del self._due[kind, key]
        return kind, key

    def next_ms(self) -> int | None:
        """When the next one is due."""
        while self._heap:
            due_ms, kind, key = self._heap[0]
            if self._due.get((kind, key)) == due_ms:
                return due_ms
            heapq.heappop(self._heap)
        return None
