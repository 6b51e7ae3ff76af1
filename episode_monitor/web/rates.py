"""How often one caller may ask for what is costly: checks of everything, repair plans, replays and backtests.

Each worker counts by itself. A caller may use up a minute's share at once; it comes back evenly.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_CALLERS = 10_000
_MINUTE_SECONDS = 60.0


class Rates:
    """`per_minute` of each kind for each caller; 0: no limit. `clock` is monotonic, in seconds."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._free_at: OrderedDict[tuple[str, str], float] = OrderedDict()  # when the whole share is there again

    def wait_seconds(self, caller: str, kind: str) -> float:
        """0 and the request counts, or how long to wait, and it does not."""
        if not self._per_minute:
            return 0.0
        now, cost = self._clock(), _MINUTE_SECONDS / self._per_minute
        free_at = max(now, self._free_at.pop((caller, kind), now)) + cost
        too_early = free_at - now - _MINUTE_SECONDS
        if too_early > 1e-6:
            free_at -= cost
        self._free_at[caller, kind] = free_at
        while len(self._free_at) > MOST_CALLERS:
            self._free_at.popitem(last=False)
        return too_early if too_early > 1e-6 else 0.0
