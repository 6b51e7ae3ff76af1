"""The anomalies of one project's numbers: suspects, findings, waivers, and their history.

Most projects have none and share `NONE`, which must not be changed.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from streams.base.intervals import IntervalSet
from streams.base.numbering_rules import ABOVE_TOP, FILLED, HEALED, HELD, MISSING, SHARED, UNSHARED, Trace
from streams.numbering import finding_history, waivers
from streams.numbering.finding_history import FindingHistory
from streams.numbering.suspects import Hole, Suspects


@mypyc_attr(acyclic=True)
class Anomalies:
    """Every method that changes something takes event time in milliseconds."""

    __slots__ = (
        "aside", "explained", "history", "moves", "open_duplicates", "open_gaps", "suspects", "trace", "waived",
    )  # fmt: skip

    def __init__(self, trace: Trace | None = None) -> None:
        self.trace = trace
        self.suspects = Suspects()
        self.open_gaps = IntervalSet()
        self.open_duplicates: set[int] = set()
        self.explained = IntervalSet()  # numbers of deleted episodes, where those are no gaps
        self.waived: list[waivers.Waiver] = []
        self.history: FindingHistory | None = None  # of the findings; None until there was one
        self.aside: dict[bytes, tuple[int, int]] = {}  # episode -> implausible number, when stated
        self.moves: dict[bytes, tuple[int, int]] = {}  # episode -> event time and number (or DELETED) of its last move

    @property
    def findings(self) -> int:
        """Open gap numbers and open duplicate numbers."""
        return self.open_gaps.count + len(self.open_duplicates)

    @property
    def may_settle(self) -> bool:
        """Whether time alone may change something."""
        suspects = self.suspects
        return bool(suspects.jumped or suspects.left or suspects.shared or self.waived)

    @property
    def is_empty(self) -> bool:
        """Whether everything is in order again, and nothing is remembered."""
        return not (self.may_settle or self.findings or len(self.explained) or self.aside or self.moves or self.history)

    # --- what changes with the numbers

    def open_hole(self, start: int, end: int, at_ms: int, floor_ms: int = 0) -> None:
        """No episode holds these numbers; explained ones are no hole."""
        for first, last in self.explained.outside(start, end):
            self.suspects.open(Hole(first, last, at_ms, floor_ms))
            self.trace_change(MISSING, first, last)

    def leave(self, number: int, at_ms: int) -> None:
        """No episode holds this number any longer."""
        at_ms = max(at_ms, 1)  # 0 means that it was never held
        self.suspects.open(Hole(number, number, at_ms, at_ms))
        self.trace_change(MISSING, number, number)

    def fill(self, number: int, at_ms: int, episode: bytes) -> None:
        """An episode took a number below the highest."""
        gap = self.open_gaps.interval_of(number)
        self.trace_change(HELD if gap is None else FILLED, number, number)
        if gap is None:
            self.suspects.fill(number)
        else:
            self.open_gaps.discard(number, number)
            self._history().filled(gap[0], gap[1], at_ms, number, episode)

    def taken(self, number: int, at_ms: int, episode: bytes) -> None:
        """An episode took a number at any place."""
        if self.suspects.jumped:
            self.suspects.date_back(number, at_ms)
        if len(self.explained):
            self.explained.discard(number, number)
        if self.waived:
            one = waivers.fill(self.waived, number)
            if one is not None:
                self._history().filled(one.first, one.last, at_ms, number, episode)

    def share(self, number: int, at_ms: int) -> None:
        """A number is held by several."""
        self.suspects.share(number, at_ms)
        self.trace_change(SHARED, number, number)

    def unshare(self, number: int, at_ms: int, how: str, episode: bytes) -> None:
        """A number is held once."""
        self.trace_change(HEALED if number in self.open_duplicates else UNSHARED, number, number)
        self.suspects.shared.pop(number, None)
        if number in self.open_duplicates or (self.waived and waivers.unshare(self.waived, number)):
            self.open_duplicates.discard(number)
            self._history().healed(waivers.DUPLICATE, number, number, at_ms, how, episode)

    def drop_above(self, number: int, at_ms: int, episode: bytes) -> None:
        """Beyond the highest number nothing is missing."""
        gone = self.open_gaps.discard_above(number)
        self.suspects.drop_above(number)
        for first, last in gone:
            self.trace_change(FILLED, max(first, number + 1), last)
        self.trace_change(ABOVE_TOP, number, number)
        if self.waived:
            gone.extend((one.first, one.last) for one in waivers.drop_above(self.waived, number))
        for first, last in gone:
            self._history().healed(waivers.GAP, first, last, at_ms, finding_history.TOP_LOWERED, episode)

    def trace_change(self, what: int, first: int, last: int) -> None:
        """Something begins or ceases to be out of order: `what` of `streams.base.numbering_rules`."""
        if self.trace is not None:
            self.trace.append((what, first, last))

    # --- settling

    def next_settling_ms(self, settle_ms: int) -> int | None:
        """When the next suspect or waived one becomes a finding; None without any."""
        oldest_ms = self.suspects.oldest_ms()
        next_ms = None if oldest_ms is None else oldest_ms + settle_ms
        if self.waived:
            expires_ms = min(one.until_ms for one in self.waived)
            next_ms = expires_ms if next_ms is None else min(next_ms, expires_ms)
        return next_ms

    def settle(self, now_ms: int, settle_ms: int) -> None:
        """Turn suspects that have been so for the settling time into findings."""
        holes, shared = self.suspects.settle(now_ms - settle_ms)
        for hole in holes:
            beside = self._open_gap(hole.start, hole.end)
            self._history().opened(waivers.GAP, hole.start, hole.end, now_ms, hole.since_ms, beside)
        for number, since_ms in shared:
            self.open_duplicates.add(number)
            self._history().opened(waivers.DUPLICATE, number, number, now_ms, since_ms, [])
        if self.waived:
            for one in waivers.take_expired(self.waived, now_ms):
                if one.kind == waivers.GAP:
                    beside = self._open_gap(one.first, one.last)
                else:
                    self.open_duplicates.add(one.first)
                    beside = []
                self._history().reopened(one, now_ms, beside)

    def waive(self, waiver: waivers.Waiver) -> None:
        """Remove a finding from the open ones until its waiver expires."""
        if waiver.kind == waivers.GAP:
            self.open_gaps.discard(waiver.first, waiver.last)
        else:
            self.open_duplicates.discard(waiver.first)
        self.waived.append(waiver)
        self._history().waived(waiver)

    def take_back(self, waiver: waivers.Waiver, history: FindingHistory | None) -> None:
        """Undo `waive`: the finding is open, and the history is what it was before."""
        self.waived.remove(waiver)
        if waiver.kind == waivers.GAP:
            self.open_gaps.add(waiver.first, waiver.last)
        else:
            self.open_duplicates.add(waiver.first)
        self.history = history

    def _open_gap(self, first: int, last: int) -> list[tuple[int, int]]:
        """Open a gap over these numbers; returns the adjacent open gaps, which are merged into it."""
        gaps = self.open_gaps
        beside = [gap for gap in (gaps.interval_of(first - 1), gaps.interval_of(last + 1)) if gap is not None]
        gaps.add(first, last)
        return beside

    def _history(self) -> FindingHistory:
        if self.history is None:
            self.history = FindingHistory()
        return self.history


NONE: Final = Anomalies()
