"""How long to wait before the next try: pure arithmetic, so that the whole schedule can be tested without a clock."""

from collections.abc import Callable

BASE_SECONDS = 0.5  # the first retry comes within half a second: most troubles are that short
CAP_SECONDS = 60.0  # a destination that comes back is found within a minute
_MAX_DOUBLINGS = 20  # far above the cap; keeps the power small after days of retries

Jitter = Callable[[], float]  # draws from [0, 1]


def backoff_seconds(attempt: int, jitter: Jitter) -> float:
    """Full jitter after the `attempt`-th try (from 1): evenly from 0 to min(60, 0.5 · 2^(attempt-1)) seconds."""
    doublings = min(max(attempt, 1) - 1, _MAX_DOUBLINGS)
    return jitter() * min(CAP_SECONDS, BASE_SECONDS * (1 << doublings))


def delay_seconds(attempt: int, after_seconds: float | None, jitter: Jitter) -> float:
    """The wait before the next try, never shorter than what the destination asked for.

    A destination that keeps asking for 0 seconds still gets the backoff, so that it is not tried in a tight loop.
    """
    own = backoff_seconds(attempt, jitter)
    return own if after_seconds is None else max(after_seconds, own)
