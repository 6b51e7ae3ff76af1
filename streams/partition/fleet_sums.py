"""The sums of all projects by the second, put together from what partitions have closed; kept as long as a window is.

A minute is stored as a value of its own, with the position in the topic that it contains: what is read again after a
crash is not added twice.
"""

from collections.abc import Iterable, Iterator

import msgspec

from streams.base import changelog_keys, packed_counts
from streams.base.checkpoint_types import Store
from streams.rates.fleet_seconds import ClosedSeconds


class _StoredMinute(msgspec.Struct, array_like=True):
    applied: int
    limits: tuple[float, ...]
    seconds: list[tuple[int, list[int]]]


class _Minute:
    """`applied`: the position up to which its sums are complete."""

    __slots__ = ("applied", "seconds")

    def __init__(self, applied: int, seconds: dict[int, int]) -> None:
        self.applied = applied
        self.seconds = seconds


_encoder = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(_StoredMinute).decode


class FleetSums:
    """Second -> tally. `limits`: the latency limits that slow operations are counted by."""

    def __init__(self, limits: tuple[float, ...]) -> None:
        self._limits = limits
        self._minutes: dict[int, _Minute] = {}
        self._changed: set[int] = set()
        self._gone: list[bytes] = []

    def __getitem__(self, second: int) -> int:
        """0 where nothing happened."""
        minute = self._minutes.get(second // 60)
        return 0 if minute is None else minute.seconds.get(second, 0)

    def add(self, closed: ClosedSeconds, from_second: int, position: int) -> int:
        """Add what happened from a second on; returns how many seconds before that had anything."""
        left_out, minutes = 0, self._minutes
        known = {number for number, minute in minutes.items() if minute.applied >= position}
        for second, tally in closed.tallies(self._limits):
            if second < from_second:
                left_out += 1
                continue
            number = second // 60
            if number in known:
                continue
            minute = minutes.get(number)
            if minute is None:
                minute = minutes[number] = _Minute(position, {})
            minute.applied = position
            minute.seconds[second] = minute.seconds.get(second, 0) + tally
            self._changed.add(number)
        return left_out

    def between(self, first: int, until: int) -> int:
        """The tally of all seconds from the first to before another."""
        return sum(tally for second, tally in self._of(first, until))

    def busy(self, first: int, until: int) -> list[int]:
        """The seconds in which anything happened, in order."""
        return sorted(second for second, tally in self._of(first, until) if tally)

    def _of(self, first: int, until: int) -> Iterator[tuple[int, int]]:
        minutes = self._minutes
        wanted: Iterable[int] = range(first // 60, (until - 1) // 60 + 1)
        if len(minutes) < (until - first) // 60:
            wanted = list(minutes)
        for number in wanted:
            minute = minutes.get(number)
            if minute is not None:
                yield from ((second, tally) for second, tally in minute.seconds.items() if first <= second < until)

    def forget_before(self, second: int) -> None:
        """No window reaches back so far any more."""
        for number in [number for number in self._minutes if number * 60 + 59 < second]:
            del self._minutes[number]
            self._changed.discard(number)
            self._gone.append(changelog_keys.fleet_minute(number))

    # --- storing

    @property
    def bounds(self) -> tuple[int, int]:
        """The first minute, and the one after the last."""
        return (min(self._minutes), max(self._minutes) + 1) if self._minutes else (0, 0)

    def writes(self) -> Iterator[tuple[bytes, bytes]]:
        """The minutes that have changed since the last call."""
        for number in sorted(self._changed):
            minute = self._minutes[number]
            seconds = [(second, packed_counts.unpack(minute.seconds[second])) for second in sorted(minute.seconds)]
            yield (
                changelog_keys.fleet_minute(number),
                _encoder.encode(_StoredMinute(minute.applied, self._limits, seconds)),
            )
        self._changed.clear()

    def garbage(self) -> list[bytes]:
        """The keys of minutes that were forgotten since the last call."""
        gone, self._gone = self._gone, []
        return gone

    def restore(self, store: Store, bounds: tuple[int, int]) -> None:
        """Become what was stored in minutes of these bounds. What lies outside is read again."""
        for number in range(*bounds):
            encoded = store.get(changelog_keys.fleet_minute(number))
            if encoded is not None:
                stored = _decode(encoded)
                closed = ClosedSeconds(0, 0, stored.seconds, stored.limits)
                self._minutes[number] = _Minute(stored.applied, dict(closed.tallies(self._limits)))
