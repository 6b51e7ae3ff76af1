"""One partition: its checkpoints, the records they speak of, the state, and a copy, in one pass of bounded memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Final, Literal

import msgspec

from episode_monitor.audit.alignment import first_common_run
from episode_monitor.audit.chain import Chain
from episode_monitor.audit.copy_ranges import CopyRanges
from episode_monitor.audit.ledger import Entry
from episode_monitor.audit.lockstep import Lockstep
from episode_monitor.audit.reading import Continued, PartitionRecords, Records
from episode_monitor.audit.records import Audited, Compared, RangeDigest
from episode_monitor.audit.state_check import StateReplay
from episode_monitor.audit.verify_report import BrokenRange, OffsetRange, PartitionReport, UnprovenRange
from models.audit_checkpoint import AuditCheckpoint, AuditRange

MAX_BROKEN: Final = 10_000  # ranges named; all are counted
Why = Literal["stated", "missing", "none", "old", "tail"]  # no checkpoint covers records
_HEAD: Final = 200  # records by which a copy is seen to begin where the topic does


class Own(msgspec.Struct, frozen=True):
    """The partition of the monitor's own topic. `beginning_now`: the offset of the first record that it has by now.

    `until`: only the records before it are verified, and what else is in the range of a checkpoint that holds the last.
    `due_before_ms`: a checkpoint covers records written before it.
    """

    records: PartitionRecords
    beginning: int
    beginning_now: Callable[[], Awaitable[int]]
    until: int | None = None
    end: int = 0
    due_before_ms: int = 0


class CopyOf(msgspec.Struct, frozen=True):
    """The copy of the partition."""

    records: Records
    has_keys: bool


class PartitionCheck:
    """`run` once. `show` is called with the number of records read."""

    def __init__(
        self, number: int, own: Own, chain: Chain, copy: CopyOf | None, state: StateReplay | None,
        show: Callable[[int], None] = lambda records: None,
    ) -> None:  # fmt: skip
        self._report = PartitionReport(
            partition=number,
            unchecked=[],
            uncovered=[],
            unproven=[],
            chain=[],
            broken=[],
            differences=[],
            regions=[],
            notes=[],
        )
        self._own = own
        self._chain = chain
        self._copy = copy
        self._state = state
        self._show = show
        self._at = own.beginning
        self._covered_to = 0
        self._oldest_ms: int | None = None  # of the records since it was set to None
        self._ranges: CopyRanges | None = None  # while the copy has what the topic has no longer
        self._lockstep: Lockstep | None = None

    async def run(self, entries: AsyncIterator[Entry]) -> PartitionReport:
        """Of the entries of the chain. Raises KafkaError, UnreadableFile, OSError, Failure."""
        await self._begin_copy()
        async for entry in entries:
            checkpoint = self._chain.take(entry.value, entry.where)
            if checkpoint is None:
                continue
            if self._is_past(checkpoint.offset_from):
                await self._uncovered_until(self._own.until, self._why_before())
            else:
                await self._check(checkpoint)
        self._chain.conclude()
        await self._uncovered_until(self._own.until, self._why_after())
        await self._end_copy()
        return self._concluded()

    async def _begin_copy(self) -> None:
        if self._copy is None:
            return
        if self._own.beginning and self._copy.has_keys and not await self._begins_alike():
            self._ranges = CopyRanges(self._copy.records)
        else:
            self._lockstep = Lockstep(self._report.partition, self._copy.records, self._copy.has_keys)

    async def _begins_alike(self) -> bool:
        assert self._copy is not None
        first = await self._copy.records.next()
        self._copy = CopyOf(Continued(first, self._copy.records), self._copy.has_keys)
        own = [Compared().identity(record) for record in (await self._own.records.peek())[:_HEAD]]
        copy = [Compared().identity(record) for record in first[:_HEAD]]
        run = min(8, len(own), len(copy))
        return run > 0 and first_common_run(own, copy, run) is not None

    async def _check(self, checkpoint: AuditCheckpoint) -> None:
        ends = [checkpoint.offset_from, *(each.offset_to for each in checkpoint.ranges)]
        for (begin, end), stated in zip(pairwise(ends), checkpoint.ranges, strict=True):
            if self._is_past(begin):
                return
            self._covered_to = end
            if begin < self._own.beginning:
                await self._check_deleted(begin, stated, checkpoint.sequence)
            elif begin < self._at:
                self._note("Some records are in two checkpoints; only the first statement on them was checked.")
            else:
                await self._uncovered_until(begin, self._why_before())
                await self._check_range(begin, stated, checkpoint.sequence)
        if self._state is not None and self._at == checkpoint.offset_to:
            self._state.compare(checkpoint)

    def _is_past(self, offset: int) -> bool:
        return self._own.until is not None and offset >= self._own.until

    async def _check_range(self, begin: int, stated: AuditRange, sequence: int) -> None:
        digest = RangeDigest()
        await self._read_until(stated.offset_to, digest)
        if digest.is_of(stated):
            return
        beginning = await self._own.beginning_now()
        if beginning > begin:  # Kafka has deleted records meanwhile
            self._unchecked(begin, stated.offset_to)
            return
        self._broken(begin, stated, sequence, "topic", digest.records)

    async def _check_deleted(self, begin: int, stated: AuditRange, sequence: int) -> None:
        """A range whose beginning the topic no longer has."""
        found: int | None = None
        if self._ranges is not None:
            found = await self._ranges.check(stated)
            if found is not None:
                self._broken(begin, stated, sequence, "copy", found)
        else:
            self._unchecked(begin, stated.offset_to)
        if stated.offset_to > self._at:
            await self._read_until(stated.offset_to, None)

    def _why_before(self) -> Why:
        return "missing" if self._chain.lacks_before else "stated"

    def _why_after(self) -> Why:
        if self._chain.lacks_after:
            return "missing"
        return "tail" if self._chain.checkpoints else "none"

    async def _uncovered_until(self, offset: int | None, why: Why) -> None:
        """Records of which no checkpoint speaks; None: to the end."""
        begin = self._at
        if offset is not None and offset <= begin:
            return
        self._join_copy()
        self._oldest_ms = None
        await self._read_until(offset, None)
        if self._at <= begin:
            return
        oldest_ms = self._oldest_ms
        if why == "tail" and oldest_ms is not None and oldest_ms < self._own.due_before_ms:
            why = "old"
        if why in ("stated", "tail") or oldest_ms is None:  # None: offsets without records
            _append(self._report.uncovered, self._range(begin, self._at))
        else:
            self._unproven(begin, self._at, why)

    def _join_copy(self) -> None:
        """From here on the topic has what the copy has."""
        if self._ranges is not None and self._copy is not None:
            self._lockstep = Lockstep(self._report.partition, self._ranges.rest(), self._copy.has_keys)
            self._ranges = None

    async def _read_until(self, offset: int | None, digest: RangeDigest | None) -> None:
        if digest is not None:
            self._join_copy()
        while records := await self._own.records.next(offset):
            if digest is not None:
                digest.add(records)
                self._report.records += len(records)
            if self._state is not None:
                self._state.take(records)
            if digest is None:
                oldest_ms = min(record.timestamp or 0 for record in records)
                self._oldest_ms = oldest_ms if self._oldest_ms is None else min(self._oldest_ms, oldest_ms)
            await self._push(records)
            self._show(len(records))
        self._at = max(self._at, self._own.records.position, offset or 0)

    async def _push(self, records: Sequence[Audited]) -> None:
        if self._lockstep is None:
            return
        if self._is_past(records[-1].offset):
            records = [record for record in records if not self._is_past(record.offset)]
        if records:
            await self._lockstep.push(records)

    async def _end_copy(self) -> None:
        self._join_copy()
        if self._lockstep is None:
            return
        await self._lockstep.conclude()
        differences = self._lockstep.differences
        if self._own.until is not None:
            differences.forget_what_follows()
        self._report.differences = differences.records()
        self._report.copy_ends_before = self._lockstep.tail
        self._report.regions, self._report.unnamed = differences.regions, differences.unnamed
        self._report.copied = self._lockstep.copied
        self._report.notes += self._lockstep.notes

    def _concluded(self) -> PartitionReport:
        report, chain = self._report, self._chain
        report.notes += chain.notes
        report.checkpoints, report.repetitions = chain.checkpoints, chain.repetitions
        report.chain, report.chain_faults, report.signatures = chain.faults, chain.fault_count, chain.signatures
        if chain.first is not None:
            first = chain.first.offset_from
            report.covered = self._range(first, self._covered_to) if self._covered_to > first else None
            if chain.first.sequence:
                self._note(
                    f"The checkpoints of partition {report.partition} before number {chain.first.sequence} are gone: "
                    f"what is proven begins at offset {chain.first.offset_from}."
                )
        has_none = report.covered is None and not report.unproven and self._own.end > self._own.beginning
        if has_none and self._own.until is not None:
            self._unproven(self._own.beginning, self._own.until, "nothing")
        if self._state is not None:
            report.state = self._state.check
        return report

    def _broken(self, begin: int, stated: AuditRange, sequence: int, where: str, found: int) -> None:
        self._report.broken_total += 1
        if len(self._report.broken) < MAX_BROKEN:
            self._report.broken.append(BrokenRange(
                partition=self._report.partition, offset_from=begin, offset_to=stated.offset_to, sequence=sequence,
                where=where, records_stated=stated.records, records_found=found,
            ))  # fmt: skip

    def _unchecked(self, begin: int, end: int) -> None:
        _append(self._report.unchecked, self._range(begin, end))

    def _unproven(self, begin: int, end: int, why: Literal["missing", "none", "old", "nothing"]) -> None:
        self._report.unproven.append(
            UnprovenRange(partition=self._report.partition, offset_from=begin, offset_to=end, why=why)
        )

    def _range(self, begin: int, end: int) -> OffsetRange:
        return OffsetRange(partition=self._report.partition, offset_from=begin, offset_to=end)

    def _note(self, sentence: str) -> None:
        if sentence not in self._report.notes:
            self._report.notes.append(sentence)


def _append(ranges: list[OffsetRange], new: OffsetRange) -> None:
    """Neighbours become one."""
    if ranges and ranges[-1].offset_to == new.offset_from:
        new = msgspec.structs.replace(new, offset_from=ranges.pop().offset_from)
    ranges.append(new)
