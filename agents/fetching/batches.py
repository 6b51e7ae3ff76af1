"""Parses the fetched bytes of a partition into records, within a memory bound; it always advances.

An unreadable batch becomes one `UnreadableBatch` with its offsets, and the batches around it are read. Every consumer
of the process reads through this.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, cast

from aiokafka.record.default_records import DefaultRecordBatch

from agents.fetching.aborted import AbortedTransactions
from agents.fetching.batch_heads import (
    CODEC,
    HEAD,
    BatchHead,
    Damaged,
    base_at,
    claimed,
    find_good,
    good_at,
    plain_head,
    read_batch,
)
from agents.fetching.damaged_batches import Doubts
from agents.fetching.decompression import (
    DECOMPRESSED_LIMIT_BYTES,
    SMALL_BYTES,
    SPARE_BYTES,
    DecompressesTooLarge,
    NotDecompressible,
    decompress,
)
from agents.fetching.large_batch import large_batch
from agents.fetching.open_batch import PIECE_RECORDS, OpenBatch
from agents.fetching.record_parsing import (
    KEPT_BYTES,
    PlainRecord,
    UnreadableBatch,
    longest_record,
)
from agents.fetching.taken_records import HEADER_BYTES, RECORD_BYTES, FetchedBytes, Taken, memory_beside
from agents.fetching.whole_batch import LARGE_BYTES, are_in_order, offset_of, whole_batch
from models.dead_letter import DeadLetterReason

TAKEN_BYTES = 4 * 1024 * 1024  # handed out at once, by a guess of what they take in memory
PIECE_BYTES = 1024 * 1024
NO_SUCH_OFFSET = 10_000_000  # behind the end that the broker names, or away from where reading stands


class _Waits(Exception):
    """Another partition's large batch is decompressed."""


class PartitionBatches:
    """Replaces aiokafka's PartitionRecords; its fetcher calls it with the same arguments.

    `take` returns records; `next_fetch_offset` is where reading continues. `end` is the end of the log by the broker,
    `doubts` the damaged batches of earlier fetches: with it a damaged batch is fetched again before it is refused.
    """

    def __init__(
        self,
        tp: Any,
        records: FetchedBytes,
        aborted_transactions: Sequence[tuple[int, int]] | None,
        fetch_offset: int,
        key_deserializer: Any,
        value_deserializer: Any,
        check_crcs: bool,
        isolation_level: int,
    ) -> None:
        self.next_fetch_offset = fetch_offset
        self.end: int | None = None
        self.doubts: Doubts | None = None
        self.is_over = False
        self._fetch_offset = fetch_offset
        self._data = records.data
        self._view = memoryview(self._data)
        self._at = 0
        self._floor = -1  # no batch begins before this
        self._aborted = AbortedTransactions(aborted_transactions, isolation_level)
        self._open: OpenBatch | None = None
        self._is_large_next = False  # the batch that is read or comes next is large, decompressed

    def take(self, most_records: int, most_bytes: int = TAKEN_BYTES) -> "Taken[Any]":
        """The next records, fewer if large; none at the end, or while another partition's large batch is read."""
        taken: Taken[Any] = Taken()
        try:
            while len(taken) < most_records and taken.size_bytes < most_bytes and not self.is_over:
                if self._open is not None:
                    self._continue_batch(self._open, taken, most_records)
                elif self._is_large_next or not self._take_whole_batch(taken, most_records):
                    self._begin_batch(taken)
        except _Waits:  # what was taken before is whole
            pass
        if self._is_large_next and self._open is not None:
            large_batch.note_use()
        return taken

    def __iter__(self) -> Iterator[Any]:
        while not self.is_over:
            yield from self.take(1)

    def __next__(self) -> Any:
        for record in self:
            return record
        raise StopIteration

    # --- from batch to batch

    def _take_whole_batch(self, taken: "Taken[Any]", most_records: int) -> bool:
        whole = whole_batch(self._data, self._view, self._at, self.next_fetch_offset, most_records - len(taken))
        if whole is None:
            return False
        taken += whole.records
        taken.size_bytes += whole.size + memory_beside(whole.records)
        self._at = whole.end
        self._floor = self.next_fetch_offset = whole.last_offset + 1
        return True

    def _begin_batch(self, taken: "Taken[Any]") -> None:
        at = self._at
        if at >= len(self._data):
            self._end_of_bytes(taken)
            return
        try:
            batch = read_batch(self._data, at)
            if batch is None:  # cut off, as brokers do where the fetch is full
                self._end_of_bytes(taken)
                return
            self._check_place(batch)
        except Damaged as error:
            self._damaged(taken, str(error))
            return
        if batch.last_offset < self.next_fetch_offset or self._aborted.hides(batch, self._data):
            self._pass(batch)
            return
        try:
            self._open = self._opened(batch)
        except DecompressesTooLarge:
            why = f"its {batch.end - at} bytes decompress to more than {DECOMPRESSED_LIMIT_BYTES}"
            self._refuse(taken, batch, DeadLetterReason.TOO_LARGE, why)
            taken.size_bytes += DECOMPRESSED_LIMIT_BYTES  # of work: no second one before others had their turn
        except NotDecompressible as error:
            self._refuse(taken, batch, DeadLetterReason.MALFORMED_JSON, str(error))

    def _check_place(self, batch: BatchHead) -> None:
        """The checksum does not cover a batch's first offset."""
        here, base, end = self.next_fetch_offset, batch.base_offset, self.end
        lies = base < self._floor or (end is not None and batch.last_offset >= end + NO_SUCH_OFFSET)
        if base > here and not lies:  # a gap, as compaction leaves them, unless the next batch begins before this one
            following = base_at(self._data, batch.end)
            lies = following is not None and here <= following <= batch.last_offset
            lies = lies and good_at(self._data, batch.end, here - 1) is not None
        if lies:
            raise Damaged(f"it claims to begin at offset {base}")

    def _pass(self, batch: BatchHead) -> None:
        self._open = None
        self._is_large_next = False
        self._at = batch.end
        self._floor = batch.last_offset + 1
        self.next_fetch_offset = max(self.next_fetch_offset, batch.last_offset + 1)

    def _refuse(self, taken: "Taken[Any]", batch: BatchHead, reason: DeadLetterReason, why: str) -> None:
        first = max(batch.base_offset, self.next_fetch_offset)
        self._hand_out_unreadable(taken, first, batch.last_offset, reason, why)
        self._pass(batch)

    def _hand_out_unreadable(
        self, taken: "Taken[Any]", first: int, last: int, reason: DeadLetterReason, why: str
    ) -> None:
        kept = self._data[self._at : self._at + KEPT_BYTES]
        taken.append(UnreadableBatch(first, last, reason, why, kept))
        taken.has_unreadable = True
        taken.size_bytes += KEPT_BYTES

    # --- within a batch

    def _opened(self, batch: BatchHead) -> OpenBatch:
        view = self._view[batch.at : batch.end]
        if batch.magic < 2:
            self._is_large_next = bool(batch.attributes & CODEC)
            if self._is_large_next and not large_batch.take(self):
                raise _Waits
            opened = OpenBatch(batch, view, 0)
            opened.expected = min(self.next_fetch_offset, batch.last_offset)
            opened.parse_slowly()
            return opened
        if batch.attributes & CODEC:
            view = self._decompressed(batch, view)
        elif batch.end + SPARE_BYTES > len(self._data):
            view = memoryview(bytes(view) + bytes(SPARE_BYTES))[: len(view)]
        opened = OpenBatch(batch, view, HEAD.size)
        if len(view) > LARGE_BYTES:
            longest = longest_record(view, HEAD.size, batch.records)
            if longest is None or longest > PIECE_BYTES:
                opened.parse_slowly()
                return opened
            opened.piece = max(1, min(PIECE_RECORDS, PIECE_BYTES // max(1, longest)))
        opened.records = chain(cast(Any, DefaultRecordBatch(cast(bytes, view))))  # it allows one `iter` alone
        return opened

    def _decompressed(self, batch: BatchHead, view: memoryview) -> memoryview:
        """Raises NotDecompressible, DecompressesTooLarge, _Waits."""
        codec, compressed = batch.attributes & CODEC, view[HEAD.size :]
        head = plain_head(self._data, batch.at, batch.attributes)
        if not self._is_large_next:
            try:
                return decompress(codec, compressed, head, SMALL_BYTES)
            except DecompressesTooLarge:
                self._is_large_next = True
        if not large_batch.take(self):
            raise _Waits
        return decompress(codec, compressed, head)

    @property
    def is_within_batch(self) -> bool:
        """Whether a batch is returned in part."""
        return self._open is not None

    def close_batch(self) -> None:
        """Release the decompressed bytes; the batch is decompressed again later."""
        self._open = None

    def _continue_batch(self, opened: OpenBatch, taken: "Taken[Any]", most_records: int) -> None:
        if not opened.is_quick:
            self._take_slowly(opened, taken)
            return
        asked = min(opened.piece, most_records - len(taken))
        try:
            piece = list(islice(opened.records, asked))
            if not piece:
                self._pass(opened.batch)
                return
            offsets = [*map(offset_of, piece)]
            in_order = are_in_order(offsets, opened.expected, opened.batch.last_offset)
        except Exception:  # its lengths lie, or the name of a header is no UTF-8
            in_order = False
        if not in_order:
            opened.parse_slowly()
            return
        opened.expected = offsets[-1] + 1
        got = len(piece)
        opened.left -= got
        if offsets[0] < self.next_fetch_offset:
            piece = piece[bisect_left(offsets, self.next_fetch_offset) :]
        taken += piece
        taken.size_bytes += opened.record_bytes * len(piece) + memory_beside(piece)
        self.next_fetch_offset = max(self.next_fetch_offset, opened.expected)
        if not opened.left or got < asked:  # asked behind its end, aiokafka's iterator would begin anew
            self._pass(opened.batch)

    def _take_slowly(self, opened: OpenBatch, taken: "Taken[Any]") -> None:
        record = next(opened.records, None)
        if record is None:
            self._pass(opened.batch)
        elif record.offset >= self.next_fetch_offset:
            taken.append(record)
            self.next_fetch_offset = record.offset + 1
            if isinstance(record, PlainRecord):
                size = len(record.key or b"") + len(record.value or b"")
                taken.size_bytes += RECORD_BYTES + size + HEADER_BYTES * len(record.headers)
            else:
                taken.has_unreadable = True
                taken.size_bytes += KEPT_BYTES

    # --- what is damaged

    def _end_of_bytes(self, taken: "Taken[Any]") -> None:
        if self._data and self.next_fetch_offset == self._fetch_offset:
            self._damaged(taken, "the broker sends nothing whole that begins here")
        else:
            self.is_over = True

    def _damaged(self, taken: "Taken[Any]", why: str) -> None:
        """No field of the batch can be trusted: neither its length nor its offsets."""
        here = self.next_fetch_offset
        claimed_base, span = claimed(self._data, self._at)
        doubts = self.doubts
        is_known = doubts is not None and doubts.knows(claimed_base, here)
        if doubts is not None and not is_known and doubts.asks_again(here):
            self.is_over = True  # fetched again from here
            return
        good = find_good(self._data, self._at, max(self._floor, here) - 1)
        if good is not None and good.base_offset <= here:
            self._at = good.at  # nothing is missing between
            return
        limit = here + NO_SUCH_OFFSET if good is None else good.base_offset - 1
        first = claimed_base if here < claimed_base <= limit else here
        last = max(first, min(first + span - 1, limit))
        if good is not None and good.magic > 1:  # of old formats a batch names its last offset alone
            last = limit
        if is_known:
            last = here
        else:
            self._hand_out_unreadable(taken, first, last, DeadLetterReason.MALFORMED_JSON, why)
        if doubts is not None:
            doubts.note_refused(claimed_base, last + 1)
        self.next_fetch_offset = self._floor = last + 1
        # Behind a damaged marker it is not known whose transaction was aborted: the next fetch says it anew.
        self.is_over = good is None or self._aborted.is_any_open
        self._at = len(self._data) if good is None else good.at
