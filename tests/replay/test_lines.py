"""Files of events as people have them: with marks, compressed, cut short, in other encodings, with endless lines."""

import gzip
import io
from pathlib import Path

import pytest

from episode_monitor.replay.lines import MAX_LINE_BYTES, UnreadableFile, lines_of, lines_of_file


def packed(content: bytes) -> bytes:
    """The same bytes at any time: they are parts of test ids."""
    return gzip.compress(content, mtime=0)


TEXT = '{"a": 1}\n{"b": "드라마"}\n'
LINES = [b'{"a": 1}\n', '{"b": "드라마"}\n'.encode()]


def read(content: bytes) -> list[bytes]:
    return list(lines_of(io.BytesIO(content), "events.jsonl"))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TEXT.encode(), id="plain"),
        pytest.param(TEXT.encode("utf-8-sig"), id="a byte order mark"),
        pytest.param(packed(TEXT.encode()), id="gzip"),
        pytest.param(packed(TEXT.encode("utf-8-sig")), id="a byte order mark in gzip"),
        pytest.param(packed(LINES[0]) + packed(LINES[1]), id="two gzip files in one"),
    ],
)
def test_the_first_record_is_the_first_record_however_the_file_begins(content: bytes) -> None:
    assert read(content) == LINES


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", packed(b"")])
def test_an_empty_file_has_no_lines(content: bytes) -> None:
    assert read(content) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (TEXT.encode("utf-16"), "events.jsonl is UTF-16 or UTF-32 text; convert it"),
        (TEXT.encode("utf-16-be"), "events.jsonl holds zero bytes"),
        (TEXT.encode("utf-16-le"), "events.jsonl holds zero bytes"),
        (TEXT.encode("utf-32"), "events.jsonl is UTF-16 or UTF-32 text"),
        (packed(TEXT.encode("utf-16")), "events.jsonl is UTF-16 or UTF-32 text"),
        (b"\x28\xb5\x2f\xfd rest", "events.jsonl is a zstd file"),
        (b"PK\x03\x04 rest", "events.jsonl is a zip file"),
        (packed(TEXT.encode() * 1000)[:40], "events.jsonl is a gzip file that ends early or is damaged"),
        (b"\x1f\x8b no gzip", "events.jsonl is a gzip file that ends early or is damaged"),
    ],
)
def test_a_file_of_another_form_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFile, match=sentence):
        read(content)


def test_of_an_endless_line_a_bounded_part_is_kept_and_the_next_line_counts() -> None:
    lines = read(b"x" * (5 * MAX_LINE_BYTES) + b"\n" + LINES[0])
    assert [len(line) for line in lines] == [MAX_LINE_BYTES, len(LINES[0])]


def test_standard_input_is_read_in_the_same_way(tmp_path: Path) -> None:
    assert list(lines_of_file(Path("-"), io.BytesIO(packed(TEXT.encode())))) == LINES
    (tmp_path / "e.jsonl").write_bytes(TEXT.encode("utf-8-sig"))
    assert list(lines_of_file(tmp_path / "e.jsonl", io.BytesIO())) == LINES
