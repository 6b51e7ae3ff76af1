"""Numbers, each with the offset of the record since which it is so: sorted, disjoint intervals as plain values."""

from bisect import bisect_left, bisect_right

Piece = tuple[int, int, int]  # first, last, offset
ENDLESS = 2**62


def put(pieces: list[Piece], first: int, last: int, offset: int) -> None:
    """Numbers first … last are so since this offset, whatever was known of them."""
    take(pieces, first, last)
    pieces.insert(bisect_left(pieces, (first, last, offset)), (first, last, offset))


def take(pieces: list[Piece], first: int, last: int) -> list[Piece]:
    """Take out numbers first … last; those parts that were in."""
    low, high = _span(pieces, first, last)
    touched = pieces[low:high]
    kept = [(start, first - 1, offset) for start, _, offset in touched[:1] if start < first]
    kept += [(last + 1, end, offset) for _, end, offset in touched[-1:] if end > last]
    pieces[low:high] = kept
    return [(max(start, first), min(end, last), offset) for start, end, offset in touched]


def within(pieces: list[Piece], first: int, last: int) -> list[Piece]:
    """The parts of first … last that are in."""
    low, high = _span(pieces, first, last)
    return [(max(start, first), min(end, last), offset) for start, end, offset in pieces[low:high]]


def _span(pieces: list[Piece], first: int, last: int) -> tuple[int, int]:
    low = bisect_right(pieces, (first, ENDLESS, 0))
    if low and pieces[low - 1][1] >= first:
        low -= 1
    return low, max(low, bisect_left(pieces, (last + 1, 0, 0)))
