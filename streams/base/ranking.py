"""Which project is worse off, and the worst few of many without sorting them all."""

from typing import Generic, TypeVar

from streams.base.numbering_rules import health_score

Rank = tuple[int, int, str]  # lower is worse: tenths of the health score, findings negated, project

Key = TypeVar("Key", bound=tuple[int, int, str])
Item = TypeVar("Item")

HEALTHIEST = 1000  # tenths of a health score of 100.0


def rank(project_id: str, gaps: int, duplicates: int, max_number: int) -> Rank:
    """Lowest health score first, then most findings, then by name."""
    return round(10 * health_score(max_number, gaps, duplicates)), -(gaps + duplicates), project_id


class Lowest(Generic[Key, Item]):
    """Keeps the `limit` entries with the lowest keys of all that were offered, in memory for twice as many."""

    __slots__ = ("_bound", "_entries", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: list[tuple[Key, Item]] = []
        self._bound: Key | None = None  # keys from here on can no longer get in

    def offer(self, key: Key, item: Item) -> None:
        """Take the entry if it may be among the lowest."""
        if self._bound is not None and key >= self._bound:
            return
        self._entries.append((key, item))
        if len(self._entries) > 2 * self._limit + 64:
            self._cut()

    def _cut(self) -> None:
        self._entries.sort(key=_key)
        del self._entries[self._limit :]
        if len(self._entries) == self._limit and self._entries:
            self._bound = self._entries[-1][0]

    def entries(self) -> list[tuple[Key, Item]]:
        """The lowest, in order."""
        self._cut()
        return list(self._entries)


def _key(entry: tuple[Key, Item]) -> Key:
    return entry[0]
