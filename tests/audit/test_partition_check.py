"""One partition whose topic no longer has its beginning, or whose chain states records twice; in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from episode_monitor.audit.chain import Chain
from episode_monitor.audit.ledger import Entry
from episode_monitor.audit.partition_check import CopyOf, Own, PartitionCheck
from episode_monitor.audit.records import Audited, Bare
from episode_monitor.audit.state_check import StateReplay
from episode_monitor.audit.verify_report import PartitionReport
from models.audit_checkpoint import AuditCheckpoint, encode_audit_checkpoint, link_hash
from tests.audit.ledger import MONITOR, chain, events
from tests.audit.test_state_check import CORE, mixed, stated

RECORDS = events(50)


class Held:
    """Records in memory, seven at once."""

    def __init__(self, records: Sequence[Any]) -> None:
        self._records = list(records)
        self.position = records[0].offset if records else 0

    async def next(self, before: int | None = None) -> Sequence[Audited]:
        taken = [each for each in self._records[:7] if before is None or each.offset < before]
        del self._records[: len(taken)]
        if taken:
            self.position = taken[-1].offset + 1
        return taken

    async def peek(self) -> Sequence[Audited]:
        return self._records[:7]


def audited(
    own: Sequence[Any], checkpoints: Sequence[AuditCheckpoint], copy: Sequence[Bare] | None = None,
    state: StateReplay | None = None, beginning_now: int | None = None, until: int | None = None,
    due_before_ms: int = 0, may_miss: bool = False,
) -> PartitionReport:  # fmt: skip
    first = own[0].offset

    async def beginning() -> int:
        return first if beginning_now is None else beginning_now

    async def entries() -> AsyncIterator[Entry]:
        for each in checkpoints:
            yield Entry(encode_audit_checkpoint(each))

    held: Any = Held(own)
    theirs = None if copy is None else CopyOf(Held(copy), has_keys=True)
    there = Own(held, first, beginning, until, own[-1].offset + 1, due_before_ms)
    links = Chain(MONITOR, "events", 0, {}, is_cut=may_miss, may_miss=may_miss)
    audit = PartitionCheck(0, there, links, theirs, state)
    return asyncio.run(audit.run(entries()))


def spans(found: Sequence[Any]) -> list[tuple[int, int]]:
    return [(each.offset_from, each.offset_to) for each in found]


def test_what_retention_deleted_is_listed_and_the_rest_is_proven() -> None:
    report = audited(RECORDS[23:], chain(RECORDS))
    assert report.is_intact
    assert (spans(report.unchecked), report.records) == ([(0, 25)], 25)


def test_records_deleted_while_they_are_read_are_unchecked_and_not_broken() -> None:
    report = audited([*RECORDS[:12], *RECORDS[20:]], chain(RECORDS), beginning_now=20)
    assert (report.broken, spans(report.unchecked)) == ([], [(10, 20)])


def test_a_copy_that_still_has_what_the_topic_lost_is_held_against_the_checkpoints() -> None:
    own, copy = RECORDS[20:], list(RECORDS)
    assert audited(own, chain(RECORDS), copy).is_intact
    copy[7] = Bare(7, b"p", b"{}")
    report = audited(own, chain(RECORDS), copy)
    assert (report.is_topic_intact, report.is_copy_equal) == (True, False)
    assert [(each.where, each.offset_from, each.offset_to) for each in report.broken] == [("copy", 5, 10)]
    del copy[7], copy[31]
    report = audited(own, chain(RECORDS), copy)
    assert [(each.where, each.offset_from, each.offset_to) for each in report.broken] == [("copy", 5, 10)]
    assert [(each.what, each.offset) for each in report.differences] == [("removed", 32)]


def test_states_of_a_chain_begun_anew_are_compared_where_the_replay_stands() -> None:
    records = mixed()
    first, anew = linked(stated(records)), linked(stated(records, at="2026-01-02T00:00:00.000Z"))
    report = audited(records, [*first[:4], *anew], state=StateReplay(CORE, 0))
    assert report.is_intact
    assert (report.state.compared, report.checkpoints) == (4 + 3, 10)  # anew: at offset 40, where it is, and behind it


def unproven(report: PartitionReport) -> list[tuple[str, int, int]]:
    assert report.is_topic_intact is not bool(report.unproven)
    return [(each.why, each.offset_from, each.offset_to) for each in report.unproven]


def test_records_without_any_checkpoint_are_not_proven() -> None:
    assert unproven(audited(RECORDS, [])) == [("none", 0, 50)]


def test_a_tail_is_not_proven_once_its_oldest_record_should_be_covered() -> None:
    records = [msgspec.structs.replace(each, timestamp=1_000 * each.offset) for each in RECORDS]
    report = audited(records, chain(RECORDS)[:3], due_before_ms=30_000)
    assert (unproven(report), spans(report.uncovered)) == ([], [(30, 50)])
    assert unproven(audited(records, chain(RECORDS)[:3], due_before_ms=30_001)) == [("old", 30, 50)]


def test_a_range_in_which_no_record_is_covered_is_not_proven() -> None:
    assert unproven(audited(RECORDS, chain(RECORDS), until=0)) == [("nothing", 0, 0)]
    later = chain(RECORDS[10:])
    assert unproven(audited(RECORDS, later, until=5)) == [("nothing", 0, 5)]
    report = audited(RECORDS, later)
    assert (unproven(report), spans(report.uncovered)) == ([], [(0, 10)])  # the audit began at offset 10


def test_a_range_that_ends_between_those_of_a_checkpoint_is_checked_to_its_end_and_its_copy_is_not() -> None:
    report = audited(RECORDS, chain(RECORDS), RECORDS[:12], until=12)
    assert (unproven(report), report.records, report.differences) == ([], 15, [])
    changed = [*RECORDS[:13], Bare(13, b"p", b"{}"), *RECORDS[14:]]
    assert spans(audited(changed, chain(RECORDS), until=12).broken) == [(10, 15)]


def test_what_missing_checkpoints_covered_is_not_proven_also_where_some_may_be_missing() -> None:
    stated = chain(RECORDS)
    report = audited(RECORDS, [*stated[:1], *stated[2:]], may_miss=True)
    assert (unproven(report), report.chain_faults) == ([("missing", 10, 20)], 0)
    assert unproven(audited(RECORDS, stated[2:], may_miss=True)) == [("missing", 0, 20)]
    assert unproven(audited(RECORDS, [*stated[:1], *stated[2:]], until=15, may_miss=True)) == [("missing", 10, 15)]


def linked(checkpoints: Sequence[AuditCheckpoint]) -> list[AuditCheckpoint]:
    """As their writer would have linked them."""
    found: list[AuditCheckpoint] = []
    for each in checkpoints:
        found.append(msgspec.structs.replace(each, previous=link_hash(found[-1]) if found else ""))
    return found
