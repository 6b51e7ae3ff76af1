"""The audit checkpoints of one partition: ranges of records as they are stored, and the chain that is made of them.

The chain is stored together with the partition's cursor. After a crash it is what it was at that cursor: records that
are applied again are hashed once, and a checkpoint that was decided is sent again byte for byte.
"""

import hashlib
from collections.abc import Callable, Sequence

import msgspec

from models.audit_checkpoint import (
    MAX_RANGES,
    NO_LINK,
    AuditCheckpoint,
    AuditRange,
    decode_audit_checkpoint,
    digest_of_ranges,
    encode_audit_checkpoint,
    link_hash,
)
from models.audit_digest import AuditedRecord, audited_bytes
from models.times import rfc3339
from streams.base import changelog_keys

MOST_RANGES = 120  # then a checkpoint is cut early: all ranges are stored again with each flush
MOST_UNSENT = 500  # checkpoints that wait for the audit's topic: eight hours of a minute each
HASHED_BYTES = 2047  # hashlib keeps the interpreter lock for as many; to release it costs more than to hash them

Writes = list[tuple[bytes, bytes | None]]
Sign = Callable[[AuditCheckpoint], AuditCheckpoint]


class StoredSum(msgspec.Struct, frozen=True, array_like=True):
    """The state digest (16 bytes) at an offset, and the digest of the rules under which it was computed."""

    total: bytes
    offset: int
    rules_digest: str


class _StoredChain(msgspec.Struct, frozen=True, array_like=True):
    """`revision` rises with every value stored and with the offset. Of two, the changelog's reader takes the higher, so
    a worker that was frozen does not put back what its successor has stored."""

    revision: int
    sequence: int
    previous: str
    offset_from: int
    at_ms: int
    ranges: list[AuditRange]
    state_sum: StoredSum | None


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint states beside its records. `at_ms` is the wall clock."""

    at_ms: int
    state_digest: str | None
    rules_digest: str
    projects: int
    software: str


class AuditChain:
    """`sign` gives a checkpoint its signature, or leaves it as it is."""

    def __init__(self, monitor_id: str, topic: str, partition: int, sign: Sign = lambda checkpoint: checkpoint) -> None:
        self.sequence = 0  # of the next checkpoint
        self.previous = NO_LINK
        self.offset_from = 0
        self.at_ms = 0  # when the last checkpoint was made
        self.ranges: list[AuditRange] = []  # stored or about to be, and in no checkpoint yet
        self.unsent: dict[int, bytes] = {}  # sequence -> checkpoint, oldest first
        self.state_sum: StoredSum | None = None
        self.is_changed = False  # since it was last written
        self._revision = 0
        self._name = (monitor_id, topic, partition)
        self._sign = sign
        self._stored_sequence = 0  # checkpoints before it are stored, and may be sent
        self._written: list[int] = []  # made, and not written yet
        self._cleared: list[int] = []  # sent, and still stored
        self._hash, self._records = hashlib.sha256(), 0

    # --- recovery

    def restore(self, values: dict[bytes, bytes]) -> None:
        """Take over what was stored. Raises msgspec.MsgspecError for what no worker wrote."""
        encoded = values.get(changelog_keys.AUDIT)
        if encoded is None:
            return
        stored = msgspec.msgpack.decode(encoded, type=_StoredChain)
        self.sequence, self.previous, self.offset_from = stored.sequence, stored.previous, stored.offset_from
        self.at_ms, self.ranges, self.state_sum = stored.at_ms, list(stored.ranges), stored.state_sum
        self._revision = stored.revision
        kept = {changelog_keys.checkpoint_of(key): value for key, value in values.items() if _is_checkpoint(key)}
        # One that was written just before a crash, without what says that it belongs to the chain, does not.
        self.unsent = {sequence: kept[sequence] for sequence in sorted(kept) if sequence < self.sequence}

    def begin_at(self, cursor: int, position: int, statement: Statement) -> str:
        """The partition is complete up to `cursor` and goes on at `position`. Returns in a few words which records the
        chain does not cover; "" for none."""
        is_new = not self.sequence and not self.ranges
        self._forget_after(cursor)
        end, self._stored_sequence = self.end, self.sequence
        if end == position:
            return ""
        if self.ranges:
            self.make(len(self.ranges), statement)
        self.offset_from, self.is_changed = position, True
        if is_new:
            return ""
        return f"records from {end} to {position}" if end < position else f"records from {position} on, again"

    def _forget_after(self, cursor: int) -> None:
        """What was decided for records beyond the cursor, none of which was sent; and a checkpoint that was written
        over such a one just before a crash, without what says that it belongs to the chain."""
        while self.unsent:
            last = decode_audit_checkpoint(self.unsent[self.sequence - 1]) if self.sequence - 1 in self.unsent else None
            if not isinstance(last, AuditCheckpoint):
                break
            if last.offset_to <= cursor and link_hash(last) == self.previous:
                break
            self.sequence, self.previous, self.offset_from = last.sequence, last.previous, last.offset_from
            self.ranges = [*last.ranges, *self.ranges]
            del self.unsent[last.sequence]
        self.ranges = [each for each in self.ranges if each.offset_to <= cursor]

    # --- records

    @property
    def end(self) -> int:
        """The next offset after all ranges."""
        return self.ranges[-1].offset_to if self.ranges else self.offset_from

    @property
    def audited_to(self) -> int:
        """The next offset after all checkpoints that the broker has."""
        for checkpoint in self.unsent.values():
            found = decode_audit_checkpoint(checkpoint)
            if isinstance(found, AuditCheckpoint):
                return found.offset_from
        return self.offset_from

    def take(self, records: Sequence[AuditedRecord]) -> None:
        """These records were applied, or refused; in order, each once since `begin_at`."""
        part, update = memoryview(audited_bytes(records)), self._hash.update
        for begin in range(0, len(part), HASHED_BYTES):
            update(part[begin : begin + HASHED_BYTES])
        self._records += len(records)

    def cut(self, next_offset: int) -> None:
        """The partition is stored as it is now, up to this offset."""
        if next_offset <= self.end:
            return
        self.ranges.append(AuditRange(next_offset, self._records, self._hash.hexdigest()))
        self._hash, self._records, self.is_changed = hashlib.sha256(), 0, True

    # --- checkpoints

    @property
    def is_full(self) -> bool:
        """Whether no further ranges should wait for a checkpoint."""
        return len(self.ranges) >= MOST_RANGES

    def make(self, ranges: int, statement: Statement) -> None:
        """Decide the next checkpoint, of the first so many ranges."""
        monitor_id, topic, partition = self._name
        ours, self.ranges = self.ranges[:ranges], self.ranges[ranges:]
        checkpoint = self._sign(
            AuditCheckpoint(
                monitor_id=monitor_id, topic=topic, partition=partition, sequence=self.sequence,
                offset_from=self.offset_from, offset_to=ours[-1].offset_to,
                records=sum(each.records for each in ours), ranges=ours, digest=digest_of_ranges(ours),
                state_digest=statement.state_digest, rules_digest=statement.rules_digest,
                projects=statement.projects, at=rfc3339(statement.at_ms), software=statement.software,
                previous=self.previous,
            )
        )  # fmt: skip
        self.unsent[self.sequence] = encode_audit_checkpoint(checkpoint)
        self._written.append(self.sequence)
        self.sequence, self.previous, self.offset_from = self.sequence + 1, link_hash(checkpoint), checkpoint.offset_to
        self.at_ms, self.is_changed = statement.at_ms, True

    @property
    def is_clogged(self) -> bool:
        """Whether so much waits for the audit's topic that no further checkpoint may be decided."""
        return len(self.unsent) >= MOST_UNSENT

    def give_up(self) -> int:
        """Leave uncovered what can no longer wait; answers how many records. The next checkpoint begins after them, and
        its `offset_from` says so."""
        if len(self.ranges) < MAX_RANGES:
            return 0
        records = sum(each.records for each in self.ranges)
        self.offset_from, self.ranges, self.is_changed = self.end, [], True
        return records

    # --- storing and sending

    def writes(self) -> Writes:
        """What to store with the cursor; nothing where nothing has changed."""
        if not self.is_changed:
            return []
        found: Writes = [(changelog_keys.audit_checkpoint(each), self.unsent[each]) for each in self._written]
        found += [(changelog_keys.audit_checkpoint(each), None) for each in self._cleared]
        self._revision = max(self._revision + 1, self.end << 20)
        stored = _StoredChain(
            self._revision, self.sequence, self.previous, self.offset_from, self.at_ms, self.ranges, self.state_sum
        )
        found.append((changelog_keys.AUDIT, msgspec.msgpack.encode(stored)))
        self._written, self._cleared, self.is_changed = [], [], False
        return found

    def stored(self) -> None:
        """The broker has the last `writes`."""
        self._stored_sequence = self.sequence - len(self._written)

    def to_send(self) -> tuple[int, bytes] | None:
        """The oldest checkpoint that is stored and not sent, with its sequence."""
        oldest = next(iter(self.unsent.items()), None)
        return oldest if oldest is not None and oldest[0] < self._stored_sequence else None

    def sent(self, sequence: int) -> None:
        """The broker has this checkpoint."""
        if self.unsent.pop(sequence, None) is not None:
            self._cleared.append(sequence)
            self.is_changed = True


def _is_checkpoint(key: bytes) -> bool:
    return key[:1] == changelog_keys.AUDIT and key != changelog_keys.AUDIT
