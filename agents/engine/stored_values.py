"""The stored values of a partition, as its changelog has them."""

from collections.abc import Iterator

from streams.base.checkpoint_types import Changes


class StoredValues:
    """A `streams.partition.partition.Store` in memory."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self.values = values
        self.get = values.get

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """A snapshot, so that a reader may yield to the loop."""
        return iter(list(self.values.items()))

    def apply(self, changes: Changes) -> None:
        """Keep what was collected, and remove what its heads no longer name."""
        for key, value in changes.writes:
            if value is not None:
                self.values[key] = value
        for key in changes.garbage:
            self.values.pop(key, None)
