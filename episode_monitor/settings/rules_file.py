"""Reads the rules file and makes the core's settings of ours."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from episode_monitor.settings.settings import Settings, SettingsError
from episode_monitor.settings.strict_yaml import BadYaml, line_of_key, load_yaml, nodes_of, value_of
from streams.alerting.core import Core
from streams.alerting.rule import Rule
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rules import RuleError, RuleFault, RuleSet
from streams.base.calendar import Calendar
from streams.base.numbering_rules import NumberingRules


class RulesFault(NamedTuple):
    """One sentence about a rules file; `line` counts from 1, 0 where it is about the whole file."""

    line: int
    sentence: str


class RulesFileError(SettingsError):
    """A rules file that cannot be used: every fault with its line. The text has one sentence a line."""

    def __init__(self, name: str, faults: Sequence[RulesFault]) -> None:
        places = [f"{name}, line {fault.line}" if fault.line else name for fault in faults]
        super().__init__("\n".join(f"{place}: {fault.sentence}" for place, fault in zip(places, faults, strict=True)))
        self.faults = tuple(faults)


def load_rules(path: Path, settings: Settings) -> tuple[Rule, ...]:
    """The rules of a file, overrides applied. Raises SettingsError with all faults."""
    return tuple(rule_set(path, settings).by_id.values())


def rule_set(path: Path, settings: Settings) -> RuleSet:
    """The rules of a file, overrides applied. Raises SettingsError with all faults."""
    try:
        return rule_set_of(path.read_text(encoding="utf-8"), f"RULES_FILE {path}", settings)
    except OSError as error:
        raise SettingsError(f"RULES_FILE {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"RULES_FILE {path} is not UTF-8 text; save it as UTF-8.") from None


def rule_set_of(text: str, name: str, settings: Settings) -> RuleSet:
    """The rules of a text, overrides applied; `name` begins each sentence. Raises RulesFileError."""
    try:
        return RuleSet(parse_rules(load_yaml(text), settings.threshold_overrides))
    except BadYaml as error:
        raise RulesFileError(name, [RulesFault(error.line, str(error))]) from None
    except RuleError as error:
        root = nodes_of(text)
        found = [RulesFault(_line_of(root, fault), fault.sentence) for fault in error.faults]
        raise RulesFileError(name, sorted(found)) from None


def _line_of(root: yaml.Node | None, fault: RuleFault) -> int:
    """Where the key stands; where it is missing, its rule begins."""
    if not fault.position:
        return 0
    rules = value_of(root, "rules")
    rule = rules.value[fault.position - 1] if isinstance(rules, yaml.SequenceNode) else root
    return line_of_key(rule, fault.key)


def core_from(settings: Settings, rules: RuleSet | None = None) -> Core:
    """All that the core decides by, with the rules in force unless others are given. Raises SettingsError."""
    rules = rules or rule_set(settings.rules_path, settings)
    return Core(
        rules=rules,
        numbering=NumberingRules(
            settle_ms=settings.gap_settle_seconds * 1000,
            deleted=settings.deleted_numbers,
            first_number=settings.first_number,
            max_jump=settings.max_number_jump,
            max_episodes=settings.max_episodes,
        ),
        calendar=Calendar(settings.monitoring_timezone),
        grace_ms=settings.grace_seconds * 1000,
        escalate_after_ms=settings.escalate_after_minutes * 60_000,
        resend_memory=settings.resend_memory,
        open_conflicts_max=settings.open_conflicts_max,
        dashboard_url=settings.dashboard_url or settings.public_url,
    )
