"""The result of a fetch, before and after it is parsed, and its approximate memory."""

from typing import Any, TypeVar

from agents.fetching.whole_batch import headers_of

RECORD_BYTES, HEADER_BYTES = 200, 72  # of memory, each, beside what is in it

T = TypeVar("T")


class Taken(list[T]):
    """Records, their approximate memory, and whether an `UnreadableBatch` is among them."""

    __slots__ = ("has_unreadable", "size_bytes")

    def __init__(self) -> None:
        super().__init__()
        self.size_bytes = 0
        self.has_unreadable = False


def memory_beside(records: list[Any]) -> int:
    """The approximate memory of aiokafka's record objects beside their contents, in bytes."""
    return RECORD_BYTES * len(records) + HEADER_BYTES * sum(map(len, map(headers_of, records)))


class FetchedBytes:
    """The fetched bytes of a partition. Replaces aiokafka's MemoryRecords, which trusts every length in them."""

    def __init__(self, data: bytes) -> None:
        self.data = data or b""

    def has_next(self) -> bool:
        """Whether there are bytes."""
        return bool(self.data)

    def size_in_bytes(self) -> int:
        """The number of bytes."""
        return len(self.data)
