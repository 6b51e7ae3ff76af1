"""What one flush writes of a partition: its state first and, once the broker has it, how far that state goes."""

from collections.abc import Awaitable, Callable

import msgspec

from agents.engine.last_record import KEY as LAST_RECORD
from agents.engine.last_record import LastRecord, decode_last_record, encode_last_record, last_record_of
from agents.engine.partition_audit import PartitionAudit
from agents.engine.stored_values import StoredValues
from agents.fetching.reading import Record
from agents.time_slices import in_slices, let_others
from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor
from streams.partition.partition import Partition

Records = list[tuple[bytes, bytes | None]]


def cursor_record(cursor: Cursor) -> tuple[bytes, bytes]:
    """The changelog record that says up to where a partition is complete."""
    return changelog_keys.CURSOR, msgspec.msgpack.encode(cursor)


class Collected(msgspec.Struct, frozen=True):
    """What one flush writes: `closing` only when the broker has `state`."""

    state: Records
    closing: Records
    next_offset: int
    garbage: list[bytes]


class Checkpoint:
    """Between two flushes of one partition: the last record taken, and what the next flush removes."""

    def __init__(self, audit: PartitionAudit | None = None) -> None:
        self._audit = audit
        self.last_stored: LastRecord | None = None
        self.last_taken: Record | None = None  # since the last flush
        self.known_letters: set[int] = set()  # offsets whose dead letters were written before the last crash
        self._letters_from = -1  # and from where on those letters lie in their topic
        self._garbage: list[bytes] = []
        self._closing: Records = []  # of what is being collected

    def recovered(self, values: dict[bytes, bytes]) -> None:
        """These values were read from the changelog, beside those of single projects."""
        self.last_stored = decode_last_record(values.get(LAST_RECORD))

    def expect_letters(self, offsets: set[int]) -> None:
        """Dead letters of these records exist."""
        self.known_letters = offsets
        self._letters_from = -1 if self.last_stored is None else self.last_stored.letters_from

    def cut(self, partition: Partition, letters_from: int) -> None:
        """From now on `collect` gives the partition as it is now. To be called under its lock, so that all that was
        taken has been emitted; then records may be taken again."""
        partition.cut()
        if self._audit is not None:
            self._audit.cut(partition)
        self._closing = []
        if self.last_taken is not None:
            self.last_stored = last_record_of(
                self.last_taken, self._letters_from if self.known_letters else letters_from
            )
            self.last_taken = None
            self._closing.append(encode_last_record(self.last_stored))

    async def collect(
        self, partition: Partition, store: StoredValues, give_way: Callable[[], Awaitable[None]] = let_others, *,
        is_last: bool = False,
    ) -> Collected:  # fmt: skip
        """What to write after a `cut`. The values in memory change together with it: they must never be older.
        `is_last`: the partition goes to another owner."""
        changes = await in_slices(partition.checkpointer.collecting(), give_way=give_way)
        if self._audit is not None:
            self._audit.replacing(changes)
        store.apply(changes)
        audited = [] if self._audit is None else await self._audit.closing(give_way, is_last=is_last)
        garbage, self._garbage = self._garbage, []
        state = [*changes.writes, *((key, None) for key in garbage)]
        closing = [*self._closing, *audited, cursor_record(changes.cursor)]
        return Collected(state, closing, changes.cursor.next_offset, changes.garbage)

    def stored(self, collected: Collected) -> None:
        """The broker has it. Keys that the stored heads no longer name are removed by the next flush."""
        self._garbage.extend(collected.garbage)
        if self._audit is not None:
            self._audit.stored()
