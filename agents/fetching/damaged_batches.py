"""Damaged batches, remembered from one fetch to the next while a partition is assigned."""

ATTEMPTS = 3  # at a batch that may have been damaged on its way


class Doubts:
    """The damaged batches of one partition."""

    def __init__(self) -> None:
        self._offset = self._attempts = -1
        self._refused_base = self._refused_to = -1

    def asks_again(self, offset: int) -> bool:
        """Whether to fetch the damaged batch at this offset once more."""
        self._attempts = self._attempts + 1 if self._offset == offset else 1
        self._offset = offset
        return self._attempts < ATTEMPTS

    def knows(self, claimed_base: int, offset: int) -> bool:
        """Whether this is the batch refused last, which ends later than its head said."""
        return (self._refused_base, self._refused_to) == (claimed_base, offset)

    def note_refused(self, claimed_base: int, next_offset: int) -> None:
        """The batch has its dead letter; reading continues at this offset."""
        self._refused_base, self._refused_to = claimed_base, next_offset
