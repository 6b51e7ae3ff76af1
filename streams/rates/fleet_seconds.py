"""What a partition adds to the sums of the fleet by the second, until a second is closed and never changes again.

An operation counts for the fleet if, at its offset, its second is not before the floor, which is two graces behind the
clock of its partition. So what is closed is a function of the records alone, whichever worker takes them.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from streams.base import packed_counts

NO_FLOOR: Final = -(2**61)  # before every second: nothing is left out
_SLOW_FIELDS: Final = sum(packed_counts.mask(shift) for shift in packed_counts.SLOW)

Packed = list[int]  # a tally, as `packed_counts.unpack` gives it


class ClosedSeconds(msgspec.Struct, frozen=True, array_like=True):
    """All seconds of a partition from `first` to before `until`; those without an operation are left out.

    `limits`: the latency limits in seconds that slow operations were counted by.
    """

    first: int
    until: int
    seconds: list[tuple[int, Packed]]
    limits: tuple[float, ...]

    def tallies(self, limits: tuple[float, ...]) -> list[tuple[int, int]]:
        """Second and tally. Slow operations are left out where they were counted by other limits than these."""
        kept = ~0 if limits == self.limits else ~_SLOW_FIELDS
        return [(second, packed_counts.pack(packed) & kept) for second, packed in self.seconds]


class _Stored(msgspec.Struct, array_like=True):
    closed_until: int | None
    is_begun: bool
    late: int
    limits: tuple[float, ...]
    counts: list[tuple[int, Packed]]
    closed: list[ClosedSeconds]


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Stored).decode


class FleetSeconds:
    """`closed` waits to be sent, in order; `stored_until` says which of it is stored, so that it may be."""

    __slots__ = ("_counts", "_is_begun", "closed", "closed_until", "late", "limits", "stored_until")

    def __init__(self, limits: tuple[float, ...], first: int = NO_FLOOR) -> None:
        """`first`: the first second that may count."""
        self.limits = limits
        self.closed_until, self._is_begun = first, False
        self.stored_until = NO_FLOOR
        self.late = 0  # changes of seconds before the floor, which no sum has
        self.closed: list[ClosedSeconds] = []
        self._counts: dict[int, int] = {}  # second -> tally, not closed yet

    def add(self, seconds: Mapping[int, int], too_late: Mapping[int, int]) -> None:
        """Tallies by second, and the part of them that came too late; either may be negative, to take back."""
        counts = self._counts
        for second, tally in seconds.items():
            total = counts.get(second, 0) + tally - too_late.get(second, 0)
            if total:
                counts[second] = total
            else:
                counts.pop(second, None)

    def can_close(self, floor: int) -> bool:
        """Whether `close` would give any seconds."""
        return floor > self.closed_until and floor > 0

    @property
    def is_begun(self) -> bool:
        """Whether any second was closed."""
        return self._is_begun

    def close(self, floor: int) -> None:
        """Nothing before the floor changes any more."""
        if not self.can_close(floor):
            return
        gone = sorted(second for second in self._counts if second < floor)
        first = self.closed_until if self._is_begun else gone[0] if gone else floor
        seconds = [(second, packed_counts.unpack(self._counts.pop(second))) for second in gone]
        self.closed.append(ClosedSeconds(first, floor, seconds, self.limits))
        self.closed_until, self._is_begun = floor, True

    def stored(self) -> None:
        """Everything closed so far is stored."""
        self.stored_until = self.closed_until

    def to_send(self) -> list[ClosedSeconds]:
        """What is stored and not known to be sent."""
        return [each for each in self.closed if each.until <= self.stored_until]

    def sent(self, until: int) -> None:
        """What ends there, and all before it, was sent. After a crash it may be sent once more."""
        self.closed = [each for each in self.closed if each.until > until]

    @property
    def open(self) -> list[tuple[int, Packed]]:
        """What is not closed yet, in order."""
        return [(second, packed_counts.unpack(self._counts[second])) for second in sorted(self._counts)]

    def encode(self) -> bytes:
        """For `decode`."""
        closed_until = self.closed_until if self._is_begun or self.closed_until > NO_FLOOR else None
        return _pack((closed_until, self._is_begun, self.late, self.limits, self.open, self.closed))

    @classmethod
    def decode(cls, limits: tuple[float, ...], encoded: bytes) -> "FleetSeconds":
        """What `encode` gave, all of it stored; without the slow operations where it has other limits than these."""
        stored = _unpack(encoded)
        closed_until = NO_FLOOR if stored.closed_until is None else stored.closed_until
        found = cls(limits, closed_until)
        found._is_begun, found.late, found.closed = stored.is_begun, stored.late, stored.closed
        open_seconds = ClosedSeconds(0, 0, stored.counts, stored.limits)
        found._counts = dict(open_seconds.tallies(limits))
        found.stored()
        return found
