"""What a worker and the process of a job say to each other: an order, then lines of JSON about how it goes."""

from functools import partial
from typing import Any, Final

import msgspec

from episode_monitor.replay.ranges import Range
from episode_monitor.settings.settings import Settings
from streams.alerting.rule import Rule
from streams.alerting.rule_types import RULE_TYPES
from streams.alerting.rules import RuleSet
from streams.base.night import Night

MAX_RESULT_BYTES: Final = 32 << 20  # far above a report with all that it may list


class PackedRules(msgspec.Struct, frozen=True):
    """Rules as values that can travel; `source` is where they came from."""

    source: str
    rules: list[dict[str, Any]]

    @classmethod
    def of(cls, source: str, rules: RuleSet) -> "PackedRules":
        """All of a set."""
        return cls(source, [_fields(rule) for rule in rules.by_id.values()])

    def rule_set(self) -> RuleSet:
        """The same set again."""
        convert = partial(msgspec.convert, type=Rule, strict=False, dec_hook=lambda _, name: RULE_TYPES[name])
        return RuleSet(tuple(convert(rule) for rule in self.rules))


def _fields(rule: Rule) -> dict[str, Any]:
    """Without the window of a type that has none: it is outside the bounds of windows."""
    fields = rule.to_dict()
    return fields if rule.window_minutes else {name: fields[name] for name in fields if name != "window_minutes"}


class BacktestOrder(msgspec.Struct, frozen=True):
    """Old rules to compare with new ones."""

    old: PackedRules
    new: PackedRules
    night: Night


class Order(msgspec.Struct, frozen=True):
    """What to do. `rules` are those that the worker evaluates, whatever its file says by now; `backtest` None: a
    replay."""

    settings: Settings
    rules: PackedRules
    range: Range
    until_ms: int | None
    lists_projects: bool = False
    backtest: BacktestOrder | None = None


class Progressed(msgspec.Struct, frozen=True, tag="progressed"):
    """So far: records read, `done` of `total` offsets, in so many seconds of reading."""

    events: int
    done: int
    total: int | None
    seconds: float


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The end: the report as JSON."""

    result: msgspec.Raw


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The end without a result."""

    sentence: str


Told = Progressed | Finished | Failed
