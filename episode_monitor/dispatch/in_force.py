"""What the dispatcher decides by and delivers to on this worker: the two files, or the settings. Exchanged as a whole.

A reload either takes over everything or changes nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from alert_sinks.sink import Destinations
from episode_monitor.settings.alerting_files import AlertingFiles
from episode_monitor.settings.settings import SettingsError
from streams.dispatch.config import DispatchConfig


class InForce(NamedTuple):
    """The files as they were read, and what was made of them."""

    files: AlertingFiles
    config: DispatchConfig
    destinations: Destinations


class AlertingInForce:
    """`load` reads the files and makes the sinks; it raises SettingsError."""

    def __init__(self, load: Callable[[], InForce]) -> None:
        self._load = load
        self.current = load()

    def config(self) -> DispatchConfig:
        """What is decided by now; another object after a change."""
        return self.current.config

    @property
    def versions(self) -> tuple[str, str]:
        """Of the alerting and of the on-call file."""
        files = self.current.files
        return files.alerting.version, files.on_call.version

    def prepare(self) -> InForce:
        """What a reload would put in force: what is now, if no file has changed. Raises SettingsError."""
        before, new = self.current, self._load()
        files = new.files
        for name, was, now in (
            ("alerting", before.files.alerting_path, files.alerting_path),
            ("on-call", before.files.oncall_path, files.oncall_path),
        ):
            _check_there(name, was, now)
        if files == before.files:  # secrets in files of their own among it
            return before
        return new

    def put(self, new: InForce) -> None:
        """Put it in force."""
        self.current = new


def _check_there(name: str, was: Path | None, now: Path | None) -> None:
    """A file that vanishes is an accident: to go on without it is not a reload."""
    if was is not None and now is None:
        raise SettingsError(
            f"The {name} file {was} is in force, and is gone; put it back, or restart the worker to go on without it."
        )
