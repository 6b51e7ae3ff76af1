"""The process itself."""

from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator

from episode_monitor.settings import validators
from episode_monitor.settings.fields import setting

_process = partial(setting, "Process")


class LogLevel(Enum):
    """What is logged: this and everything graver."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(Enum):
    """For people at a terminal, or one JSON object a line."""

    CONSOLE = "console"
    JSON = "json"


class ProcessSettings(BaseModel):
    """The group "Process"."""

    episode_monitoring_enabled: bool = _process(
        True, "If false, no events are read, views answer 501 and health checks stay green and report it."
    )
    state_dir: Path = _process(Path("state"), "The folder for the worker's local files.", form="path")
    cached_projects: int = _process(
        20_000,
        "How many projects are kept decoded in memory; the others are kept packed.",
        ge=100,
        le=10_000_000,
    )
    stalled_seconds: int = _process(
        30, "A worker whose backlog makes no progress for this long exits.", unit="seconds", ge=5, le=3600
    )
    log_level: Annotated[LogLevel, BeforeValidator(validators.lower)] = _process(
        LogLevel.INFO, "The lowest level that is logged."
    )
    log_format: Annotated[LogFormat, BeforeValidator(validators.lower)] = _process(
        LogFormat.CONSOLE, "Text for people, or one JSON object per line."
    )
