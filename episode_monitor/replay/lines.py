"""The lines of a file of events, one a line in UTF-8: as it is or gzipped, with or without a byte order mark.

A file of another form is refused with its name; a line costs a bounded amount of memory, however long it is.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final

MAX_LINE_BYTES: Final = 1 << 20  # far above the longest value that is used; the rest of a longer line is passed over
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_OTHER_FORMS: Final = {
    b"\xff\xfe": "UTF-16 or UTF-32 text",
    b"\xfe\xff": "UTF-16 text",
    b"\0\0\xfe\xff": "UTF-32 text",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"PK\x03\x04": "a zip file",
}


class UnreadableFile(Exception):
    """The message is one sentence that names the file."""


def lines_of(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines, without the byte order mark. Raises UnreadableFile, OSError."""
    peekable: BufferedReader[Any] = stream if isinstance(stream, BufferedReader) else BufferedReader(stream)
    if peekable.peek(2)[:2] != _GZIP:
        yield from _plain(peekable, name)
        return
    try:
        yield from _plain(BufferedReader(gzip.GzipFile(fileobj=peekable)), name)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(f"{name} is a gzip file that ends early or is damaged ({error}); copy it again.") from None


def _plain(stream: BufferedReader[Any], name: str) -> Iterator[bytes]:
    start = stream.peek(8)[:8]
    for mark, form in _OTHER_FORMS.items():
        if start.startswith(mark):
            raise UnreadableFile(f"{name} is {form}; convert it to UTF-8 text or gzip.")
    if b"\0" in start:
        raise UnreadableFile(f"{name} holds zero bytes, so it is not UTF-8 text; convert it to UTF-8 text or gzip.")
    if start.startswith(_UTF8_MARK):
        stream.read(len(_UTF8_MARK))
    while line := stream.readline(MAX_LINE_BYTES):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES)
        yield line


def lines_of_file(path: Path, standard_input: BinaryIO) -> Iterator[bytes]:
    """Of the file, or of `standard_input` where the path is `-`. Raises UnreadableFile, OSError."""
    if str(path) == "-":
        yield from lines_of(standard_input, "Standard input")
        return
    with path.open("rb") as stream:
        yield from lines_of(stream, str(path))
