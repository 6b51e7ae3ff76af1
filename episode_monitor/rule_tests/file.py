"""A file of unit tests: what it may hold, and for what it must not, the line, the key and the mend."""

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from episode_monitor.rule_tests.notation import BadNotation, Planned, duration_ms, plan
from episode_monitor.settings.rules_file import load_rules
from episode_monitor.settings.settings import Settings, SettingsError
from episode_monitor.settings.strict_yaml import BadYaml, checked_nodes, line_of_key, load_yaml, value_of
from models.alert import AlertStatus, Severity
from streams.alerting.rule import FLEET
from streams.alerting.rules import RuleError, RuleSet

UNSET = msgspec.UNSET


class ExpectedAlert(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert that must be there. What is not given is not compared; of labels and inputs those that are given."""

    project_id: str | None = None  # may be left out where the test has one project
    status: AlertStatus = AlertStatus.FIRING
    severity: Severity | msgspec.UnsetType = UNSET
    value: float | msgspec.UnsetType | None = UNSET
    threshold: float | msgspec.UnsetType = UNSET
    sample_size: int | msgspec.UnsetType = UNSET
    reason: str | msgspec.UnsetType = UNSET
    title: str | msgspec.UnsetType = UNSET
    description: str | msgspec.UnsetType = UNSET
    labels: dict[str, str] | msgspec.UnsetType = UNSET
    annotations: dict[str, str] | msgspec.UnsetType = UNSET
    inputs: dict[str, Any] | msgspec.UnsetType = UNSET


class AlertRuleTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The alerts of one rule at one time: those pending or firing, no others, and those resolved that are expected."""

    eval_time: str | int
    rule_id: str
    exp_alerts: list[ExpectedAlert] = []


class UnitTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`input_events`: the events of each project, in the notation."""

    name: str
    input_events: dict[str, str | list[str]]
    alert_rule_test: list[AlertRuleTest]
    interval: str | int = "1s"


class UnitTests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`rule_files` are named from the folder of this file; without any, the rules in force are tested."""

    tests: list[UnitTest]
    rule_files: list[str] = []


class Case(msgspec.Struct, frozen=True):
    """A test that is ready to run. Times in ms from its start; `lines` are those of the expectations."""

    name: str
    events: list[Planned]
    expectations: list[tuple[int, AlertRuleTest, int]]  # when, what, line


class BadTestFile(SettingsError):
    """A file of tests that cannot be used; the text is one sentence with file, line and key."""


def is_test_file(path: Path) -> bool:
    """Whether it holds unit tests; what cannot be read is none."""
    try:
        root = checked_nodes(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, BadYaml):
        return False
    return value_of(root, "tests") is not None


def load_tests(path: Path, settings: Settings) -> tuple[RuleSet, list[Case]]:
    """The rules under test and the tests. Raises SettingsError."""
    text = path.read_text(encoding="utf-8")
    try:
        file = msgspec.convert(load_yaml(text), UnitTests)
    except BadYaml as error:
        raise BadTestFile(f"{path}, line {error.line}: {error}") from None
    except msgspec.ValidationError as error:
        raise _refusal(path, checked_nodes(text), str(error)) from None
    places = _Places(path, checked_nodes(text))
    rules = _rules(path, file, settings, places)
    return rules, [_case(test, number, rules, places) for number, test in enumerate(file.tests)]


class _Places:
    """Where in the file something stands."""

    def __init__(self, path: Path, root: yaml.Node | None) -> None:
        self._path, self._root = path, root

    def line(self, *way: str | int) -> int:
        """Of the value at the end of the way; of the nearest one there is."""
        return _line(self._root, way)

    def refusal(self, sentence: str, *way: str | int) -> BadTestFile:
        """An error about the value there."""
        return BadTestFile(f"{self._path}, line {self.line(*way)}, {_dotted(way)}: {sentence}")


def _rules(path: Path, file: UnitTests, settings: Settings, places: _Places) -> RuleSet:
    files = [path.parent / name for name in file.rule_files] or [settings.rules_path]
    try:
        return RuleSet(tuple(rule for each in files for rule in load_rules(each, settings)))
    except RuleError as error:
        raise places.refusal(str(error), "rule_files") from None


def _case(test: UnitTest, number: int, rules: RuleSet, places: _Places) -> Case:
    at = ("tests", number)
    events: list[Planned] = []
    try:
        interval_ms = duration_ms(str(test.interval))
    except BadNotation as error:
        raise places.refusal(str(error), *at, "interval") from None
    for project_id, series in test.input_events.items():
        text = series if isinstance(series, str) else " / ".join(series)
        try:
            events += plan(project_id, text, interval_ms)
        except BadNotation as error:
            raise places.refusal(str(error), *at, "input_events", project_id) from None
    expectations = []
    for position, expected in enumerate(test.alert_rule_test):
        way = (*at, "alert_rule_test", position)
        expectations.append(
            (_eval_ms(expected, way, rules, places), _named(test, expected, rules, way, places), places.line(*way))
        )
    return Case(test.name, sorted(events, key=lambda one: one.at_ms), sorted(expectations, key=lambda one: one[0]))


def _eval_ms(expected: AlertRuleTest, way: tuple[str | int, ...], rules: RuleSet, places: _Places) -> int:
    if expected.rule_id not in rules.by_id:
        known = ", ".join(rules.by_id) or "none"
        raise places.refusal(f"There is no rule {expected.rule_id}; the rule files have {known}.", *way, "rule_id")
    try:
        return duration_ms(str(expected.eval_time))
    except BadNotation as error:
        raise places.refusal(str(error), *way, "eval_time") from None


def _named(
    test: UnitTest, expected: AlertRuleTest, rules: RuleSet, way: tuple[str | int, ...], places: _Places
) -> AlertRuleTest:
    """With the project of every expected alert."""
    alerts: list[ExpectedAlert] = []
    projects = [FLEET] if expected.rule_id in rules.fleet.rules else list(test.input_events)
    for position, alert in enumerate(expected.exp_alerts):
        if alert.project_id is None and len(projects) != 1:
            sentence = "The test has several projects; say with `project_id` which one the alert is about."
            raise places.refusal(sentence, *way, "exp_alerts", position)
        project_id = alert.project_id or projects[0]
        if project_id in {other.project_id for other in alerts}:
            sentence = f"Project {project_id} stands here twice; a rule has one alert a project."
            raise places.refusal(sentence, *way, "exp_alerts", position)
        alerts.append(msgspec.structs.replace(alert, project_id=project_id))
    return msgspec.structs.replace(expected, exp_alerts=alerts)


# --- where a fault stands


_WAY = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


def _refusal(path: Path, root: yaml.Node | None, message: str) -> BadTestFile:
    """Of msgspec's message: what is wrong, and the way to it."""
    what, _, where = message.partition(" - at `$")
    way: list[str | int] = [name or (int(at) if at.isdigit() else at) for name, at in _WAY.findall(where)]
    key = re.search(r"(?:unknown|required) field `(\w+)`", what)
    if key is not None:
        way.append(key[1])
    if what.startswith("Object contains unknown field"):
        return _Places(path, root).refusal("This key is not known; remove it or correct its spelling.", *way)
    if key is not None:
        return _Places(path, root).refusal("This key is missing; add it.", *way)
    return _Places(path, root).refusal(f"{what}; correct the value.", *way)


def _line(node: yaml.Node | None, way: tuple[str | int, ...] | list[Any]) -> int:
    line = 1 if node is None else int(node.start_mark.line) + 1
    for step in way:
        if isinstance(step, int) and isinstance(node, yaml.SequenceNode) and step < len(node.value):
            node = node.value[step]
            line = int(node.start_mark.line) + 1
        elif isinstance(step, str) and isinstance(node, yaml.MappingNode):
            line, node = line_of_key(node, step), value_of(node, step)
        else:
            break
    return line


def _dotted(way: tuple[str | int, ...]) -> str:
    """`tests[0].interval`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way)
    return text.removeprefix(".") or "the file"
