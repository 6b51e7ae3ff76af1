"""A batch whose records are returned piece by piece."""

from collections.abc import Iterator
from typing import Any

from agents.fetching.batch_heads import APPEND_TIME, BatchHead
from agents.fetching.record_parsing import parse_message, parse_records

PIECE_RECORDS = 500


class OpenBatch:
    """A batch whose records are being returned."""

    def __init__(self, batch: BatchHead, view: memoryview, begin: int) -> None:
        self.batch = batch
        self.view = view  # the batch, decompressed
        self.begin = begin  # of its records in there
        self.piece = PIECE_RECORDS
        self.record_bytes = max(1, len(view) // max(1, batch.records))
        self.left = batch.records
        self.expected = batch.base_offset  # the lowest offset that the next record may have
        self.is_quick = True
        self.records: Iterator[Any] = iter(())

    def parse_slowly(self) -> None:
        """Parse one by one from here on, whatever the bytes are."""
        batch = self.batch
        self.is_quick, self.piece = False, 1
        if batch.magic < 2:
            self.records = parse_message(self.view, self.expected)
            return
        append_time = batch.max_timestamp if batch.attributes & APPEND_TIME else None
        self.records = parse_records(
            self.view, self.begin, batch.records, batch.base_offset, batch.last_offset, batch.first_timestamp,
            append_time,
        )  # fmt: skip
