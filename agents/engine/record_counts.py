"""Counts of records by outcome. They outlive the partition: the worker adds those of its former partitions up."""


class RecordCounts:
    """What became of records, by outcome, and of dead letters, by reason."""

    def __init__(self) -> None:
        self.outcomes = {"applied": 0, "already_applied": 0, "dead_letter": 0, "tombstone": 0}
        self.dead_letters_by_reason: dict[str, int] = {}

    def dead_letter(self, reason: str) -> None:
        """One more, for this reason."""
        self.outcomes["dead_letter"] += 1
        self.dead_letters_by_reason[reason] = self.dead_letters_by_reason.get(reason, 0) + 1

    def add(self, other: "RecordCounts") -> None:
        """Count what another has counted as well."""
        for sums, counts in (
            (self.outcomes, other.outcomes),
            (self.dead_letters_by_reason, other.dead_letters_by_reason),
        ):
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count
