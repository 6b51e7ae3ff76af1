"""Reads the rules file and makes the core's settings of ours."""

from pathlib import Path

import yaml
from msgspec import structs

from episode_monitor.settings.settings import Settings, SettingsError
from episode_monitor.settings.strict_yaml import BadYaml, checked_nodes, line_of_key, load_yaml, value_of
from episode_monitor.settings.yaml_reading import Fault, FileError
from streams.alerting.core import Core
from streams.alerting.rule import Rule, RuleType
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rule_types import DRIFT
from streams.alerting.rules import RuleError, RuleFault, RuleSet
from streams.base.calendar import Calendar
from streams.base.numbering_rules import NumberingRules


def load_rules(path: Path, settings: Settings) -> tuple[Rule, ...]:
    """The rules of a file, overrides applied. Raises SettingsError with all faults."""
    return tuple(rule_set(path, settings).by_id.values())


def rule_set(path: Path, settings: Settings, named_by: str = "RULES_FILE") -> RuleSet:
    """The rules of a file, overrides applied; `named_by`: the setting or option, "" for an argument. Raises
    SettingsError with all faults."""
    name = f"{named_by} {path}".lstrip()
    try:
        return rule_set_of(path.read_text(encoding="utf-8"), name, settings)
    except OSError as error:
        raise SettingsError(f"{name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name} is not UTF-8 text; save it as UTF-8.") from None


def rule_set_of(text: str, name: str, settings: Settings) -> RuleSet:
    """The rules of a text, overrides applied; `name` begins each sentence. Raises FileError."""
    try:
        rules = parse_rules(load_yaml(text), settings.threshold_overrides)
        return RuleSet(tuple(_with_runbook(rule, settings.runbook_url) for rule in rules))
    except BadYaml as error:
        raise FileError(name, [Fault(error.line, "", str(error))]) from None
    except RuleError as error:
        root = checked_nodes(text)
        found = [Fault(_line_of(root, fault), "", fault.sentence) for fault in error.faults]
        raise FileError(name, found) from None


def _with_runbook(rule: Rule, page: str | None) -> Rule:
    """The rule, with the section of its type on that page where it names no runbook itself."""
    if rule.runbook_url is not None:
        return rule
    return structs.replace(rule, runbook_url=_section(page, rule.measure))


def _section(page: str | None, kind: RuleType) -> str | None:
    return None if page is None else f"{page}#{kind.name.lower()}"


def _line_of(root: yaml.Node | None, fault: RuleFault) -> int:
    """Where the key stands; where it is missing, its rule begins."""
    if not fault.position:
        return 0
    rules = value_of(root, "rules")
    rule = rules.value[fault.position - 1] if isinstance(rules, yaml.SequenceNode) else root
    key, _, inner = fault.key.partition(".")
    inside = value_of(rule, key) if inner else None
    return line_of_key(rule, fault.key) if inside is None else line_of_key(inside, inner)


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
        resend_memory=settings.resend_memory,
        open_conflicts_max=settings.open_conflicts_max,
        dashboard_url=settings.dashboard_url or settings.public_url,
        drift_runbook_url=_section(settings.runbook_url, DRIFT),
    )
