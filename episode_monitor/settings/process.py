"""The process itself."""

from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, PrivateAttr

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
    worker_processes: Annotated[str, AfterValidator(validators.process_count)] = _process(
        "1",
        "How many processes `episode-monitor worker` runs as one; auto: one for each core that it may use, at most "
        "EVENTS_PARTITIONS. `--processes` goes before it.",
        form=f"a whole number from 1 to {validators.PROCESSES_MOST}, or auto",
    )
    worker_own_ports: int = _process(
        0,
        "With several processes, the first of the ports at which other workers reach each of them; 0: any free ones.",
        ge=0,
        le=65_000,
    )
    cached_projects: int = _process(
        20_000,
        "How many projects each process keeps decoded in memory; the others are kept packed.",
        ge=100,
        le=10_000_000,
    )
    state_memory_mib: int = _process(
        4096,
        "How much of the stored values of its partitions each process keeps in memory; the rest is in a file in "
        "STATE_DIR.",
        unit="MiB",
        ge=16,
        le=1_048_576,
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
    _process_number: int = PrivateAttr(0)

    @property
    def own_dir(self) -> Path:
        """The folder for files of this process alone: `state_dir`, unless it is one of several."""
        return self.state_dir / f"process-{self._process_number}" if self._process_number else self.state_dir
