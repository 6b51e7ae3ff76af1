"""All rules of a monitor, with the windows and latency limits they share."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from streams.alerting import rule_types
from streams.alerting.cusum import CusumRule
from streams.alerting.rate_rules import RateRule
from streams.alerting.rule import Rule, Scope
from streams.base import packed_counts


class RuleFault(NamedTuple):
    """A fault of a rule, in one sentence that names rule and key. `position` in the file counts from 1; 0: the
    fault is of no single rule."""

    sentence: str
    position: int = 0
    key: str = ""


class RuleError(ValueError):
    """Rules that cannot be used: all faults found; the message has one sentence a line."""

    def __init__(self, faults: Sequence[RuleFault]) -> None:
        super().__init__("\n".join(fault.sentence for fault in faults))
        self.faults = tuple(faults)


def shared_id(rule_id: str) -> str:
    """The sentence for two rules of one name."""
    return f"Two rules have the `rule_id` {rule_id}; give each its own."


def _version(rules: list[dict[str, Any]]) -> str:
    return blake2b(msgspec.json.encode(rules), digest_size=8).hexdigest()


def _lengths(rules: Sequence[Rule]) -> tuple[int, ...]:
    """Of all their windows, in seconds."""
    return tuple(sorted({minutes * 60 for rule in rules for minutes in rule.windows_minutes}))


def _rates(rules: Sequence[Rule], lengths: Sequence[int], limits: tuple[float, ...]) -> dict[str, RateRule]:
    return {rule.rule_id: rule.measure.rate_rule(rule, lengths, limits) for rule in rules if rule.windows_minutes}


def _cusums(rules: Sequence[Rule], versions: Mapping[str, str]) -> dict[str, CusumRule]:
    made = {rule.rule_id: rule.measure.cusum_rule(rule, versions[rule.rule_id]) for rule in rules}
    return {rule_id: cusum for rule_id, cusum in made.items() if cusum is not None}


class FleetRules:
    """The rules on all projects together, ready to be judged on sums. False where there are none."""

    __slots__ = ("cusum_of", "rate_of", "rules", "window_lengths")

    def __init__(self, rules: Sequence[Rule], all_rules: "RuleSet") -> None:
        self.rules = {rule.rule_id: rule for rule in rules}
        self.window_lengths = _lengths(rules)
        self.rate_of = _rates(rules, self.window_lengths, all_rules.latency_limits)
        self.cusum_of = _cusums(rules, all_rules.versions)

    def __bool__(self) -> bool:
        return bool(self.rules)

    @property
    def longest_window_seconds(self) -> int:
        """Of all of them; 0 without any."""
        return max(self.window_lengths, default=0)


class RuleSet:
    """Rules by their id. Those on a window are judged by `rate_of`, the others by `findings_of`; those of the fleet
    stand apart in `fleet`."""

    __slots__ = (
        "by_id", "cusum_of", "findings_of", "fingerprint", "fleet", "latency_limits", "of_projects", "packed",
        "rate_of", "versions", "watched_anywhere", "window_lengths",
    )  # fmt: skip

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        """Raises RuleError where two rules share an id or there are more latency limits than a tally can count."""
        self.by_id = {rule.rule_id: rule for rule in rules}
        for rule in rules:
            if self.by_id[rule.rule_id] is not rule:
                raise RuleError([RuleFault(shared_id(rule.rule_id))])
        limits = sorted({float(rule.threshold) for rule in rules if rule.measure is rule_types.SLOW_CREATION})
        if len(limits) > packed_counts.MAX_LATENCY_LIMITS:
            most = packed_counts.MAX_LATENCY_LIMITS
            raise RuleError([RuleFault(f"The rules name {len(limits)} latency limits; only {most} can be counted.")])
        of_projects = [rule for rule in rules if rule.scope is Scope.PROJECT]
        self.of_projects = {rule.rule_id: rule for rule in of_projects}
        self.latency_limits = tuple(limits)
        self.window_lengths = _lengths(of_projects)
        self.findings_of = {
            rule.rule_id: rule.measure.findings_rule(rule) for rule in of_projects if not rule.measure.has_window
        }
        self.rate_of = _rates(of_projects, self.window_lengths, self.latency_limits)
        self.versions = {rule.rule_id: _version([rule.to_dict()]) for rule in rules}
        self.fingerprint = _version([rule.to_dict() for rule in rules])
        pack = msgspec.msgpack.Encoder().encode
        self.packed = pack(self.fingerprint) + pack(limits)  # as two fields of every stored state
        self.cusum_of = _cusums(of_projects, self.versions)
        self.fleet = FleetRules([rule for rule in rules if rule.scope is Scope.FLEET], self)
        self.watched_anywhere = 0  # an operation without any of these counts cannot raise a rate
        for rate in self.rate_of.values():
            self.watched_anywhere |= rate.bad_mask
        for cusum in self.cusum_of.values():
            self.watched_anywhere |= cusum.bad_mask

    @property
    def longest_window_seconds(self) -> int:
        """Of all rules on a window; 0 without any."""
        return max(self.window_lengths, default=0)
