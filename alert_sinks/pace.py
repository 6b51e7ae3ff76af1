"""The rate at which one destination takes messages: some at once, then one each interval. Order is kept."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """`burst` messages at once, and then one each `interval_seconds`."""

    interval_seconds: float
    burst: int = 1


class Pace:
    """Gives each message its turn (the generic cell rate algorithm). Times are seconds of one monotonic clock."""

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._next = float("-inf")  # when a message is due at an even rate

    @property
    def is_limited(self) -> bool:
        """Whether the destination has a rate."""
        return self._rate is not None

    def turn(self, now: float) -> float:
        """When the next message may be sent: `now` or later. Whoever asks has that turn."""
        if self._rate is None:
            return now
        allowed = self._next - (self._rate.burst - 1) * self._rate.interval_seconds
        self._next = max(self._next, now) + self._rate.interval_seconds
        return max(now, allowed)


def rate_of(sink: object) -> Rate | None:
    """What the sink says of its destination; None: as fast as it answers."""
    rate = getattr(sink, "rate", None)
    return rate if isinstance(rate, Rate) else None
