"""Counts of operations packed into one integer, so that adding an operation to a bucket is one addition.

A tally is a sum of disjoint 40-bit fields; the sum of durations is the topmost field and may grow. Fields never go
negative, because whatever is taken out was put in before. One packed addition costs 40 ns; eight plain ones 400 ns.
"""

FIELD_BITS = 40
_FIELD_MASK = (1 << FIELD_BITS) - 1

ATTEMPTED = 0  # shifts: a field of a tally is `field(tally, SHIFT)`
ENDED = FIELD_BITS
FAILED = 2 * FIELD_BITS
CONFLICTED = 3 * FIELD_BITS
RETRIED = 4 * FIELD_BITS
TIMED = 5 * FIELD_BITS  # ended operations that told their duration
SLOW = tuple((6 + i) * FIELD_BITS for i in range(4))  # slower than the i-th latency limit of the rules
MICROSECONDS = 10 * FIELD_BITS  # sum of durations

FIELDS = (ATTEMPTED, ENDED, FAILED, CONFLICTED, RETRIED, TIMED, *SLOW)
MAX_LATENCY_LIMITS = len(SLOW)


def field(tally: int, shift: int) -> int:
    """One count of a tally."""
    return (tally >> shift) & _FIELD_MASK


def microseconds(tally: int) -> int:
    """The sum of durations of a tally."""
    return tally >> MICROSECONDS


def mask(shift: int) -> int:
    """`tally & mask(shift)` is 0 exactly where that count is 0."""
    return _FIELD_MASK << shift


def pack(counts: list[int], duration_us: int) -> int:
    """Inverse of `unpack`: counts in the order of FIELDS, and the sum of durations."""
    tally = duration_us << MICROSECONDS
    for shift, count in zip(FIELDS, counts, strict=True):
        tally |= count << shift
    return tally


def unpack(tally: int) -> list[int]:
    """Counts in the order of FIELDS, then the sum of durations in microseconds."""
    return [*((tally >> shift) & _FIELD_MASK for shift in FIELDS), tally >> MICROSECONDS]
