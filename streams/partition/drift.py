"""Where the stream and the database disagree about one project, number by number.

One comparison proves nothing, for an event may be in flight: drift is what two comparisons have in common.
"""

from collections import defaultdict
from collections.abc import Iterable

from streams.base.intervals import IntervalSet
from streams.partition.drift_values import (
    DIFFERENT_OWNER,
    KINDS,
    MISSING_IN_DATABASE,
    MISSING_IN_STREAM,
    Difference,
    Holdings,
)

Pairs = Iterable[tuple[int, str]]


def differences(stream: Holdings | None, database: Pairs) -> set[Difference]:
    """All differences of one project; `stream` None: it is unknown there. Of a project with more episodes than the
    stream tracks only those that it tracks are compared."""
    here: dict[int, set[str]] = defaultdict(set)
    there: dict[int, set[str]] = defaultdict(set)
    if stream is not None:
        for number, owner in zip(stream.numbers, stream.owners, strict=True):
            here[number].add(owner)
    for number, owner in database:
        there[number].add(owner)
    found = set()
    for number in here.keys() | there.keys():
        ours, theirs = here.get(number, set()), there.get(number, set())
        if ours == theirs or (stream is not None and stream.capped and not ours):
            continue
        kind = DIFFERENT_OWNER if ours and theirs else MISSING_IN_DATABASE if ours else MISSING_IN_STREAM
        found.add(Difference(number, kind, tuple(sorted(ours)), tuple(sorted(theirs))))
    return found


def counts(found: Iterable[Difference]) -> dict[str, int]:
    """How many of each kind."""
    by_kind = dict.fromkeys(KINDS, 0)
    for difference in found:
        by_kind[difference.kind] += 1
    return by_kind


def unexplained(gaps: IntervalSet, stream: Holdings | None) -> IntervalSet:
    """Gaps of the database without the numbers of deleted episodes that the stream explains."""
    if stream is None or not stream.explained:
        return gaps
    left = IntervalSet(list(gaps))
    for start, end in stream.explained:
        left.discard(start, end)
    return left
