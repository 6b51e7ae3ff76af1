"""What a log of values says of its segments is what lies in them: garbage, space that is used again, equal hashes."""

import os
import struct
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.engine.stored_values import ValueFile
from streams.base.value_log import SEGMENT_BYTES, ValueLog

HASH_BITS = (1 << 28) - 1  # of a key, in the index
HALF = SEGMENT_BYTES // 2 - 9  # bytes of a value whose record, with a key of one byte, takes half a segment
FREE, CONTINUED = -1, -2


# --- two keys with one hash


def colliding_keys() -> tuple[bytes, bytes]:
    """Of equal length and with equal bits in the index: two of some 20 000 by chance."""
    known = dict[int, bytes]()
    for number in count():
        key = b"%012d" % number
        other = known.setdefault(hash(key) & HASH_BITS, key)
        if other != key:
            return other, key
    raise AssertionError


@pytest.mark.parametrize("where", ["in the last segment", "in the file", "in memory as the file takes nothing"])
def test_keys_whose_hashes_are_the_same_are_different_keys(where: str, tmp_path: Path) -> None:
    one, other = colliding_keys()
    log = ValueLog(ValueFile(None if "memory" in where else tmp_path))
    log.put(one, b"1")
    if where != "in the last segment":
        log.put(b"filler", bytes(SEGMENT_BYTES - 100))
    assert log.get(other) is None
    log.remove(other)
    assert log.get(one) == b"1"
    log.put_newest(other, b"2", lambda value, known: True)
    assert log.get(other) == b"2", "a value that is older than another key's is not refused"
    log.put(other, b"2 again")
    assert (log.get(one), log.get(other)) == (b"1", b"2 again")
    log.put(one, b"1 again")
    log.remove(other)
    log.remove(other)
    assert (log.get(one), log.get(other)) == (b"1 again", None)
    found = dict(log.items())
    found.pop(b"filler", None)
    assert found == {one: b"1 again"}


# --- accounts


def record_bytes(key: bytes, value_bytes: int) -> int:
    """Two lengths of 4 bytes, the key, the value, and up to 15 bytes."""
    return (8 + len(key) + value_bytes + 15) // 16 * 16


def records_in(log: ValueLog, segment: int) -> Iterator[tuple[int, bytes, int]]:
    """What was appended to it: place in the log in units of 16 bytes, key, bytes of the record."""
    content, at = log._content(segment), 0
    while at < log._used[segment]:
        key_bytes, value_bytes = struct.unpack_from("<II", content, at)
        key = bytes(content[at + 8 : at + 8 + key_bytes])
        yield (segment * SEGMENT_BYTES + at) // 16, key, record_bytes(key, value_bytes)
        at += record_bytes(key, value_bytes)
    assert at == log._used[segment], "what was appended is all that is there"


def check_accounts(log: ValueLog, plain: dict[bytes, bytes]) -> None:
    indexed = {(entry >> 28) - 1 for entry in log._table.slots if entry}
    assert len(indexed) == len(plain) == len(log)
    found = dict[bytes, int]()
    marks = list(log._live)
    for segment, live in enumerate(marks):
        if live < 0:
            continue
        records = list(records_in(log, segment))
        mine = {key: size for place, key, size in records if place in indexed}
        garbage = sum(size for place, _, size in records if place not in indexed)
        assert live == sum(mine.values()), "bytes that live"
        assert live + garbage == log._used[segment], "bytes that were appended"
        assert live or segment == log._last, "where nothing lives, the segment is free"
        further = max(0, (log._used[segment] - 1) // SEGMENT_BYTES)
        assert marks[segment + 1 : segment + 1 + further] == [CONTINUED] * further
        assert not found.keys() & mine.keys(), "no key is there twice"
        found |= mine
    assert found == {key: record_bytes(key, len(value)) for key, value in plain.items()}
    assert log.live_bytes == sum(found.values())
    assert log.in_use == sum(mark != FREE for mark in marks)


keys = st.sampled_from([b"", b"a", b"b", b"c", b"d", b"e", b"f"])
sizes = st.sampled_from(
    [0, 7, 100_000, SEGMENT_BYTES // 3, HALF, HALF + 1, SEGMENT_BYTES - 9, SEGMENT_BYTES, 1_500_000]
)
scripts = st.lists(st.tuples(st.sampled_from(["put", "put", "put", "remove", "compact"]), keys, sizes), max_size=30)


@pytest.mark.parametrize("has_file", [True, False])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=scripts)
def test_what_lives_and_what_is_garbage_is_all_that_was_appended(
    has_file: bool, script: list[tuple[str, bytes, int]], tmp_path: Path
) -> None:
    log, plain = ValueLog(ValueFile(tmp_path if has_file else None)), dict[bytes, bytes]()
    for turn, (what, key, size) in enumerate(script):
        if what == "put":
            plain[key] = bytes([turn + 1]) * size
            log.put(key, plain[key])
        elif what == "remove":
            log.remove(key)
            plain.pop(key, None)
        else:
            short = [each for each, live in enumerate(log._live) if live > 0 and log._used[each] <= SEGMENT_BYTES]
            for segment in [each for each in short if each != log._last][:1]:
                log._empty(segment)
        check_accounts(log, plain)
    assert dict(log.items()) == plain


def test_a_value_replaced_a_hundred_times_takes_two_segments_in_turns(tmp_path: Path) -> None:
    file = ValueFile(tmp_path)
    log = ValueLog(file)
    segments = []
    for turn in range(100):
        log.put(b"k", bytes([turn]) * HALF)
        segments.append((log._last, log.in_use))
        check_accounts(log, {b"k": bytes([turn]) * HALF})
    # Two records fill a segment. The third begins another one, and the first has nothing left that lives.
    assert segments[:8] == [(0, 1), (0, 1), (1, 1), (1, 1), (0, 1), (0, 1), (1, 1), (1, 1)]
    assert list(log._live) == [FREE, SEGMENT_BYTES // 2]
    assert os.fstat(file._descriptor).st_size == 2 * SEGMENT_BYTES


def test_eight_values_replaced_in_turns_take_five_segments_however_often(tmp_path: Path) -> None:
    file = ValueFile(tmp_path)
    log, plain = ValueLog(file), dict[bytes, bytes]()
    for turn in range(200):
        key = b"%d" % (turn % 8)
        plain[key] = bytes([turn]) * HALF
        log.put(key, plain[key])
    check_accounts(log, plain)
    # The eight live in four segments. What replaces the first of a pair begins a fifth; with the second, one is free.
    assert (len(log._live), log.in_use) == (5, 4)
    assert os.fstat(file._descriptor).st_size == 5 * SEGMENT_BYTES


def test_a_last_segment_of_garbage_alone_is_written_to_anew_and_never_to_the_file(tmp_path: Path) -> None:
    file = ValueFile(tmp_path)
    log = ValueLog(file)
    for _ in range(10):
        log.put(b"k", bytes(SEGMENT_BYTES - 100))
        log.remove(b"k")
        log.remove(b"k")
        check_accounts(log, {})
    assert list(log._live) == [0]
    assert file._descriptor < 0


def test_a_long_value_gives_all_of_its_segments_back(tmp_path: Path) -> None:
    log = ValueLog(ValueFile(tmp_path))
    for turn in range(10):
        log.put(b"long", bytes([turn]) * (2 * SEGMENT_BYTES))  # and a few bytes more: three segments
        check_accounts(log, {b"long": bytes([turn]) * (2 * SEGMENT_BYTES)})
    assert len(log._live) == 1 + 3 + 3, "the last one, and two times three in turns"
    log.remove(b"long")
    check_accounts(log, {})
    assert log.in_use == 1
