"""The committed offset of a partition, with a note of the records after it that are already done.

The note is the metadata of the group's committed offset, so that after a crash no record is delivered twice because an
earlier one was still open.
"""

from collections.abc import Collection, Iterable, Iterator

import msgspec

NOTE_MAX_CHARACTERS = 3500  # brokers take 4096 bytes; of what does not fit, some is done again
_VERSION = "1"


class Note(msgspec.Struct, frozen=True):
    """What a former owner said: offsets done, and up to where it had read; 0: nothing is known."""

    done: tuple[range, ...] = ()
    read_to: int = 0

    def is_done(self, offset: int) -> bool:
        """Whether this offset was done, although others before it were not."""
        return any(offset in part for part in self.done)


def note_of(position: int, next_offset: int, still_open: Collection[int]) -> str:
    """What lies from `position` up to `next_offset`, counted from the position.

    >>> note_of(10, 20, {10, 13, 14, 19}), note_of(10, 10, ())
    ('1:10:1-2,5-8:', '1:0::')
    """
    done_words = _words(position, _between(position, next_offset, sorted(still_open)))
    return f"{_VERSION}:{next_offset - position}:{done_words}:"


def read_note(position: int, note: str) -> Note:
    """Inverse of `note_of`; a note of another program says nothing. The last part is of an older version.

    >>> read_note(10, "1:10:1-2,5-8:3-4")
    Note(done=(range(11, 13), range(15, 19)), read_to=20)
    >>> read_note(10, "") == read_note(10, "by hand") == read_note(10, "1:x::") == Note()
    True
    """
    version, *parts = note.split(":")
    if version != _VERSION or len(parts) != 3 or not parts[0].isdecimal():
        return Note()
    return Note(_ranges(position, parts[1]), position + int(parts[0]))


def _words(position: int, parts: Iterable[tuple[int, int]]) -> str:
    words: list[str] = []
    length = 0
    for first, last in parts:
        word = f"{first - position}-{last - position}"
        length += len(word) + 1
        if length > NOTE_MAX_CHARACTERS:
            break
        words.append(word)
    return ",".join(words)


def _ranges(position: int, words: str) -> tuple[range, ...]:
    found: list[range] = []
    for word in words.split(",") if words else ():
        first, dash, last = word.partition("-")
        if not (dash and first.isdecimal() and last.isdecimal()):
            return ()
        found.append(range(position + int(first), position + int(last) + 1))
    return tuple(found)


def _between(position: int, next_offset: int, others: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Runs of offsets without the others."""
    begin = position
    for offset in [*others, next_offset]:
        if begin < offset:
            yield begin, offset - 1
        begin = offset + 1
