"""What is remembered of damaged batches from one fetch to the next, as long as a partition is assigned."""

ATTEMPTS = 3  # at a batch that may have been damaged on its way


class Doubts:
    """Of one partition."""

    def __init__(self) -> None:
        self._offset = self._attempts = -1
        self._refused_base = self._refused_to = -1

    def asks_again(self, offset: int) -> bool:
        """Whether what is damaged at this offset is to be fetched once more."""
        self._attempts = self._attempts + 1 if self._offset == offset else 1
        self._offset = offset
        return self._attempts < ATTEMPTS

    def knows(self, claimed_base: int, offset: int) -> bool:
        """Whether it is the batch that was refused last, whose end is further than it seemed."""
        return (self._refused_base, self._refused_to) == (claimed_base, offset)

    def note_refused(self, claimed_base: int, next_offset: int) -> None:
        """It has its dead letter, and reading goes on there."""
        self._refused_base, self._refused_to = claimed_base, next_offset
