"""The bodies that ask for a replay or a backtest, and the orders that they come to. The parsers are those of the
commands, and so are the sentences; an option is named as the field of the body.
"""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from episode_monitor.replay.backtest_firings import night_of
from episode_monitor.replay.ranges import BadRange, Position, Range, check_order, moment_ms, position_of
from episode_monitor.replay_jobs.job import Asked
from episode_monitor.replay_jobs.orders import BacktestOrder, Order, PackedRules
from episode_monitor.settings.rules_file import rule_set_of
from episode_monitor.settings.settings import Settings
from episode_monitor.settings.yaml_reading import FileError
from episode_monitor.web.mutations import CheckBody
from episode_monitor.web.problems import Problem
from streams.alerting.rules import RuleSet

MAX_RULES = 60_000  # characters; the body as a whole is bounded besides
IN_FORCE = "in force"

_Begin = Annotated[
    str, Meta(max_length=2000, description="An offset, offsets such as `0:100,1:250`, an RFC 3339 time, or `-2h`.")
]
_Offset = Annotated[int, Meta(ge=0, le=10**18 - 1)]
_Rules = Annotated[str, Meta(max_length=MAX_RULES, description="A rules file, as YAML text.")]


class _RangeBody(CheckBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Over which events: all where no range is given."""

    begin: _Begin | _Offset | None = msgspec.field(name="from", default=None)
    end: _Begin | _Offset | None = msgspec.field(name="to", default=None)
    until: (
        Annotated[str, Meta(max_length=100, description="RFC 3339: advance the clock to this time at the end.")] | None
    ) = None
    partition: Annotated[int, Meta(ge=0, lt=10**9, description="Only this partition of the topic.")] | None = None


class ReplayBody(_RangeBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events to process again: all where nothing is given."""

    projects: Annotated[bool, Meta(description="List every project's digest, however many there are.")] = False


class BacktestBody(_RangeBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules to try, and over which events: all where no range is given."""

    rules_yaml: _Rules
    old_rules_yaml: (
        Annotated[str, Meta(max_length=MAX_RULES, description="Rules to compare with; default: those in force.")] | None
    ) = None
    night: Annotated[str, Meta(max_length=20, description="Hours of MONITORING_TIMEZONE that are night.")] = "22-07"


class Requests:
    """Makes orders of bodies. `rules` gives those that this worker evaluates."""

    def __init__(self, settings: Settings, rules: Callable[[], RuleSet]) -> None:
        self._settings = settings
        self._in_force = rules

    @property
    def _rules(self) -> PackedRules:
        return PackedRules.of(IN_FORCE, self._in_force())

    def replay(self, body: ReplayBody, by: str, now_ms: int) -> Asked:
        """Raises Problem."""
        order = Order(self._settings, self._rules, *_range_of(body, now_ms), body.projects)
        return Asked(order, by, _shown(body))

    def backtest(self, body: BacktestBody, by: str, now_ms: int) -> Asked:
        """Reads up to twice 60 000 characters of YAML, so it belongs into a thread. Raises Problem."""
        chosen = _range_of(body, now_ms)
        try:
            night = night_of(body.night, self._settings.monitoring_timezone, "night")
        except BadRange as error:
            raise _bad("night", error) from None
        new = self._packed("rules_yaml", body.rules_yaml)
        old = self._rules if body.old_rules_yaml is None else self._packed("old_rules_yaml", body.old_rules_yaml)
        order = Order(self._settings, self._rules, *chosen, backtest=BacktestOrder(old, new, night))
        return Asked(order, by, _shown(body))

    def _packed(self, name: str, text: str) -> PackedRules:
        try:
            return PackedRules.of(name, rule_set_of(text, name, self._settings))
        except FileError as error:
            findings = [
                {"parameter": name, "detail": fault.sentence, **({"line": fault.line} if fault.line else {})}
                for fault in error.faults
            ]
            raise Problem(422, f"invalid_{name}", str(error), extra={"errors": findings}) from None


def _range_of(body: _RangeBody, now_ms: int) -> tuple[Range, int | None]:
    chosen = Range(body.partition, _position("from", body.begin, now_ms), _position("to", body.end, now_ms))
    try:
        check_order(chosen)
    except BadRange as error:
        raise _bad("to", error) from None
    try:
        return chosen, None if body.until is None else moment_ms(body.until, "until")
    except BadRange as error:
        raise _bad("until", error) from None


def _position(name: str, given: str | int | None, now_ms: int) -> Position | None:
    try:
        return position_of(given, name, now_ms) if isinstance(given, str) else given
    except BadRange as error:
        raise _bad(name, error) from None


def _bad(name: str, error: BadRange) -> Problem:
    finding = {"parameter": name, "detail": str(error)}
    return Problem(422, f"invalid_{name}", str(error), extra={"errors": [finding]})


def _shown(body: ReplayBody | BacktestBody) -> dict[str, Any]:
    """What was asked for, without who and the rules."""
    left_out = ("by", "rules_yaml", "old_rules_yaml")
    return {name: value for name, value in msgspec.to_builtins(body).items() if name not in left_out}
