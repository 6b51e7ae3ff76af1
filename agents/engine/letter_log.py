"""A line of log for each dead letter, so that an operator sees where it lies and why; at most ten in ten seconds."""

import time
from collections.abc import Callable, Sequence

import structlog

from models.dead_letter import DeadLetter

log = structlog.get_logger(__name__)

MAX_LINES = 10
WINDOW_SECONDS = 10.0


class LetterLog:
    """`clock` gives monotonic seconds. Metrics count every letter; `not_logged` tells how many had no line since."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._window_ends = 0.0
        self._lines = self._not_logged = 0

    def note(self, letters: Sequence[DeadLetter]) -> None:
        """Log what is sent to the dead letters."""
        now = self._clock()
        if now >= self._window_ends:
            self._window_ends, self._lines = now + WINDOW_SECONDS, 0
        for letter in letters:
            if self._lines >= MAX_LINES:
                self._not_logged += 1
                continue
            self._lines += 1
            ours = {name: (value or b"").decode(errors="replace") for name, value in letter.headers[-8:]}
            more = {"not_logged": self._not_logged} if self._not_logged else {}
            self._not_logged = 0
            log.warning(
                "record sent to the dead-letter topic", topic=ours.get("dl_topic"), partition=ours.get("dl_partition"),
                offset=ours.get("dl_offset"), reason=ours.get("dl_reason"), detail=ours.get("dl_detail"), **more,
            )  # fmt: skip
