"""How a program tells the benchmark how far it took each partition, from its first event to the last: lines on its log.

It needs nothing but Python, because contenders run in environments of their own.
"""

import os
import time

EVERY = 5_000  # offsets


class Marks:
    """Reads BENCH_LAST_OFFSETS (`partition:offset,…`) once; `seen` is cheap enough to be called for every event."""

    def __init__(self) -> None:
        pairs = (pair.split(":") for pair in os.environ["BENCH_LAST_OFFSETS"].split(","))
        self._last = {int(partition): int(offset) for partition, offset in pairs}
        self._next = dict.fromkeys(self._last, 0)  # where there is something to tell again
        self._began = False

    def seen(self, partition: int, offset: int) -> None:
        """To be called when the event at this place was taken."""
        if not self._began:
            self.first()
        if offset < self._next[partition]:
            return
        if offset >= self._last[partition]:
            _say(f"last {partition}")
        else:
            _say(f"at {partition} {offset}")
            self._next[partition] = min(offset - offset % EVERY + EVERY, self._last[partition])

    def first(self) -> None:
        """The first event is about to be taken."""
        if not self._began:
            self._began = True
            _say("first 0")


def _say(what: str) -> None:
    # Straight to the descriptor: some programs put their own logging in the place of sys.stdout.
    os.write(1, f"bench {what} {time.time():.4f}\n".encode())
