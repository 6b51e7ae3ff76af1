"""The proof table of rule states, `rule_proof.txt`: each row is a script with every state that follows; it only grows.

A row has a name (`==`), a rule in the words of a rules file (`--`), and lines: when, and what happens or (`<`) follows.
`failed x 3` are three events, `at 0:05` is their event time where it is not now, `look` is nothing. What follows is
a state, the reason if it is a transition that leaves the core, and `bad/whole`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from streams.alerting.rule import Rule
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rule_state import MAY_FOLLOW, RuleState, state_of
from streams.project.rule_evaluator import verdict_of
from tests.streams.driving import START_MS, Driven, at_ms, core_with

ROWS = dict(
    row.strip().split("\n", 1) for row in Path(__file__).with_name("rule_proof.txt").read_text().split("== ") if row
)


def rule_of(text: str) -> Rule:
    """A rule by its keys; `rule_id` and `severity` may be left out."""
    (rule,) = parse_rules({"rules": [{"rule_id": "r", "severity": "WARNING", **yaml.safe_load(text)}]})
    return rule


class Played:
    """One project under one rule, and what followed so far."""

    def __init__(self, rule: Rule) -> None:
        self.rule, self.project = rule, Driven(core_with(rule))
        self.known = RuleState.NO_DATA if rule.measure.has_window else RuleState.INACTIVE

    def play(self, script: str) -> str:
        """The script with what follows in its lines."""
        lines: list[str] = []
        for line in script.split("\n"):
            when, what = line.split(" ", 1)
            if not what.startswith("<"):
                lines += self.pass_time(at_ms(seconds(when)))
                lines += [line, *self.happen(seconds(when), what)]
        return "\n".join(lines)

    def pass_time(self, until_ms: int) -> Iterator[str]:
        """To a moment, with a look whenever something is due."""
        state = self.project.state
        while state.deadline_ms is not None and state.deadline_ms <= until_ms:
            yield from self.look(len(self.project.alerts), self.project.until((state.deadline_ms - START_MS) / 1000))

    def happen(self, now: float, what: str) -> Iterator[str]:
        """Some events, or a look."""
        words = what.split()
        times = int(words[words.index("x") + 1]) if "x" in words else 1
        when = seconds(words[words.index("at") + 1]) if "at" in words else now
        for _ in range(times):
            before = len(self.project.alerts)
            match words[0]:
                case "failed":
                    self.project.failed(when)
                case "created":
                    self.project.succeeded(when)
                case "retried":
                    self.project.succeeded(when, retry_count=1)
                case "gap":
                    self.project.created(when, self.project.state.numbering.max_number + 2)
                case "filled":
                    self.project.created(when, self.project.gaps[0])
                case "look":
                    self.project.until(now)
            yield from self.look(before)

    def look(self, before: int, _: object = None) -> Iterator[str]:
        """Transitions since then, and the state if it is another one."""
        state = self.project.state
        for alert in self.project.alerts[before:]:
            assert alert.inputs
            yield from self.follow(
                RuleState(alert.inputs.state), f"{alert.reason} ", alert.inputs.bad, alert.inputs.whole
            )
        verdict = verdict_of(self.project.core, state, self.rule)
        found = state_of(state.alerts.get("r"), verdict)
        if found is not self.known:
            yield from self.follow(found, "", verdict.bad, verdict.whole)

    def follow(self, found: RuleState, reason: str, bad: int, whole: int) -> Iterator[str]:
        """One line."""
        assert found in MAY_FOLLOW[self.known], f"{found} after {self.known}"
        self.known = found
        yield f"{clock(self.project.state.now_ms)} < {found.value} {reason}{bad}/{whole}"


def seconds(text: str) -> float:
    """`1:02:03` or `1:02` (minutes and seconds)."""
    parts = [float(part) for part in text.split(":")]
    return float(sum(part * 60**place for place, part in enumerate(reversed(parts))))


def clock(now_ms: int) -> str:
    """The moment as the script has it."""
    minutes, rest = divmod(now_ms - START_MS, 60_000)
    return f"{minutes}:{rest / 1000:06.3f}".removesuffix(".000")


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str) -> None:
    rule, script = ROWS[name].removeprefix("-- ").split("\n", 1)
    assert Played(rule_of(rule)).play(script) == script
