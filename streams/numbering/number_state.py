"""The state of one project's numbers: owners, anomalies, and the newest changes."""

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from streams.base.numbering_rules import NumberingRules
from streams.numbering import anomalies as out_of_order
from streams.numbering.anomalies import Anomalies
from streams.numbering.episodes import Episodes
from streams.numbering.redating import KEPT, Change, newest, redate


@mypyc_attr(acyclic=True)
class NumberState:
    """The numbers of one project; readers must not change what they find here. Event times in milliseconds."""

    __slots__ = (
        "anomalies", "base", "capped", "changed_ms", "changed_numbers", "changed_times", "episodes", "max_number",
        "peak", "restatements", "rules", "troubled_ms",
    )  # fmt: skip

    def __init__(self, rules: NumberingRules) -> None:
        self.rules = rules
        self.base = rules.first_number  # the first expected number; None until one was seen
        self.episodes = Episodes()
        self.anomalies = out_of_order.NONE  # `own` returns one that may be changed
        self.max_number = 0  # highest live number
        self.peak = (rules.first_number or 1) - 1  # highest number ever taken; it never falls, whatever the order
        self.restatements = 0
        self.capped = False  # something was dropped at a bound; it stays so
        self.changed_numbers = vec[i64]()  # the newest changes: a number taken, or one left as a negative,
        self.changed_times = vec[i64]()  # and when
        self.changed_ms: i64 = 0  # no change was later
        self.troubled_ms: i64 = 0  # no number was left, or shared, later

    @property
    def is_calm(self) -> bool:
        """Nothing is out of order, and nothing is remembered but who holds which number."""
        return self.anomalies is out_of_order.NONE

    def calm_down(self) -> None:
        """Return to the shared empty anomalies when all is in order again."""
        if self.anomalies is not out_of_order.NONE and self.anomalies.is_empty:
            self.anomalies = out_of_order.NONE

    def own(self) -> Anomalies:
        """The anomalies, to be changed."""
        if self.anomalies is out_of_order.NONE:
            self.anomalies = Anomalies(self.rules.trace)
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
        """From then on the order of changes matters."""
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
        if len(times) > 2 * len(found):  # drop the expired ones at once, not one by one
            self.remember(found)
        return found

    def remember(self, changes: list[Change]) -> None:
        """Replace them."""
        self.changed_numbers = vec[i64]([-number if is_left else number for _, is_left, number in changes])
        self.changed_times = vec[i64]([at_ms for at_ms, _, _ in changes])

    def redate(self, horizon_ms: int) -> None:
        """A change came out of order: date the suspects anew."""
        if self.troubled_ms >= horizon_ms and self.anomalies.suspects.is_any:
            redate(self.episodes, self.anomalies.suspects, self.changes(horizon_ms), horizon_ms)

    # --- settling

    def next_settling_ms(self) -> int | None:
        """When the next suspect or waived one becomes a finding; None without any."""
        return self.anomalies.next_settling_ms(self.rules.settle_ms) if self.anomalies.may_settle else None

    def settle(self, now_ms: int) -> None:
        """Turn suspects that have been so for the settling time into findings."""
        if self.anomalies.may_settle:
            self.anomalies.settle(now_ms, self.rules.settle_ms)
