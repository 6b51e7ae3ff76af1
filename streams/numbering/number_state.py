"""All that is known of the numbers of one project, and what of it changes with time alone.

Whoever asks gets what is kept, for reading alone.
"""

from collections.abc import Iterator

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from streams.base.intervals import IntervalSet
from streams.base.numbering_rules import NumberingRules
from streams.numbering import anomalies as out_of_order
from streams.numbering.anomalies import Anomalies
from streams.numbering.chunks import CHUNK_SHIFT, Chunk
from streams.numbering.episodes import Episodes
from streams.numbering.finding_history import FindingHistory
from streams.numbering.redating import KEPT, Change, newest, redate
from streams.numbering.suspects import Hole, Suspects
from streams.numbering.waivers import Waiver


@mypyc_attr(acyclic=True)
class NumberState:
    """The numbers of one project. Event times in milliseconds."""

    __slots__ = (
        "anomalies", "base", "capped", "changed_ms", "changed_numbers", "changed_times", "episodes", "max_number",
        "peak", "restatements", "rules", "troubled_ms",
    )  # fmt: skip

    def __init__(self, rules: NumberingRules) -> None:
        self.rules = rules
        self.base = rules.first_number  # the first expected number; None until one was seen
        self.episodes = Episodes()
        self.anomalies = out_of_order.NONE  # `_own` gives one that may be changed
        self.max_number = 0  # highest live number
        self.peak = (rules.first_number or 1) - 1  # highest number ever taken; it never falls, so order is no matter
        self.restatements = 0
        self.capped = False  # something was left out because a bound was reached; it stays so
        self.changed_numbers = vec[i64]()  # the newest changes: a number taken, or one left as a negative,
        self.changed_times = vec[i64]()  # and when
        self.changed_ms: i64 = 0  # no change was later
        self.troubled_ms: i64 = 0  # no number was left, or shared, later

    @property
    def is_calm(self) -> bool:
        """Nothing is out of order, and nothing is remembered but who holds which number."""
        return self.anomalies is out_of_order.NONE

    def calm_down(self) -> None:
        """Give back the memory of troubles that are over."""
        if self.anomalies is not out_of_order.NONE and self.anomalies.is_empty:
            self.anomalies = out_of_order.NONE

    def own(self) -> Anomalies:
        """The anomalies, to be changed."""
        if self.anomalies is out_of_order.NONE:
            self.anomalies = Anomalies()
        return self.anomalies

    # --- changes within the grace

    def note(self, change: i64, at_ms: i64, horizon_ms: i64) -> None:
        """A number was taken; or, as a negative, left."""
        if at_ms < horizon_ms:
            return
        if len(self.changed_times) >= 2 * KEPT:
            self.remember(self.changes(horizon_ms))
        self.changed_numbers = append(self.changed_numbers, change)
        self.changed_times = append(self.changed_times, at_ms)
        if at_ms > self.changed_ms:
            self.changed_ms = at_ms
        if change < 0:
            self.trouble(at_ms)

    def trouble(self, at_ms: i64) -> None:
        """Since then, at least, it matters in which order changes came."""
        if at_ms > self.troubled_ms:
            self.troubled_ms = at_ms

    def changes(self, horizon_ms: i64) -> list[Change]:
        """Those since the horizon, in the order of their times."""
        numbers, times = self.changed_numbers, self.changed_times
        found: list[Change] = []
        for at in range(len(times)):
            at_ms: i64 = times[at]
            if at_ms >= horizon_ms:
                change: i64 = numbers[at]
                found.append((int(at_ms), True, int(-change)) if change < 0 else (int(at_ms), False, int(change)))
        found = newest(found)
        if len(times) > 2 * len(found):  # what has gone by is looked at once more, not every time
            self.remember(found)
        return found

    def remember(self, changes: list[Change]) -> None:
        """These, and no others."""
        self.changed_numbers = vec[i64]([-number if is_left else number for _, is_left, number in changes])
        self.changed_times = vec[i64]([at_ms for at_ms, _, _ in changes])

    def redate(self, horizon_ms: int) -> None:
        """A change came out of order: see anew since when what is suspect is so."""
        if self.troubled_ms >= horizon_ms and self.anomalies.suspects.is_any:
            redate(self, self.changes(horizon_ms), horizon_ms)

    # --- settling

    def next_settling_ms(self) -> int | None:
        """When the next suspect or waived one becomes a finding; None without any."""
        return self.anomalies.next_settling_ms(self.rules.settle_ms) if self.anomalies.may_settle else None

    def settle(self, now_ms: int) -> None:
        """Turn suspects that have been so for the settling time into findings."""
        if self.anomalies.may_settle:
            self.anomalies.settle(now_ms, self.rules.settle_ms)

    def waive(self, waiver: Waiver) -> None:
        """Take an open finding out of the open ones until its waiver is over."""
        self.own().waive(waiver)

    # --- what people ask: all of it for reading alone

    @property
    def findings(self) -> int:
        """Open gap numbers and open duplicate numbers."""
        return self.anomalies.findings

    @property
    def open_gaps(self) -> IntervalSet:
        """NumberState that have been missing for the settling time."""
        return self.anomalies.open_gaps

    @property
    def open_duplicates(self) -> set[int]:
        """NumberState that several episodes have held for the settling time."""
        return self.anomalies.open_duplicates

    @property
    def suspects(self) -> Suspects:
        """What has not settled."""
        return self.anomalies.suspects

    @property
    def suspect_holes(self) -> list[Hole]:
        """All holes that have not settled, in order."""
        return self.anomalies.suspects.holes

    @property
    def suspect_duplicates(self) -> dict[int, int]:
        """Number -> since when."""
        return self.anomalies.suspects.shared

    @property
    def explained(self) -> IntervalSet:
        """NumberState of deleted episodes, where those are no gaps."""
        return self.anomalies.explained

    @property
    def waived(self) -> list[Waiver]:
        """Findings that a person has waived."""
        return self.anomalies.waived

    @property
    def history(self) -> FindingHistory | None:
        """What became of the findings; None until there was one."""
        return self.anomalies.history

    @property
    def aside(self) -> dict[bytes, tuple[int, int]]:
        """Episode -> its implausible number, and when that was stated."""
        return self.anomalies.aside

    @property
    def moves(self) -> dict[bytes, tuple[int, int]]:
        """Episode -> event time and number (or DELETED) of its last move."""
        return self.anomalies.moves

    @property
    def duplicates(self) -> dict[int, list[bytes]]:
        """Number -> all its owners, sorted, two at least."""
        return self.episodes.duplicates

    @property
    def shared_bytes(self) -> int:
        """Of the owners in `duplicates`."""
        return self.episodes.shared_bytes

    @property
    def chunks(self) -> list[Chunk]:
        """The owners of 256 numbers each, in order."""
        return self.episodes.chunks

    def owner(self, number: int) -> bytes | None:
        """An episode that holds the number, None where nobody does."""
        return self.episodes.owner(number)

    def live_numbers(self) -> Iterator[int]:
        """All numbers that somebody holds, ascending."""
        for chunk in self.chunks:
            for number, holder in enumerate(chunk.owners(), chunk.index << CHUNK_SHIFT):
                if holder is not None:
                    yield number
