"""What of a topic's partition is done, as one position and a note: what lies behind the position and is done already.

The note travels as the metadata of the group's committed offset, so that after a crash nothing is done twice because
something before it was still open.
"""

from collections.abc import Collection, Iterator

NOTE_MAX_CHARACTERS = 3500  # brokers take 4096 bytes; of what does not fit, some is done again


def note_of(position: int, next_offset: int, still_open: Collection[int]) -> str:
    """Offsets from `position` up to `next_offset` that are done, as ranges counted from the position.

    >>> note_of(10, 20, {10, 13, 14, 19}), note_of(10, 11, {10}), note_of(10, 10, ())
    ('1-2,5-8', '', '')
    """
    words: list[str] = []
    length = 0
    for first, last in _between(position, next_offset, sorted(still_open)):
        word = f"{first - position}-{last - position}"
        length += len(word) + 1
        if length > NOTE_MAX_CHARACTERS:
            break
        words.append(word)
    return ",".join(words)


def read_note(position: int, note: str) -> list[range]:
    """Inverse of `note_of`; a note that somebody else wrote says nothing.

    >>> read_note(10, "1-2,5-8"), read_note(10, ""), read_note(10, "by hand"), read_note(10, "3-1")
    ([range(11, 13), range(15, 19)], [], [], [])
    """
    done: list[range] = []
    for word in note.split(",") if note else ():
        first, dash, last = word.partition("-")
        if not (dash and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            return []
        done.append(range(position + int(first), position + int(last) + 1))
    return done


def _between(position: int, next_offset: int, still_open: list[int]) -> Iterator[tuple[int, int]]:
    begin = position
    for offset in [*still_open, next_offset]:
        if begin < offset:
            yield begin, offset - 1
        begin = offset + 1
