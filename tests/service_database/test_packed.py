"""COPY's binary format, as PostgreSQL's documentation has it, cut wherever the network likes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from episode_monitor.service_database.packed import PackedProject, Unpacking

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
END = struct.pack(">h", -1)


def field(content: bytes | None) -> bytes:
    return struct.pack(">i", -1) if content is None else struct.pack(">i", len(content)) + content


def row(project: str | None, rows: int, numbers: bytes | None, owners: bytes | None) -> bytes:
    name = None if project is None else project.encode()
    return struct.pack(">h", 4) + field(name) + field(struct.pack(">q", rows)) + field(numbers) + field(owners)


ROWS = [("p", 2, bytes(15) + b"\1", b"a\0b"), (None, 7, None, None), ("한국", 1, b"", b"")]
WIRE = HEADER + b"".join(row(*one) for one in ROWS) + END
PROJECTS = [
    PackedProject("p", 2, bytes(15) + b"\1", b"a\0b"), PackedProject(None, 7, b"", b""),
    PackedProject("한국", 1, b"", b""),
]  # fmt: skip


@given(st.lists(st.integers(0, len(WIRE)), max_size=12))
def test_it_does_not_matter_where_the_blocks_are_cut(cuts: list[int]) -> None:
    unpacking, found, at = Unpacking(), [], 0
    for cut in [*sorted(cuts), len(WIRE)]:
        found += unpacking.feed(WIRE[at:cut])
        at = cut
    assert found == PROJECTS


def test_a_longer_header_is_skipped() -> None:
    longer = HEADER[:-4] + struct.pack(">i", 3) + b"xyz"
    assert Unpacking().feed(longer + WIRE[len(HEADER) :]) == PROJECTS


def test_an_empty_table_is_a_header_and_an_end() -> None:
    assert Unpacking().feed(HEADER + END) == []


def test_what_is_no_copy_is_refused() -> None:
    with pytest.raises(ValueError, match="not COPY's binary format"):
        Unpacking().feed(b"p\t2\t\\N")
