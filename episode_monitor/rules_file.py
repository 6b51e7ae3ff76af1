"""Reads the rules file and makes the core's settings of ours."""

from pathlib import Path

import yaml

from episode_monitor.settings import Settings, SettingsError
from streams.calendar import Calendar
from streams.core import Core
from streams.numbering_rules import NumberingRules
from streams.rules import Rule, RuleError, RuleSet, parse_rules


def load_rules(path: Path, settings: Settings) -> tuple[Rule, ...]:
    """The rules in force, overrides applied. Raises SettingsError with one sentence that names the file."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return parse_rules(document, settings.threshold_overrides)
    except OSError as error:
        raise SettingsError(f"RULES_FILE {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"RULES_FILE {path} is not UTF-8 text; save it as that.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise SettingsError(f"RULES_FILE {path} is not valid YAML{where}; mend it there.") from None
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
