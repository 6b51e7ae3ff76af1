"""Since when open and waived findings have been there, from the recorded history: the state itself stores no times.

The history is bounded, so a finding may be older than all that is kept: then its time is not known.
"""

from bisect import bisect_left
from collections.abc import Iterable

from streams.base.intervals import IntervalSet
from streams.numbering.finding_history import OPENED, FindingHistory, Interval
from streams.numbering.waivers import DUPLICATE, GAP


def gaps_since(gaps: Iterable[Interval], history: FindingHistory | None) -> dict[int, int]:
    """First number of a gap -> event time in milliseconds since when a number of it has been missing without a break;
    of a gap that grew together the oldest part decides. Gaps whose time is not known are left out."""
    wanted = sorted(gaps)
    ends = [last for _, last in wanted]
    undated = IntervalSet(_joined(wanted))
    since: dict[int, int] = {}
    for entry in reversed(history.entries if history is not None else ()):
        if entry.what != OPENED or entry.kind != GAP:
            continue
        for first, last in wanted[bisect_left(ends, entry.first) :]:
            if first > entry.last:
                break
            if undated.discard(max(first, entry.first), min(last, entry.last)):
                since[first] = min(entry.since_ms, since.get(first, entry.since_ms))
    older = {first for first, last in wanted if undated.discard(first, last)}
    return {first: at_ms for first, at_ms in since.items() if first not in older}


def duplicates_since(numbers: Iterable[int], history: FindingHistory | None) -> dict[int, int]:
    """Number -> event time in milliseconds since when several episodes have held it. Those whose time is not known are
    left out."""
    entries = history.entries if history is not None else ()
    newest = {entry.first: entry.since_ms for entry in entries if entry.what == OPENED and entry.kind == DUPLICATE}
    return {number: newest[number] for number in numbers if number in newest}


def _joined(gaps: list[Interval]) -> list[Interval]:
    """The same numbers in maximal intervals: a waived gap may lie directly beside an open one."""
    whole = IntervalSet()
    for first, last in gaps:
        whole.add(first, last)
    return list(whole)
