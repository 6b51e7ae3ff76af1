"""What a fetch brought, before and after it is read, and about how much memory that takes."""

from typing import Any, TypeVar

from agents.fetching.whole_batch import headers_of

RECORD_BYTES, HEADER_BYTES = 200, 72  # of memory, each, beside what is in it

T = TypeVar("T")


class Taken(list[T]):
    """Records, about how much memory they take, and whether an `UnreadableBatch` is among them."""

    __slots__ = ("has_unreadable", "size_bytes")

    def __init__(self) -> None:
        super().__init__()
        self.size_bytes = 0
        self.has_unreadable = False


def memory_beside(records: list[Any]) -> int:
    """About how many bytes records made by aiokafka's C code take beside what is in them."""
    return RECORD_BYTES * len(records) + HEADER_BYTES * sum(map(len, map(headers_of, records)))


class FetchedBytes:
    """What a broker sent for a partition, in place of aiokafka's MemoryRecords, which trusts every length in it."""

    def __init__(self, data: bytes) -> None:
        self.data = data or b""

    def has_next(self) -> bool:
        """Whether there is anything."""
        return bool(self.data)

    def size_in_bytes(self) -> int:
        """How much there is."""
        return len(self.data)
