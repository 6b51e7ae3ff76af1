"""One project's rows on their way to being judged: ids and numbers side by side, what cannot be a number left out."""

from array import array
from collections.abc import Iterable, Sequence

from models.event import MAX_EPISODE_NUMBER


class ProjectRows:
    """Numbers in ascending order with their episodes. `rows` counts all, the invalid ones too."""

    def __init__(self) -> None:
        self.numbers = array("q")
        self.owners: list[str] = []
        self.rows = 0

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

    def in_order(self) -> tuple[Sequence[int], list[str]]:
        """Numbers and owners; where a number is held twice, its owners by their ids."""
        if len(set(self.numbers)) == len(self.numbers):
            return self.numbers, self.owners
        pairs = sorted(zip(self.numbers, self.owners, strict=True))
        return [number for number, _ in pairs], [owner for _, owner in pairs]

    def pairs(self) -> Iterable[tuple[int, str]]:
        """Number and episode."""
        return zip(self.numbers, self.owners, strict=True)
