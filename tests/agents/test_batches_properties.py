"""Any bytes in place of a batch: reading never raises, never goes round in circles, and never loses a good batch."""

import struct
from itertools import pairwise
from typing import Any

from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from agents.fetching.damaged_batches import Doubts
from agents.fetching.record_parsing import UnreadableBatch
from testbed.batches import FOLDS, Sent, batch, message, reading, wrapper
from testbed.properties import examples
from tests.agents.test_batches import all_of

names = st.binary(max_size=5)
values = st.none() | st.binary(max_size=40)
moments = st.integers(-(2**63), 2**63 - 1)
magics, old_folds = st.sampled_from([0, 1]), st.sampled_from(["gzip", "snappy", "snappy of Java", "lz4"])


FIRST = 2**32 - 8  # so that offsets cross a border of their bytes


class Placed:
    """A batch in a log: its true last offset, its bytes, and what is in it."""

    def __init__(self, last: int, data: bytes, records: list[tuple[int, bytes | None]]) -> None:
        self.last = last
        self.data = data
        self.records = records

    def __repr__(self) -> str:
        return f"Placed({self.last}, {self.data!r}, {self.records})"


@st.composite
def batches_from(draw: st.DrawFn, base: int) -> Placed:
    """A good batch of any format."""
    kind = draw(st.sampled_from(["2", "2", "2", "old", "old, compressed"]))
    if kind == "old":
        value = draw(values)
        return Placed(base, message(base, value, magic=draw(magics)), [(base, value)])
    if kind == "old, compressed":
        inner = draw(st.lists(st.binary(max_size=40), min_size=1, max_size=4))
        data = wrapper(base, inner, draw(old_folds), magic=draw(magics))
        return Placed(base + len(inner) - 1, data, [(base + at, value) for at, value in enumerate(inner)])
    deltas = sorted(draw(st.sets(st.integers(0, 12), min_size=1, max_size=6)))
    sent = [
        Sent(delta, draw(values), draw(values), draw(st.lists(st.tuples(names, values), max_size=2)))
        for delta in deltas
    ]
    last = deltas[-1] + draw(st.integers(0, 3))
    data = batch(base, sent, draw(st.sampled_from(list(FOLDS))), last_delta=last, timestamp=draw(moments))
    return Placed(base + last, data, [(base + each.delta, each.value) for each in sent])


@st.composite
def logs(draw: st.DrawFn) -> list[Placed]:
    """A few good batches, with gaps between them or without. The first one is at `FIRST`."""
    log: list[Placed] = []
    base = FIRST
    for _ in range(draw(st.integers(1, 5))):
        log.append(draw(batches_from(base)))
        base = log[-1].last + 1 + draw(st.sampled_from([0, 0, 0, 1, 40]))
    return log


def follow(log: list[Placed], at_once: int, position: int = FIRST) -> list[Any]:
    """Fetch to the end of the log as a broker answers: from the batch that has the offset on."""
    found: list[Any] = []
    doubts = Doubts()
    fetches = 0
    while position <= log[-1].last:
        batches = reading(b"".join(each.data for each in log if each.last >= position), start=position)
        batches.doubts, batches.end = doubts, log[-1].last + 1
        found += all_of(batches, at_once)
        assert batches.next_fetch_offset >= position
        position, fetches = batches.next_fetch_offset, fetches + 1
        assert fetches <= 200, "it goes round in circles"
    return found


def seen(records: list[Any]) -> list[tuple[int, bytes | None]]:
    return [(record.offset, record.value) for record in records if not isinstance(record, UnreadableBatch)]


@examples(60)
@given(logs(), st.sampled_from([1, 3, 500]))
def test_good_batches_of_all_formats_side_by_side_are_read_in_order(log: list[Placed], at_once: int) -> None:
    assert seen(follow(log, at_once)) == [record for each in log for record in each.records]


@examples(150)
@given(logs(), st.data(), st.sampled_from([1, 500]))
def test_bytes_changed_in_one_batch_cost_no_other(log: list[Placed], data: st.DataObject, at_once: int) -> None:
    number = data.draw(st.integers(0, len(log) - 1))
    hurt = bytearray(log[number].data)
    for _ in range(data.draw(st.integers(1, 3))):
        hurt[data.draw(st.integers(0, len(hurt) - 1))] = data.draw(st.integers(0, 255))
    others = [record for each in log if each is not log[number] for record in each.records]
    log[number] = Placed(log[number].last, bytes(hurt), [])
    records = follow(log, at_once)
    assert all(one.offset < two.offset for one, two in pairwise(records))
    lost = set(others) - set(seen(records))
    assert not lost


@examples(150)
@given(logs(), st.data(), st.sampled_from([1, 500]))
def test_records_that_lie_under_a_good_checksum_cost_no_other_batch(
    log: list[Placed], data: st.DataObject, at_once: int
) -> None:
    number = data.draw(st.integers(0, len(log) - 1))
    hurt = bytearray(log[number].data)
    if hurt[16] != 2:
        return
    for _ in range(data.draw(st.integers(1, 4))):
        hurt[data.draw(st.integers(57, len(hurt) - 1))] = data.draw(st.integers(0, 255))
    hurt[17:21] = struct.pack(">I", calc_crc32c(bytes(hurt[21:])))
    others = [record for each in log if each is not log[number] for record in each.records]
    log[number] = Placed(log[number].last, bytes(hurt), [])
    records = follow(log, at_once)
    assert all(one.offset < two.offset for one, two in pairwise(records))
    assert set(others) <= set(seen(records))


@examples(150)
@given(st.binary(max_size=400), st.integers(0, 2**40))
def test_any_bytes_at_all_come_to_an_end(data: bytes, start: int) -> None:
    batches = reading(data, start=start)
    records = all_of(batches, at_once=3)
    assert all(one.offset < two.offset for one, two in pairwise(records))
    assert batches.next_fetch_offset > start or not data


@examples(100)
@given(st.integers(1, 4), st.binary(max_size=300))
def test_any_bytes_said_to_be_compressed_cost_no_neighbour(codec: int, compressed: bytes) -> None:
    log = [
        Placed(0, batch(0, [Sent(0, b"a")]), [(0, b"a")]),
        Placed(3, batch(1, [Sent(0), Sent(1), Sent(2)], codec=codec, compressed=compressed), []),
        Placed(4, batch(4, [Sent(0, b"b")]), [(4, b"b")]),
    ]
    records = seen(follow(log, 500, 0))
    assert records[0] == (0, b"a")
    assert records[-1] == (4, b"b")
