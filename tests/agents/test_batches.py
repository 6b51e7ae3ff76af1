"""Fetched bytes to records: every format and codec is read, and whatever else lies there keeps nothing else back."""

import struct
import subprocess
import sys
from typing import Any

import pytest

from agents.fetching import decompression, large_batch
from agents.fetching.batches import TAKEN_BYTES, PartitionBatches
from agents.fetching.damaged_batches import Doubts
from agents.fetching.decompression import DECOMPRESSED_LIMIT_BYTES, missing_codecs
from agents.fetching.record_parsing import UnreadableBatch
from testbed.batches import (
    APPEND_TIME,
    CONTROL,
    FOLDS,
    TRANSACTIONAL,
    UNCOMMITTED,
    Sent,
    batch,
    marker,
    message,
    reading,
    record,
    varint,
    wrapper,
)
from testbed.worker_process import ROOT

GOOD = [Sent(0, b"a"), Sent(1, b"b"), Sent(2, b"c")]


def all_of(batches: PartitionBatches, at_once: int = 2) -> list[Any]:
    """Every record, a few at a time."""
    found: list[Any] = []
    while not batches.is_over:
        found += batches.take(at_once)
    return found


def followed(log: list[tuple[int, bytes]]) -> list[Any]:
    """Every record of a log of batches, each given with its true last offset: fetched again and again to its end."""
    found: list[Any] = []
    doubts = Doubts()
    position, fetches = 0, 0
    while position <= log[-1][0]:
        batches = reading(b"".join(data for last, data in log if last >= position), start=position)
        batches.doubts = doubts
        found += all_of(batches, at_once=500)
        position, fetches = batches.next_fetch_offset, fetches + 1
        assert fetches <= 10 * len(log), "it goes round in circles"
    return found


def seen(records: list[Any]) -> list[tuple[int, bytes | str | None]]:
    """Offset and value; for what cannot be read, the last offset and the reason."""
    return [
        (record.offset, record.reason.value if isinstance(record, UnreadableBatch) else record.value)
        for record in records
    ]


def test_every_codec_works_here() -> None:
    assert missing_codecs() is None


def test_a_library_that_does_not_load_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompression, "cramjam", None)
    monkeypatch.setattr(decompression, "_why_missing", "no such file")
    assert missing_codecs() == (
        "The library that reads Kafka's codecs (the package cramjam) does not load: no such file. Install what "
        "requirements.lock names; without it no compressed batch can be read."
    )
    (bad,) = all_of(reading(batch(0, GOOD, "lz4")))
    assert bad.detail == "Offsets 0 to 2 cannot be read: the library for lz4 does not load: no such file."


def test_a_codec_that_the_library_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cramjam.lz4.decompress_into", lambda compressed, room: 0)
    assert str(missing_codecs()).startswith("The package cramjam is installed and does not read lz4.")


@pytest.mark.parametrize("fold", FOLDS)
def test_a_batch_of_every_codec_is_read(fold: str) -> None:
    records = all_of(reading(batch(7, [Sent(at, b"value %d" % at * 50, b"k") for at in range(9)], fold), start=7))
    assert seen(records) == [(7 + at, b"value %d" % at * 50) for at in range(9)]
    assert {(record.key, record.timestamp) for record in records} == {(b"k", 1_700_000_000_000)}


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("fold", ["gzip", "snappy", "snappy of Java", "lz4"])
def test_a_compressed_message_of_an_old_format_is_read(magic: int, fold: str) -> None:
    data = wrapper(40, [b"a", b"b", b"c"], fold, magic=magic) + batch(43, [Sent(0, b"d")])
    records = all_of(reading(data, start=41))
    assert seen(records) == [(41, b"b"), (42, b"c"), (43, b"d")]
    assert records[0].timestamp == (1_700_000_000_000 if magic else -1)


def test_messages_of_old_formats_are_read_with_null_keys_and_values() -> None:
    data = message(3, b"old", magic=0) + message(4, b"newer", None) + message(6, None, b"")
    records = all_of(reading(data, start=3))
    assert [(record.offset, record.key, record.value) for record in records] == [
        (3, b"p", b"old"), (4, None, b"newer"), (6, b"", None),
    ]  # fmt: skip


def test_of_an_old_format_the_time_of_the_broker_counts_where_it_gave_one() -> None:
    (record,) = all_of(reading(wrapper(0, [b"a"], "gzip", attributes=APPEND_TIME)))
    assert record.timestamp == 1_800_000_000_000


def test_headers_of_any_bytes_are_read() -> None:
    headers = [(b"\xff\xfe", b"\xff"), (b"", b""), (b"null", None), (b"twice", b"1"), (b"twice", b"2")]
    (record,) = all_of(reading(batch(0, [Sent(0, b"v", b"k", headers)])))
    assert record.headers == [("\\xff\\xfe", b"\xff"), ("", b""), ("null", None), ("twice", b"1"), ("twice", b"2")]


def test_a_header_that_is_no_text_keeps_no_neighbour_from_being_read() -> None:
    data = batch(0, [Sent(0, b"a"), Sent(1, b"b", b"k", [(b"\xff", b"")]), Sent(2, b"c")], "zstd")
    assert seen(all_of(reading(data), at_once=500)) == [(0, b"a"), (1, b"b"), (2, b"c")]


def test_null_and_empty_keys_and_values_are_told_apart() -> None:
    data = batch(0, [Sent(0, None, None), Sent(1, b"", b""), Sent(2, b"v", None)])
    assert [(each.key, each.value) for each in all_of(reading(data))] == [(None, None), (b"", b""), (None, b"v")]


@pytest.mark.parametrize("timestamp", [-1, 0, -(2**63), 2**63 - 1, -5])
def test_a_timestamp_may_be_anything(timestamp: int) -> None:
    (record,) = all_of(reading(batch(0, [Sent(0)], timestamp=timestamp)))
    assert record.timestamp in {timestamp, None}


def test_offsets_may_have_gaps_and_batches_may_be_empty_where_a_topic_was_compacted() -> None:
    data = (
        batch(10, [Sent(3, b"a"), Sent(7, b"b")], last_delta=9)
        + batch(20, [], last_delta=4)
        + batch(90, [Sent(0, b"c")])
    )
    batches = reading(data, start=12)
    assert seen(all_of(batches)) == [(13, b"a"), (17, b"b"), (90, b"c")]
    assert batches.next_fetch_offset == 91


def test_reading_goes_on_within_a_batch() -> None:
    assert seen(all_of(reading(batch(10, GOOD, "lz4"), start=11))) == [(11, b"b"), (12, b"c")]


def test_a_batch_that_is_cut_off_is_left_to_the_next_fetch() -> None:
    data = batch(0, GOOD) + batch(3, GOOD)[:-1]
    batches = reading(data)
    assert seen(all_of(batches)) == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert batches.next_fetch_offset == 3


# --- transactions


def test_what_was_taken_back_is_not_read_and_the_markers_never_are() -> None:
    data = (
        batch(0, [Sent(0, b"taken back")], attributes=TRANSACTIONAL, producer=5)
        + batch(1, [Sent(0, b"of another")], attributes=TRANSACTIONAL, producer=6)
        + marker(2, 5, commits=False)
        + batch(3, [Sent(0, b"after it")], attributes=TRANSACTIONAL, producer=5)
        + marker(4, 6, commits=True)
    )
    batches = reading(data, aborted=[(5, 0)])
    assert seen(all_of(batches)) == [(1, b"of another"), (3, b"after it")]
    assert batches.next_fetch_offset == 5
    everything = all_of(reading(data, aborted=[(5, 0)], isolation=UNCOMMITTED))
    assert [value for _, value in seen(everything)] == [b"taken back", b"of another", b"after it"]


@pytest.mark.parametrize("key", [None, b"", b"\x00", b"\x00\x07\x00\x09"])
def test_a_marker_of_no_known_kind_is_passed_over(key: bytes | None) -> None:
    data = batch(0, [Sent(0, b"x", key)], attributes=CONTROL | TRANSACTIONAL, producer=1) + batch(1, [Sent(0, b"a")])
    assert seen(all_of(reading(data))) == [(1, b"a")]


def test_behind_a_damaged_marker_the_transactions_are_asked_for_anew() -> None:
    broken = bytearray(marker(1, 5, commits=False))
    broken[-1] ^= 1
    again = batch(2, [Sent(0, b"committed")], attributes=TRANSACTIONAL, producer=5)
    data = batch(0, [Sent(0, b"x")], attributes=TRANSACTIONAL, producer=5) + bytes(broken) + again
    batches = reading(data, aborted=[(5, 0)])
    assert seen(all_of(batches)) == [(1, "malformed_json")]
    assert batches.next_fetch_offset == 2


# --- what is damaged


def beside(bad: bytes, first: int = 3, behind: int = 6) -> list[Any]:
    """Good batches before and behind; answers what lies between."""
    records = followed([(2, batch(0, GOOD)), (behind - 1, bad), (behind + 2, batch(behind, GOOD))])
    found = seen(records)
    assert found[:3] == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert found[-3:] == [(behind, b"a"), (behind + 1, b"b"), (behind + 2, b"c")]
    return records[3:-3]


def flipped(data: bytes, at: int, bits: int = 1) -> bytes:
    """One byte changed."""
    changed = bytearray(data)
    changed[at] ^= bits
    return bytes(changed)


@pytest.mark.parametrize("fold", ["none", "gzip", "zstd"])
def test_a_batch_whose_checksum_is_wrong_is_passed_over_and_it_is_said_where(fold: str) -> None:
    (bad,) = beside(flipped(batch(3, GOOD, fold), -1))
    assert (bad.first_offset, bad.offset) == (3, 5)
    assert bad.detail == "Offsets 3 to 5 cannot be read: its checksum is wrong."


LENGTH_AT, MAGIC_AT = 8, 16


@pytest.mark.parametrize("length", [-1, 0, 3, 48, 60, 2**31 - 1, -(2**31)])
def test_a_batch_that_lies_about_its_length_costs_no_other(length: int) -> None:
    data = batch(3, GOOD)
    (bad,) = beside(data[:LENGTH_AT] + struct.pack(">i", length) + data[LENGTH_AT + 4 :])
    assert (bad.first_offset, bad.offset) == (3, 5)


def test_where_neither_length_nor_number_of_records_helps_the_next_batch_is_found_by_its_checksum() -> None:
    data = batch(3, [Sent(0), Sent(2)], last_delta=2)
    (bad,) = beside(data[:LENGTH_AT] + struct.pack(">i", 49) + data[LENGTH_AT + 4 :])
    assert (bad.first_offset, bad.offset) == (3, 5)


@pytest.mark.parametrize("magic", [3, 127, 255])
def test_a_format_of_the_future_is_passed_over(magic: int) -> None:
    data = batch(3, GOOD)
    (bad,) = beside(data[:MAGIC_AT] + bytes([magic]) + data[MAGIC_AT + 1 :])
    assert (bad.first_offset, bad.offset) == (3, 5)
    assert bad.detail == f"Offsets 3 to 5 cannot be read: format {magic} is not known."


@pytest.mark.parametrize("base", [2**40, 1_000, 5, 0, -7])
def test_a_batch_that_lies_about_its_first_offset_costs_no_other(base: int) -> None:
    beside(struct.pack(">q", base) + batch(3, GOOD)[8:])


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_a_codec_of_the_future_is_passed_over(codec: int) -> None:
    (bad,) = beside(batch(3, GOOD, codec=codec))
    assert bad.detail == f"Offsets 3 to 5 cannot be read: codec {codec} is not known."


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "compressed", [b"", b"no such thing", b"\x82SNAPPY\x00" + bytes(8) + b"\xff\xff\xff\xff", bytes(99)]
)
def test_a_batch_that_does_not_decompress_is_passed_over(codec: int, compressed: bytes) -> None:
    (bad,) = beside(batch(3, GOOD, codec=codec, compressed=compressed))
    assert (bad.first_offset, bad.offset, bad.reason.value) == (3, 5, "malformed_json")


def test_records_before_a_length_that_lies_still_count() -> None:
    lying = varint(500) + b"too few"
    compressed = b"".join((batch(0, GOOD)[61:], lying))
    between = beside(batch(3, GOOD, compressed=compressed, count=4, last_delta=9), behind=13)
    assert seen(between) == [(3, b"a"), (4, b"b"), (5, b"c"), (12, "malformed_json")]
    assert between[-1].first_offset == 6


def test_a_record_whose_inside_lies_costs_that_record_alone() -> None:
    body = b"\x00" + varint(0) + varint(1) + varint(99) + b"short"
    data = batch(0, [Sent(0, b"a")])[61:] + varint(len(body)) + body + batch(0, [Sent(2, b"c")])[61:]
    between = beside(batch(3, GOOD, compressed=data))
    assert seen(between) == [(3, b"a"), (4, "malformed_json"), (5, b"c")]


@pytest.mark.parametrize("deltas", [[0, 1, 900], [0, 7, 1], [0, 0, 0], [-4, 0, 1], [2, 1, 0]])
def test_records_that_lie_about_their_offsets_cost_no_other_batch(deltas: list[int]) -> None:
    beside(batch(3, [Sent(delta, b"x") for delta in deltas], last_delta=2))


@pytest.mark.parametrize("count", [0, 1, 2, 4, 1_000, 2**31 - 1, -1])
def test_a_batch_that_lies_about_its_number_of_records_costs_no_other(count: int) -> None:
    beside(batch(3, GOOD, count=count))


def test_a_batch_that_may_have_been_damaged_on_its_way_is_fetched_again_first() -> None:
    doubts = Doubts()
    data = batch(0, [Sent(0, b"a")]) + flipped(batch(1, GOOD), -1)
    for start in (0, 1):
        batches = reading(data if start == 0 else data[len(batch(0, [Sent(0, b"a")])) :], start=start)
        batches.doubts = doubts
        assert all_of(batches) == [] or start == 0
        assert batches.next_fetch_offset == 1
    last = reading(flipped(batch(1, GOOD), -1), start=1)
    last.doubts = doubts
    assert seen(all_of(last)) == [(3, "malformed_json")]
    healed = reading(batch(1, GOOD), start=1)
    assert seen(all_of(healed)) == [(1, b"a"), (2, b"b"), (3, b"c")]


# --- what decompresses to very much


@pytest.mark.parametrize("fold", ["gzip", "lz4", "zstd", "snappy", "snappy of Java"])
def test_a_batch_that_decompresses_to_too_much_is_passed_over(fold: str) -> None:
    (bad,) = beside(batch(3, [Sent(0, bytes(DECOMPRESSED_LIMIT_BYTES))], fold, last_delta=2))
    assert (bad.first_offset, bad.offset, bad.reason.value) == (3, 5, "too_large")


def test_batches_that_decompress_to_too_much_are_tried_one_at_a_time_so_that_others_have_their_turn() -> None:
    bomb = FOLDS["zstd"][1](record(Sent(0, bytes(DECOMPRESSED_LIMIT_BYTES))))
    batches = reading(b"".join(batch(at, [Sent(0)], codec=4, compressed=bomb) for at in range(3)))
    assert [len(batches.take(2_000)) for _ in range(3)] == [1, 1, 1]


def test_a_large_record_leaves_its_neighbours_within_the_batch() -> None:
    sent = [Sent(0, b"a"), Sent(1, bytes(9 * 1024 * 1024)), Sent(2, b"c")]
    assert [(offset, len(value or b"")) for offset, value in seen(beside(batch(3, sent, "zstd")))] == [
        (3, 1), (4, 9 * 1024 * 1024), (5, 1),
    ]  # fmt: skip


def test_a_record_of_headers_without_end_is_too_large_and_its_neighbours_count() -> None:
    sent = [Sent(0, b"a"), Sent(1, b"b", b"k", [(b"", None)] * 1_500_000), Sent(2, b"c")]
    between = beside(batch(3, sent, "zstd"))
    assert seen(between) == [(3, b"a"), (4, "too_large"), (5, b"c")]
    assert between[1].detail == "Offset 4 cannot be read: it has 1500000 headers; at most 10000 are read."


def test_no_more_is_handed_out_at_once_than_fits() -> None:
    data = b"".join(batch(at * 10, [Sent(n, bytes(900_000)) for n in range(10)], "lz4") for at in range(20))
    batches, sizes = reading(data), []
    while not batches.is_over:
        sizes.append(sum(len(record.value) for record in batches.take(2_000)))
    assert sum(sizes) == 200 * 900_000
    assert max(sizes) <= TAKEN_BYTES + 1024 * 1024


def test_of_large_batches_of_many_partitions_one_at_a_time_is_decompressed() -> None:
    data = batch(0, [Sent(at, b"%d" % at * 40_000) for at in range(100)], "zstd")
    partitions = [reading(data) for _ in range(5)]
    found: list[list[Any]] = [[] for _ in partitions]
    while not all(each.is_over for each in partitions):
        for number, each in enumerate(partitions):
            found[number] += each.take(7)
        assert sum(each._open is not None for each in partitions) <= 1
    assert [[record.value for record in records] for records in found] == [
        [b"%d" % at * 40_000 for at in range(100)]
    ] * 5


def test_a_partition_that_is_held_back_gives_way_and_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    data = batch(0, [Sent(at, b"%d" % at * 40_000) for at in range(100)], "zstd")
    held_back, other = reading(data), reading(data)
    found = held_back.take(7)
    assert other.take(7) == [], "it waits for the other's batch"
    assert not other.is_over
    monkeypatch.setattr(large_batch, "IDLE_SECONDS", 0.0)
    assert len(all_of(other)) == 100
    found += all_of(held_back)
    assert [record.offset for record in found] == list(range(100))


def test_whatever_batches_decompress_to_memory_stays_within_its_bound() -> None:
    """One of 300 MiB, one of 100 and one of 60, each in two partitions, beside batches of 54 MiB in large records."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.agents.batches_memory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    records, grown_mib = map(int, done.stdout.split())
    assert records == 6 * (1 + 1 + 60)
    assert grown_mib < 160
