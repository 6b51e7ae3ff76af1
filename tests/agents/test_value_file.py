"""The file of stored values on a disk that fails, is cut, fills up, or whose folder goes; and when it is closed."""

import errno
import gc
import os
import shutil
from pathlib import Path

import pytest
import structlog

from agents.engine.stored_values import StoredValues, StoredValuesAreLost, ValueFile
from streams.base import changelog_keys
from streams.base.value_log import SEGMENT_BYTES, ValueLog


def many(folder: Path) -> tuple[StoredValues, dict[bytes, bytes]]:
    """Five values of which the last alone is in memory, and the same as a dictionary."""
    heads = {changelog_keys.head(f"p{number}"): bytes([number]) * (SEGMENT_BYTES - 1000) for number in range(5)}
    values = StoredValues(folder=folder, memory_bytes=0)
    for key, value in heads.items():
        values.put(key, value)
    return values, heads


def files_in(folder: Path) -> list[str]:
    """What this process has open in it, without names as they are."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:  # the one that listed them
            continue
    return [each for each in found if each.startswith(f"{folder}/")]


def test_a_disk_that_cannot_be_read_is_said_and_never_taken_for_a_project_that_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    values, heads = many(tmp_path)
    monkeypatch.setattr(os, "pread", broken)
    sentence = rf"STATE_DIR at {tmp_path} does not give back what was written to it \(Input/output error\): look at"
    for ask in (
        lambda: values.get(changelog_keys.head("p1")),
        lambda: dict(values.items()),
        lambda: values.put(changelog_keys.head("p1"), b""),
        lambda: values.put_newest_head(changelog_keys.head("p1"), b""),
        lambda: values.remove(changelog_keys.head("p1")),
    ):
        with pytest.raises(StoredValuesAreLost, match=sentence) as raised:
            ask()
        assert not isinstance(raised.value, OSError), "which would be taken for Kafka's"
    monkeypatch.undo()
    assert dict(values.items()) == heads, "what failed has changed nothing"


@pytest.mark.parametrize("length", [0, 4, 12, 3 * SEGMENT_BYTES, 4 * SEGMENT_BYTES - 2000])
def test_a_file_that_was_cut_is_said_wherever_it_was_cut(length: int, tmp_path: Path) -> None:
    file = ValueFile(tmp_path)
    log = ValueLog(file)
    for number in range(5):
        log.put(b"key-%d" % number, bytes(SEGMENT_BYTES - 1000))
    os.truncate(file._descriptor, length)
    with pytest.raises(StoredValuesAreLost, match="it ends too early"):
        log.get(b"key-3")
    with pytest.raises(StoredValuesAreLost, match="it ends too early"):
        dict(log.items())


def test_the_folder_may_be_deleted_before_the_file_is_made_and_after(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    values = StoredValues(folder=folder, memory_bytes=0)
    shutil.rmtree(folder)
    heads = {changelog_keys.head(f"p{number}"): bytes([number]) * 400_000 for number in range(20)}
    with structlog.testing.capture_logs() as lines:
        for turn, (key, value) in enumerate(heads.items()):
            if turn == 10:
                shutil.rmtree(folder)
            values.put(key, value)
    assert dict(values.items()) == heads
    assert lines == []


def test_where_a_disk_has_room_again_it_is_used_again_and_told_again_when_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_full, written, write = False, [0], os.pwrite

    def sometimes(descriptor: int, content: memoryview, at: int) -> int:
        if is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        written[0] += 1
        return write(descriptor, content[: len(content) // 2 + 1], at)  # a system call may take a part

    monkeypatch.setattr(os, "pwrite", sometimes)
    log, plain = ValueLog(ValueFile(tmp_path)), dict[bytes, bytes]()
    with structlog.testing.capture_logs() as lines:
        for turn in range(40):
            is_full = turn // 10 % 2 == 1
            plain[b"%d" % turn] = bytes([turn]) * 700_000
            log.put(b"%d" % turn, plain[b"%d" % turn])
    assert {key: log.get(key) for key in plain} == plain
    assert len(lines) == 2
    assert written[0] > 20, "parts of the segments that were written"


def test_the_file_is_closed_when_nobody_has_its_values_any_more(tmp_path: Path) -> None:
    gc.disable()  # it may be long until cycles are looked for
    try:
        values, heads = many(tmp_path)
        reading = values.items()
        next(reading)
        assert len(files_in(tmp_path)) == 1
        del values
        assert len(files_in(tmp_path)) == 1, "somebody reads them"
        assert len(list(reading)) == len(heads) - 1
        del reading
        assert files_in(tmp_path) == []
    finally:
        gc.enable()


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with structlog.testing.capture_logs() as lines:
        assert not ValueFile(tmp_path / "file").write(0, memoryview(b"x"))
    assert "(File exists)" in lines[0]["event"]
