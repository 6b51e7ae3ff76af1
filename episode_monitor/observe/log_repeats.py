"""Keeps a library that retries many times a second from drowning the log: one line of a kind, then how many more."""

import logging
from collections.abc import Callable

import msgspec

EVERY_SECONDS = 10.0


class _Kind(msgspec.Struct):
    next_at: float
    kept_back: int = 0


class Repeats(logging.Filter):
    """Lets the first line of a kind through and later one every `every_seconds`, with how many were kept back.

    Lines are of a kind if one place in the code wrote them with one level. `clock` gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float], every_seconds: float = EVERY_SECONDS) -> None:
        super().__init__()
        self._clock = clock
        self._every_seconds = every_seconds
        self._kinds: dict[tuple[str, int, int], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one is written; it then says how many were not."""
        now, place = self._clock(), (record.pathname, record.lineno, record.levelno)
        kind = self._kinds.get(place)
        if kind is not None and now < kind.next_at:
            kind.kept_back += 1
            return False
        kept_back = kind.kept_back if kind is not None else 0
        self._kinds[place] = _Kind(now + self._every_seconds)
        if kept_back:
            record.msg = f"{record.getMessage()} (and {kept_back} similar messages since the last one)"
            record.args = None
        return True
