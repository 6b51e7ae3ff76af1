"""What the dispatcher decides by and delivers to on this worker: the two files, or the settings. Exchanged as a whole.

A reload either takes over everything or changes nothing.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from alert_sinks.sink import Destinations
from episode_monitor.settings.alerting_files import AlertingFiles
from episode_monitor.settings.settings import SettingsError
from streams.dispatch.config import DispatchConfig

log = structlog.get_logger(__name__)


class InForce(msgspec.Struct, frozen=True):
    """The files as they were read, and what was made of them."""

    files: AlertingFiles
    config: DispatchConfig
    destinations: Destinations
    loaded_at_ms: int


class AlertingInForce:
    """`load` reads the files and makes the sinks; it raises SettingsError. `now_ms` is the wall clock."""

    def __init__(
        self, load: Callable[[], tuple[AlertingFiles, DispatchConfig, Destinations]], now_ms: Callable[[], int]
    ) -> None:
        self._load = load
        self._now_ms = now_ms
        self.refused = ""  # why the last reload was refused; "" if it was not
        self.current = InForce(*load(), now_ms())

    def config(self) -> DispatchConfig:
        """What is decided by now; another object after a change."""
        return self.current.config

    def prepare(self) -> InForce:
        """What a reload would put in force: what is now, if no file has changed. Raises SettingsError."""
        before = self.current
        files, config, destinations = self._load()
        for name, was, now in (
            ("alerting", before.files.alerting_path, files.alerting_path),
            ("on-call", before.files.oncall_path, files.oncall_path),
        ):
            _check_there(name, was, now)
        if files == before.files:  # secrets in files of their own among it
            return msgspec.structs.replace(before, loaded_at_ms=self._now_ms())
        return InForce(files, config, destinations, self._now_ms())

    def put(self, new: InForce) -> None:
        """Put it in force."""
        self.current, self.refused = new, ""


def _check_there(name: str, was: Path | None, now: Path | None) -> None:
    """A file that vanishes is an accident: to go on without it is not a reload."""
    if was is not None and now is None:
        raise SettingsError(
            f"The {name} file {was} is in force, and is gone; put it back, or restart the worker to go on without it."
        )
