"""Stored values against a dictionary: in memory, in a file, on a disk that fills up, and while garbage is cleared."""

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.engine.stored_values import BESIDE_BYTES, StoredValues, ValueFile
from streams.base import changelog_keys
from streams.base.checkpoint_types import Changes, Cursor
from streams.base.value_log import SEGMENT_BYTES, SPARE_SEGMENTS, ValueLog

LONG = SEGMENT_BYTES + SEGMENT_BYTES // 3  # more than a segment
keys = st.sampled_from([b"", b"a", b"b", b"k" * 5000, *(b"key-%d" % number for number in range(6))])
sizes = st.sampled_from([0, 1, 7, 8, 9, 4095, 4096, 200_000, SEGMENT_BYTES - 50, SEGMENT_BYTES, LONG, 2 * LONG])
changes = st.lists(st.tuples(st.sampled_from(["put", "put", "remove", "all"]), keys, sizes), max_size=40)


def file_in(folder: Path) -> ValueFile:
    return ValueFile(folder)


def no_file(folder: Path) -> ValueFile:
    return ValueFile(None)


class SometimesFull:
    """A file whose disk takes every second segment."""

    def __init__(self, folder: Path) -> None:
        self._file = ValueFile(folder)
        self._writes = 0

    def write(self, at: int, content: memoryview, /) -> bool:
        self._writes += 1
        return self._writes % 2 == 0 and self._file.write(at, content)

    def read(self, at: int, length: int, /) -> bytes:
        return self._file.read(at, length)


@pytest.mark.parametrize("file", [file_in, no_file, SometimesFull])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=changes)
def test_any_sequence_of_changes_gives_what_a_dictionary_gives(
    file: Callable[[Path], ValueFile], script: list[tuple[str, bytes, int]], tmp_path: Path
) -> None:
    log, plain = ValueLog(file(tmp_path)), dict[bytes, bytes]()
    for turn, (what, key, size) in enumerate(script):
        value = bytes([turn + 1]) * size
        if what == "put":
            log.put(key, value)
            plain[key] = value
        elif what == "remove":
            log.remove(key)
            plain.pop(key, None)
        else:
            assert dict(log.items()) == plain
        assert log.get(key) == plain.get(key)
        assert len(log) == len(plain)
    assert dict(log.items()) == plain
    assert {key: log.get(key) for key in plain} == plain
    assert log.get(b"never") is None


def test_thousands_of_keys_stay_what_they_are_while_their_garbage_is_cleared(tmp_path: Path) -> None:
    log, plain = ValueLog(ValueFile(tmp_path)), dict[bytes, bytes]()
    for turn in range(20_000):
        key = b"project-%d" % (turn * turn % 4_999)
        if turn % 11 == 10:
            log.remove(key)
            plain.pop(key, None)
        else:
            value = b"%d " % turn * (turn % 400)
            log.put(key, value)
            plain[key] = value
    assert dict(log.items()) == plain
    assert {key: log.get(key) for key in plain} == plain
    assert log.live_bytes >= sum(len(key) + len(value) for key, value in plain.items())
    assert log.in_use * SEGMENT_BYTES <= 2 * log.live_bytes + (SPARE_SEGMENTS + 1) * SEGMENT_BYTES


def test_space_is_used_again_however_often_a_value_is_replaced(tmp_path: Path) -> None:
    log = ValueLog(ValueFile(tmp_path))
    for turn in range(300):
        log.put(b"long", bytes([turn % 256]) * LONG)
        log.put(b"short", bytes([turn % 256]) * 300_000)
    assert log.get(b"long") == bytes([299 % 256]) * LONG
    assert log.get(b"short") == bytes([299 % 256]) * 300_000
    assert len(log._live) <= 20, "segments that the file has, of 690 that were written"


def test_a_change_while_all_are_read_is_an_error_as_with_a_dictionary() -> None:
    log = ValueLog(ValueFile(None))
    log.put(b"a", b"1")
    log.put(b"b", b"2")
    reading = log.items()
    next(reading)
    log.put(b"a", b"3")
    with pytest.raises(RuntimeError, match="changed while all of them were read"):
        next(reading)


def test_an_older_state_does_not_replace_a_newer_one_wherever_that_lies(tmp_path: Path) -> None:
    def is_older(value: bytes, known: bytes) -> bool:
        return value[0] < known[0]

    log = ValueLog(ValueFile(tmp_path))
    log.put_newest(b"a", b"5", is_older)
    log.put(b"filler", bytes(SEGMENT_BYTES - 100))  # so that the state is in the file
    log.put(b"more", bytes(1000))
    log.put_newest(b"a", b"4 is older", is_older)
    assert log.get(b"a") == b"5"
    log.put_newest(b"a", b"5 again", is_older)
    assert log.get(b"a") == b"5 again"


def test_a_full_disk_is_told_once_in_a_sentence_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    values = StoredValues(folder=tmp_path, memory_bytes=0)
    heads = {changelog_keys.head(f"p{number}"): bytes([number]) * 400_000 for number in range(60)}
    with structlog.testing.capture_logs() as lines:
        for turn, (key, value) in enumerate(heads.items()):
            if turn == 30:
                monkeypatch.setattr(os, "pwrite", full)
            values.put(key, value)
    assert dict(values.items()) == heads
    assert [line["event"] for line in lines] == [
        f"STATE_DIR at {tmp_path} takes no more of what is stored (No space left on device): the rest stays in memory. "
        f"Make room there, or set STATE_DIR to a folder on another disk."
    ]


def test_few_values_touch_no_disk_and_the_file_of_many_has_no_name(tmp_path: Path) -> None:
    values = StoredValues(folder=tmp_path / "state", memory_bytes=2 * SEGMENT_BYTES)
    values.put(changelog_keys.head("p"), b"x")
    assert not (tmp_path / "state").exists()
    for number in range(5):
        values.put(changelog_keys.head(f"p{number}"), bytes(SEGMENT_BYTES - 1000))
    assert list((tmp_path / "state").iterdir()) == []


@settings(max_examples=200, deadline=None)
@given(
    script=st.lists(
        st.tuples(st.booleans(), st.sampled_from([b"pa", b"pb", b"cc", b"t", b""]), st.integers(0, 400)), max_size=30
    ),
    memory_bytes=st.sampled_from([0, 1, 300, 700, 10_000]),
)
def test_values_in_memory_and_beyond_it_are_one_dictionary(
    script: list[tuple[bool, bytes, int]], memory_bytes: int
) -> None:
    values, plain = StoredValues(memory_bytes=memory_bytes), dict[bytes, bytes]()
    for turn, (is_put, key, size) in enumerate(script):
        if is_put:
            values.put(key, bytes([turn + 1]) * size)
            plain[key] = bytes([turn + 1]) * size
        else:
            values.remove(key)
            plain.pop(key, None)
        assert values.get(key) == plain.get(key)
    found = list(values.items())
    assert dict(found) == plain
    assert len(found) == len(plain), "none is in both places"


def test_changes_of_a_flush_are_kept_and_what_its_heads_no_longer_name_is_gone() -> None:
    first, second = changelog_keys.chunk("p", 0, 1), changelog_keys.chunk("p", 0, 2)
    values = StoredValues({changelog_keys.TOTALS: b"t", first: b"1"})
    head = changelog_keys.head("p")
    values.apply(Changes([(changelog_keys.TOTALS, b"u"), (second, b"2"), (head, b"h")], Cursor(1, 1), [first]))
    assert dict(values.items()) == {changelog_keys.TOTALS: b"u", second: b"2", head: b"h"}
    assert values.few == {changelog_keys.TOTALS: b"u"}


def encoded_head(applied: int) -> bytes:
    """As far as it is looked at: one byte of the form, and how far it was applied."""
    return struct.pack("<Bq", 1, applied)


def test_memory_that_a_value_has_left_is_used_again() -> None:
    first, second, third = (changelog_keys.chunk("p", 0, version) for version in (1, 2, 3))
    one = BESIDE_BYTES + len(first) + 10
    values = StoredValues(memory_bytes=2 * one)
    for version in (first, second, third):
        values.put(version, b"0123456789")
    assert len(values.far) == 1
    values.remove(first)
    values.put(third, b"9876543210")
    assert len(values.far) == 0
    assert dict(values.items()) == {second: b"0123456789", third: b"9876543210"}
    values.put(first, b"0123456789")
    assert len(values.far) == 1, "two fit in memory, as before"


def test_an_older_head_in_the_file_is_replaced_by_a_newer_one_alone_also_when_memory_has_room() -> None:
    heads = {name: changelog_keys.head(name) for name in ("near", "far")}
    values = StoredValues(memory_bytes=1)
    values.put_newest_head(heads["near"], encoded_head(1))
    values.put_newest_head(heads["far"], encoded_head(5))
    assert len(values.far) == 1
    values.remove(heads["near"])
    values.put_newest_head(heads["far"], encoded_head(4))
    assert dict(values.items()) == {heads["far"]: encoded_head(5)}
    values.put_newest_head(heads["far"], encoded_head(6))
    assert dict(values.items()) == {heads["far"]: encoded_head(6)}
    assert len(values.far) == 0
