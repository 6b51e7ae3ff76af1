"""A share of the time for work that can wait: what was not spent is saved up, within a bound."""

import time
from collections.abc import Callable


class Allowance:
    """`share` of the time that passes, from `saved` seconds on and up to `most` seconds."""

    def __init__(
        self, share: float, saved: float, most: float, clock: Callable[[], float] = time.monotonic
    ) -> None:  # fmt: skip
        self._share = share
        self._saved = saved
        self._most = most
        self._clock = clock
        self._at = clock()

    @property
    def seconds(self) -> float:
        """What may be spent now; negative after too much was."""
        now = self._clock()
        self._saved = min(self._most, self._saved + self._share * (now - self._at))
        self._at = now
        return self._saved

    def spend(self, seconds: float) -> None:
        """So much was spent."""
        self._saved = self.seconds - seconds
