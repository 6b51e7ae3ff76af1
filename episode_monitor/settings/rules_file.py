"""Reads the rules file and makes the core's settings of ours."""

import re
from pathlib import Path
from typing import Any

import yaml

from episode_monitor.settings.settings import Settings, SettingsError
from streams.alerting.core import Core
from streams.alerting.rule import Rule
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rules import RuleError, RuleSet
from streams.base.calendar import Calendar
from streams.base.numbering_rules import NumberingRules


class _RulesLoader(yaml.SafeLoader):
    """As YAML 1.2 reads a file: a key that stands twice is an error, and `1:30` and `010` are no numbers."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Raises ConstructorError, which knows the line."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"`{key.value}` appears twice in one mapping", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_RulesLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NUMBERS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in zip(_NUMBERS, (r"[-+]?(?:0|[1-9][0-9]*)$", r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+$"), strict=True):
    _RulesLoader.add_implicit_resolver(_tag, re.compile(_pattern), list("-+0123456789"))


def load_rules(path: Path, settings: Settings) -> tuple[Rule, ...]:
    """Show the active rules, overrides applied. Raises SettingsError with one sentence that names the file."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _RulesLoader)  # a SafeLoader
        return parse_rules(document, settings.threshold_overrides)
    except OSError as error:
        raise SettingsError(f"RULES_FILE {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"RULES_FILE {path} is not UTF-8 text; save it as UTF-8.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        problem = f": {error.problem}" if isinstance(error, yaml.constructor.ConstructorError) else ""
        raise SettingsError(f"RULES_FILE {path} is not valid YAML{where}{problem}; correct it there.") from None
    except RuleError as error:
        raise SettingsError(f"RULES_FILE {path}: {error}") from None


def core_from(settings: Settings) -> Core:
    """All that the core decides by. Raises SettingsError."""
    try:
        rules = RuleSet(load_rules(settings.rules_path, settings))
    except RuleError as error:
        raise SettingsError(f"RULES_FILE {settings.rules_path}: {error}") from None
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
