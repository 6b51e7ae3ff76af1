"""One project's rows on their way to being judged: ids and numbers side by side, what cannot be a number set apart."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from models.event import MAX_EPISODE_NUMBER

MAX_INVALID_KEPT = 100  # rows without a usable number that are named; all are counted


class ProjectRows:
    """Numbers in ascending order with their episodes. `rows` counts all, the invalid ones too."""

    def __init__(self) -> None:
        self.numbers = array("q")
        self.owners: list[str] = []
        self.rows = 0
        self.invalid_count = 0
        self.invalid: list[tuple[str | None, int | None]] = []  # id and number of the first ones

    def add(self, numbers: Sequence[int | None], owners: Sequence[str | None]) -> None:
        """Rows in the order of their numbers."""
        self.rows += len(numbers)
        try:
            if numbers and numbers[0] >= 1 and numbers[-1] <= MAX_EPISODE_NUMBER and None not in owners:  # type: ignore[operator]
                self.numbers.extend(numbers)  # type: ignore[arg-type]
                self.owners.extend(owners)  # type: ignore[arg-type]
                return
        except TypeError:  # a null, which comes last
            pass
        self._add_each(zip(numbers, owners, strict=True))

    def _add_each(self, rows: Iterable[tuple[int | None, str | None]]) -> None:
        for number, owner in rows:
            if number is not None and 1 <= number <= MAX_EPISODE_NUMBER and owner is not None:
                self.numbers.append(number)
                self.owners.append(owner)
                continue
            self.invalid_count += 1
            if len(self.invalid) < MAX_INVALID_KEPT:
                self.invalid.append((owner, number))

    def in_order(self) -> tuple[Sequence[int], list[str]]:
        """Numbers and owners; where a number is held twice, its owners by their ids."""
        if len(set(self.numbers)) == len(self.numbers):
            return self.numbers, self.owners
        pairs = sorted(zip(self.numbers, self.owners, strict=True))
        return [number for number, _ in pairs], [owner for _, owner in pairs]

    def pairs(self) -> Iterable[tuple[int, str]]:
        """Number and episode."""
        return zip(self.numbers, self.owners, strict=True)

    def owners_of(self, wanted: Iterable[int]) -> dict[int, list[str]]:
        """All who hold these numbers, by number."""
        found: dict[int, list[str]] = {number: [] for number in wanted}
        for number, owner in self.pairs():
            if number in found:
                found[number].append(owner)
        return {number: sorted(owners) for number, owners in found.items()}


def columns(rows: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """Projects, numbers and owners of a batch of the reader."""
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
