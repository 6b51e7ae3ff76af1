"""The life of alerts written down plainly: every rule is judged whenever anything could have changed."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from msgspec.structs import replace

from faults.reference import Meaning, Reference
from models.event import Event
from streams.alerting import rule_types
from streams.alerting.rule import Rule

QUANTILES = {Decimal(80): Fraction("1.281552"), Decimal(95): Fraction("1.959964")}
Told = tuple[int, str, str, str]  # when (ms), rule, status, reason
RISES_APART_MS = 60_000

_PARTS = {
    rule_types.FAILURE_RATE: ("failed", "ended"),
    rule_types.CONFLICT_RATE: ("conflicted", "attempted"),
    rule_types.RETRY_RATE: ("retried", "ended"),
    rule_types.SLOW_CREATION: ("slow", "ended"),
}


@dataclass
class Firing:
    """Where a rule stands that is not content."""

    since_ms: int
    fires: bool
    calm_since_ms: int | None = None
    told_ms: int = 0  # when its newest transition was
    findings: int = 0  # told of it, or fewer since


class Watcher:
    """Takes events in the order of event time and says what must be told."""

    def __init__(self, rules: tuple[Rule, ...], meaning: Meaning) -> None:
        self.rules = rules
        self.meaning = meaning
        self.reference = Reference(meaning)
        self.standing: dict[str, Firing] = {}
        self.told: list[Told] = []
        self.now_ms = 0

    def watch(self, events: list[Event], until_ms: int) -> list[Told]:
        """All transitions up to a moment."""
        for event in events:
            self.pass_time(event.occurred_at_ms)
            self.reference.take(event)
            self.now_ms = max(self.now_ms, event.occurred_at_ms)
            self.judge_all()
        self.pass_time(until_ms)
        return self.told

    def pass_time(self, until_ms: int) -> None:
        """Judge at every moment up to then at which something leaves a window, settles or becomes due."""
        while True:
            coming = [at_ms for at_ms in self.moments() if self.now_ms < at_ms <= until_ms]
            if not coming:
                return
            self.now_ms = min(coming)
            self.judge_all()

    def moments(self) -> set[int]:
        """When anything changes although nothing happens."""
        lengths = {minutes * 60 for rule in self.rules if rule.window_minutes for minutes in rule.windows_minutes}
        found = {(a.at_ms // 1000 + length) * 1000 for a in self.reference.attempts() for length in lengths}
        numbers = self.reference.numbers()
        for since_ms in (*numbers.missing_since_ms.values(), *numbers.shared_since_ms.values()):
            found.add(since_ms + self.meaning.settle_ms)
        for rule in self.rules:
            standing = self.standing.get(rule.rule_id)
            if standing is not None:
                found.add(standing.since_ms + rule.for_seconds * 1000)
                found.add((standing.calm_since_ms or 0) + self.hold_ms(rule))
                found.add(standing.told_ms + RISES_APART_MS)
        return found

    def hold_ms(self, rule: Rule) -> int:
        """How long a rule that fires must be calm: a window is final after the grace."""
        return max(rule.keep_firing_seconds * 1000, self.meaning.grace_ms if rule.window_minutes else 0)

    def judge_all(self) -> None:
        """Judge every rule now, rates first."""
        for rule in sorted(self.rules, key=lambda rule: rule.measure is rule_types.INTEGRITY):
            self.judge(rule, *self.verdict(rule))

    def verdict(self, rule: Rule) -> tuple[bool, str]:
        """Whether it is crossed, and why it is not."""
        if rule.measure is rule_types.INTEGRITY:
            return self.findings(rule) > rule.threshold, "back_to_normal"
        return self.windows(rule)

    def findings(self, rule: Rule) -> int:
        """Open ones now; none for a rule about rates."""
        if rule.measure is not rule_types.INTEGRITY:
            return 0
        numbers = self.reference.numbers()
        gaps, _ = self.reference.settled(numbers.missing_since_ms, self.now_ms)
        duplicates, _ = self.reference.settled(numbers.shared_since_ms, self.now_ms)
        return len(gaps) + len(duplicates)

    def windows(self, rule: Rule, last: int | None = None) -> tuple[bool, str]:
        """The verdict on the windows of now, or on those that ended with second `last`."""
        found = self.windowed(rule, rule.window_minutes, last)
        if rule.burn_rate is not None and found[0]:
            plain = replace(rule, min_bad=1, min_samples=1, confidence=None)
            return self.windowed(plain, rule.burn_rate.short_minutes, last)[0], "back_to_normal"
        return found

    def windowed(self, rule: Rule, minutes: int, last: int | None) -> tuple[bool, str]:
        """The verdict on one window."""
        counts = self.reference.window(minutes * 60, self.now_ms if last is None else last * 1000)
        if last is not None:
            attempts = self.reference.attempts()
            counts = self.reference.counted(a for a in attempts if last - minutes * 60 < a.at_ms // 1000 <= last)
        bad_name, whole_name = _PARTS[rule.measure]
        bad, whole = counts.get(bad_name, 0), counts.get(whole_name, 0)
        if not counts:
            return False, "no_operations"
        if whole < rule.min_samples:
            return False, "insufficient_data"
        percent = 5 if rule.measure is rule_types.SLOW_CREATION else Fraction(rule.threshold)
        is_above = bad >= rule.min_bad and Fraction(100 * bad, whole) > percent
        if rule.confidence is not None:
            share = Fraction(percent) / 100
            score = (bad - whole * share) ** 2, QUANTILES[rule.confidence] ** 2 * whole * share * (1 - share)
            is_above = is_above and score[0] > score[1]
        return is_above, "back_to_normal"

    def judge(self, rule: Rule, crossed: bool, calm_reason: str) -> None:
        """One rule's next step."""
        standing = self.standing.get(rule.rule_id)
        if standing is None:
            if crossed:
                self.standing[rule.rule_id] = Firing(self.now_ms, fires=False)
                self.fire(rule, "threshold_crossed", starts=not rule.for_seconds)
        elif not standing.fires:
            if not crossed:
                self.end(rule, "cleared_before_firing")
            elif self.now_ms >= standing.since_ms + rule.for_seconds * 1000:
                self.fire(rule, "crossed_for_long_enough", starts=True)
        else:
            self.judge_firing(rule, standing, crossed, calm_reason)

    def judge_firing(self, rule: Rule, standing: Firing, crossed: bool, calm_reason: str) -> None:
        """A rule that fires: does it end, or are there more findings than were told?"""
        if crossed:
            standing.calm_since_ms = None
        elif standing.calm_since_ms is None:
            standing.calm_since_ms = self.now_ms
        calm_since_ms = standing.calm_since_ms
        is_over = calm_since_ms is not None and self.now_ms >= calm_since_ms + self.hold_ms(rule)
        if is_over and rule.window_minutes and self.windows(rule, (self.now_ms - self.meaning.grace_ms) // 1000)[0]:
            calm_since_ms = standing.calm_since_ms = self.now_ms  # an operation that ended was moved to a conflict
        if calm_since_ms is not None and self.now_ms >= calm_since_ms + self.hold_ms(rule):
            self.end(rule, calm_reason)
        elif not crossed or self.findings(rule) <= standing.findings:
            standing.findings = min(standing.findings, self.findings(rule))
        elif self.now_ms >= standing.told_ms + RISES_APART_MS:
            self.tell(rule, "firing", "findings_rose")

    def fire(self, rule: Rule, reason: str, *, starts: bool) -> None:
        """Tell that it is pending, or that it fires."""
        standing = self.standing[rule.rule_id]
        standing.fires = starts
        self.tell(rule, "firing" if starts else "pending", reason)

    def end(self, rule: Rule, reason: str) -> None:
        """Tell that it is over."""
        self.tell(rule, "resolved", reason)
        del self.standing[rule.rule_id]

    def tell(self, rule: Rule, status: str, reason: str) -> None:
        """Note a transition."""
        standing = self.standing[rule.rule_id]
        standing.told_ms, standing.findings = self.now_ms, self.findings(rule)
        self.told.append((self.now_ms, rule.rule_id, status, reason))
