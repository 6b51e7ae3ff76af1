"""What waits for time, by kind and key. Setting, moving and popping cost O(log n)."""

import heapq
from enum import IntEnum


class Timer(IntEnum):
    """Kinds of timers. Of those due together the lower number is first: a team learns of an alert before on-call."""

    SILENCE = 0
    ACKNOWLEDGEMENT = 1
    GROUP = 2
    ESCALATION = 3
    DROP = 4
    OVERRIDE = 5


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
        elif self._due.get((kind, key)) != due_ms:
            self._due[kind, key] = due_ms
            heapq.heappush(self._heap, (due_ms, kind, key))
            if len(self._heap) > 2 * len(self._due) + _SLACK:  # moved and cancelled entries stay until here
                self._heap = [(due, *name) for name, due in self._due.items()]
                heapq.heapify(self._heap)

    def first(self) -> _Entry | None:
        """The next one that is due: when, its kind and its key."""
        while self._heap:
            due_ms, kind, key = self._heap[0]
            if self._due.get((kind, key)) == due_ms:
                return self._heap[0]
            heapq.heappop(self._heap)
        return None

    def pop(self, until_ms: int) -> list[_Entry]:
        """All of the same time and kind as the first, if that is due by then; they are not set any more."""
        first, found = self.first(), []
        while first is not None and (entry := self.first()) is not None:
            if entry[0] > until_ms or entry[:2] != first[:2]:
                break
            found.append(entry)
            del self._due[heapq.heappop(self._heap)[1:]]
        return found
