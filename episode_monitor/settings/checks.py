"""When checks run, and what may be repaired."""

from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel

from episode_monitor.settings import validators
from episode_monitor.settings.fields import setting

_checks = partial(setting, "Checks and repair")


class CheckSettings(BaseModel):
    """The group "Checks and repair"."""

    integrity_check_interval_minutes: int = _checks(
        30, "Interval between two basic checks.", unit="minutes", ge=1, le=10_080
    )
    deep_check_interval_hours: int = _checks(6, "Interval between two deep checks.", unit="hours", ge=1, le=720)
    auto_fix_enabled: bool = _checks(False, "Whether repair plans may be applied.")
    repair_approval_above: int = _checks(
        100, "A plan with more changes than this needs a second person's approval.", unit="changes", ge=0, le=1_000_000
    )
    auto_repair_projects: Annotated[str, AfterValidator(validators.project_patterns)] = _checks(
        "",
        "Projects that are repaired automatically while AUTO_FIX_ENABLED is true; empty: none.",
        form="ids or patterns with * and ?, separated by commas",
    )
    auto_repair_max_per_hour: int = _checks(
        6, "The maximum number of automatic repairs, over all projects.", unit="an hour", ge=1, le=1000
    )
    auto_repair_paused: bool = _checks(False, "Pauses automatic repair for all projects.")
