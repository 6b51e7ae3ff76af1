"""A set of 64-bit numbers in one packed array: a quarter of a `set`'s memory, and compiled code asks it in 10 ns."""

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

WHOLE: Final = -1  # `find` compares all bits
_FREE: Final = 0
_FEWEST_SLOTS: Final = 4


@mypyc_attr(acyclic=True)
class OpenTable:
    """Open addressing with linear probing. The lowest bits of an entry give its slot, so they must be a hash.
    Two thirds of the slots are in use at most. Equal entries may be in it more than once."""

    __slots__ = ("_count", "_has_zero", "slots")

    def __init__(self, room: i64) -> None:
        """`room`: slots wanted at least, more than the entries that are expected."""
        length: i64 = _FEWEST_SLOTS
        while length < room:
            length *= 2
        self.slots = vec[i64]([_FREE] * length)
        self._count: i64 = 0  # slots in use
        self._has_zero = False  # an entry like the mark of a free slot

    def has(self, entry: i64) -> bool:
        """Whether it is in it."""
        return self.find(entry, WHOLE, entry) >= 0 if entry else self._has_zero

    def find(self, entry: i64, bits: i64, start: i64) -> i64:
        """The first slot with an entry that is the same in these bits (of one that is not 0); -1: none.

        `start` is the entry itself, or one more than the slot found before.
        """
        slots = self.slots
        mask: i64 = len(slots) - 1
        at: i64 = start & mask
        while slots[at] != _FREE:
            if (slots[at] ^ entry) & bits == 0:
                return at
            at = (at + 1) & mask
        return -1

    def put(self, entry: i64) -> None:
        """Put it in; the table doubles where it is full."""
        if entry == _FREE:
            self._has_zero = True
            return
        if 3 * (self._count + 1) > 2 * len(self.slots):
            self._double()
        self._count += 1
        slots = self.slots
        mask: i64 = len(slots) - 1
        at: i64 = entry & mask
        while slots[at] != _FREE:
            at = (at + 1) & mask
        slots[at] = entry

    def remove(self, entry: i64) -> None:
        """Take it out. Raises KeyError where it is not in it."""
        if entry == _FREE:
            self._has_zero = False
            return
        hole = self.find(entry, WHOLE, entry)
        if hole < 0:
            raise KeyError(entry)
        slots = self.slots
        mask: i64 = len(slots) - 1
        at: i64 = (hole + 1) & mask
        while slots[at] != _FREE:  # a search must not end at the hole: what belongs at or before it moves there
            if (at - slots[at]) & mask >= (at - hole) & mask:
                slots[hole] = slots[at]
                hole = at
            at = (at + 1) & mask
        slots[hole] = _FREE
        self._count -= 1

    def _double(self) -> None:
        old = self.slots
        self.slots, self._count = vec[i64]([_FREE] * (2 * len(old))), 0
        for entry in old:
            if entry != _FREE:
                self.put(entry)
