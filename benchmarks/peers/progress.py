"""How far a contender was when: by what is told of each partition now and then."""


class Progress:
    """Between two things told of a partition, as many events are taken in each second."""

    def __init__(self) -> None:
        self._told: dict[int, list[tuple[float, int]]] = {}

    def add(self, partition: int, events: int, at: float) -> None:
        """So many of the partition had been taken."""
        self._told.setdefault(partition, []).append((at, events))

    def reached_at(self, events: int) -> float | None:
        """When so many of all partitions together had been taken; None: not yet."""
        for told in self._told.values():
            told.sort()
        before: tuple[float, float] | None = None
        for at in sorted({at for told in self._told.values() for at, _ in told}):
            taken = sum(_taken(told, at) for told in self._told.values())
            if taken >= events:
                if before is None or taken == before[1]:
                    return at
                return before[0] + (at - before[0]) * (events - before[1]) / (taken - before[1])
            before = at, taken
        return None


def _taken(told: list[tuple[float, int]], at: float) -> float:
    before = None
    for moment, events in told:
        if moment > at:
            return 0.0 if before is None else before[1] + (events - before[1]) * (at - before[0]) / (moment - before[0])
        before = moment, events
    return 0.0 if before is None else float(before[1])
