"""The chain of audit checkpoints: however flushes, crashes and sends fall, each record is hashed once, in its range."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.audit_checkpoint import MAX_RANGES, AuditCheckpoint, decode_audit_checkpoint, link_hash
from models.audit_digest import range_digest
from streams.base import changelog_keys
from streams.partition import audit_chain
from streams.partition.audit_chain import AuditChain, Statement
from testbed.properties import examples

SAID = Statement(at_ms=0, state_digest="d", rules_digest="r", projects=1, software="1")


class Record(msgspec.Struct, frozen=True):
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes | None], ...] = ()


def record(offset: int) -> Record:
    return Record(b"p", b"%d" % offset)


class Monitor:
    """A partition whose log has a record at each offset, its changelog, and the audit's topic."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.cursor = 0
        self.topic: list[bytes] = []
        self.restart()

    def restart(self, first_offset: int = 0) -> str:
        """As after a crash."""
        self.chain = AuditChain("m", "events", 3)
        self.chain.restore(self.values)
        self.position = max(self.cursor, first_offset)
        return self.chain.begin_at(self.cursor, self.position, SAID)

    def take(self, records: int) -> None:
        self.chain.take([record(self.position + place) for place in range(records)])
        self.position += records

    def flush(
        self, *, is_checkpoint: bool = False, is_cursor_lost: bool = False, is_chain_lost: bool = False
    ) -> None:  # fmt: skip
        self.chain.cut(self.position)
        if is_checkpoint and self.chain.ranges:
            self.chain.make(len(self.chain.ranges), SAID)
        for key, value in self.chain.writes():
            if is_chain_lost and key == changelog_keys.AUDIT:
                break
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value
        if is_cursor_lost or is_chain_lost:
            self.restart()
        else:
            self.cursor = self.position
            self.chain.stored()

    def send(self, *, is_answer_lost: bool = False) -> None:
        while (found := self.chain.to_send()) is not None:
            self.topic.append(found[1])
            if is_answer_lost:
                self.restart()
                return
            self.chain.sent(found[0])

    def checkpoints(self) -> list[AuditCheckpoint]:
        """What a reader makes of the topic: exact repetitions are dropped."""
        found = [decode_audit_checkpoint(value) for value in dict.fromkeys(self.topic)]
        assert all(isinstance(each, AuditCheckpoint) for each in found)
        return [each for each in found if isinstance(each, AuditCheckpoint)]


def check_chain(checkpoints: list[AuditCheckpoint], first_offset: int = 0) -> None:
    previous, end = "", first_offset
    for sequence, each in enumerate(checkpoints):
        assert (each.sequence, each.previous, each.offset_from) == (sequence, previous, end)
        begin = end
        for one in each.ranges:
            assert one.records == one.offset_to - begin
            assert one.sha256 == range_digest([record(offset) for offset in range(begin, one.offset_to)])
            begin = one.offset_to
        previous, end = link_hash(each), each.offset_to


_STEPS: dict[str, Callable[[Monitor], object]] = {
    "take one": lambda monitor: monitor.take(1),
    "take three": lambda monitor: monitor.take(3),
    "flush": lambda monitor: monitor.flush(),
    "flush with a checkpoint": lambda monitor: monitor.flush(is_checkpoint=True),
    "flush, and die before the cursor": lambda monitor: monitor.flush(is_cursor_lost=True),
    "checkpoint, and die before the cursor": lambda monitor: monitor.flush(is_checkpoint=True, is_cursor_lost=True),
    "checkpoint, and die before the chain": lambda monitor: monitor.flush(is_checkpoint=True, is_chain_lost=True),
    "die": lambda monitor: monitor.restart(),
    "send": lambda monitor: monitor.send(),
    "send, and die before the answer": lambda monitor: monitor.send(is_answer_lost=True),
}


@given(st.lists(st.sampled_from(sorted(_STEPS)), max_size=40))
@example(["take one", "flush", "take one", "checkpoint, and die before the cursor",
          "checkpoint, and die before the chain"])  # fmt: skip
@examples(600)
def test_any_crash_leaves_one_chain_without_a_fork(steps: list[str]) -> None:
    monitor = Monitor()
    for step in steps:
        _STEPS[step](monitor)
    monitor.restart()
    monitor.take(1)
    monitor.flush(is_checkpoint=True)
    monitor.send()
    found = monitor.checkpoints()
    check_chain(found)
    assert found[-1].offset_to == monitor.position
    assert monitor.chain.audited_to == monitor.position
    monitor.flush()
    assert list(monitor.values) == [changelog_keys.AUDIT]  # what was sent is stored no longer


def test_a_checkpoint_is_sent_only_after_it_was_stored() -> None:
    monitor = Monitor()
    monitor.take(2)
    monitor.chain.cut(2)
    monitor.chain.make(1, SAID)
    assert monitor.chain.to_send() is None
    monitor.chain.writes()
    assert monitor.chain.to_send() is None
    monitor.chain.stored()
    assert monitor.chain.to_send() is not None
    assert monitor.chain.audited_to == 0


def test_offsets_without_records_are_covered_by_an_empty_range() -> None:
    chain = AuditChain("m", "events", 0)
    chain.take([record(0)])
    chain.cut(1)
    chain.cut(1)
    chain.cut(4)  # a transaction's markers
    assert [(each.offset_to, each.records) for each in chain.ranges] == [(1, 1), (4, 0)]


def test_records_that_were_never_read_are_between_two_checkpoints() -> None:
    monitor = Monitor()
    monitor.take(2)
    monitor.flush()
    assert monitor.restart(first_offset=5) == "records from 2 to 5"
    monitor.take(1)
    monitor.flush(is_checkpoint=True)
    monitor.send()
    first, second = monitor.checkpoints()
    assert (first.offset_from, first.offset_to, second.offset_from, second.offset_to) == (0, 2, 5, 6)
    assert second.previous == link_hash(first)


def test_records_applied_while_the_audit_was_off_are_between_two_checkpoints() -> None:
    monitor = Monitor()
    monitor.take(2)
    monitor.flush(is_checkpoint=True)
    monitor.send()
    monitor.cursor = 9
    assert monitor.restart() == "records from 2 to 9"
    monitor.take(1)
    monitor.flush(is_checkpoint=True)
    monitor.send()
    assert [each.offset_from for each in monitor.checkpoints()] == [0, 9]


def test_a_new_chain_begins_where_the_partition_does() -> None:
    monitor = Monitor()
    assert monitor.restart(first_offset=7) == ""
    monitor.take(2)
    monitor.flush(is_checkpoint=True)
    monitor.send()
    check_chain(monitor.checkpoints(), first_offset=7)


def test_of_two_stored_chains_the_later_one_has_the_higher_first_field() -> None:
    monitor = Monitor()
    revisions = []
    for _ in range(3):
        monitor.take(1)
        monitor.flush()
        revisions.append(msgspec.msgpack.decode(monitor.values[changelog_keys.AUDIT])[0])
        monitor.restart()
    assert sorted(set(revisions)) == revisions


def test_a_worker_that_was_frozen_does_not_put_back_the_chain_of_its_successor() -> None:
    monitor = Monitor()
    monitor.take(1)
    monitor.flush()
    zombie = AuditChain("m", "events", 3)
    zombie.restore(monitor.values)
    zombie.begin_at(1, 1, SAID)
    monitor.restart()
    monitor.take(2)
    monitor.flush()
    newer = monitor.values[changelog_keys.AUDIT]
    zombie.take([record(1)])
    zombie.cut(2)
    for _ in range(3):
        zombie.is_changed = True
        (older,) = [value for key, value in zombie.writes() if key == changelog_keys.AUDIT]
    assert msgspec.msgpack.decode(older or b"")[0] < msgspec.msgpack.decode(newer)[0]


def test_what_cannot_wait_longer_is_given_up_and_the_next_checkpoint_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "MOST_UNSENT", 2)
    monitor = Monitor()
    for _ in range(2):
        monitor.take(1)
        monitor.flush(is_checkpoint=True)
    assert monitor.chain.is_clogged
    for _ in range(MAX_RANGES - 1):
        monitor.take(1)
        monitor.chain.cut(monitor.position)
    assert monitor.chain.give_up() == 0
    monitor.take(1)
    monitor.chain.cut(monitor.position)
    assert monitor.chain.give_up() == MAX_RANGES
    monitor.flush()
    monitor.send()
    assert not monitor.chain.is_clogged
    monitor.take(1)
    monitor.flush(is_checkpoint=True)
    monitor.send()
    assert [each.offset_from for each in monitor.checkpoints()] == [0, 1, 2 + MAX_RANGES]


def test_records_taken_apart_have_the_digest_of_all() -> None:
    chain = AuditChain("m", "events", 0)
    large = [Record(b"p", bytes([number]) * 100_000) for number in range(8)]
    for each in large:
        chain.take([each])
    chain.cut(8)
    assert chain.ranges[0].sha256 == range_digest(large)
