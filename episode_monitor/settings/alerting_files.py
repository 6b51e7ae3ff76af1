"""Reads `alerting.yaml` and `oncall.yaml` from disk, and the files that hold the secrets of the first."""

from collections.abc import Collection
from pathlib import Path

from episode_monitor.settings.alerting_file import AlertingFile, parse_alerting
from episode_monitor.settings.oncall_file import parse_on_call
from episode_monitor.settings.receivers_section import SecretFiles
from episode_monitor.settings.yaml_reading import bytes_of
from streams.routing.alerting import OnCall

_MOST_SECRET_BYTES = 64 * 1024


def load_alerting(path: Path) -> AlertingFile:
    """Raises SettingsError with all faults."""
    return parse_alerting(bytes_of(path, str(path)), str(path), secrets_beside(path.parent))


def load_on_call(path: Path, receivers: Collection[str] | None) -> OnCall:
    """`receivers`: those of `alerting.yaml`; None: they are not compared. Raises SettingsError with all faults."""
    return parse_on_call(bytes_of(path, str(path)), str(path), receivers)


def secrets_beside(folder: Path) -> SecretFiles:
    """Reads secrets; a relative path begins at `folder`, that of the file which names it."""

    def secret(path: str) -> str:
        try:
            with (folder / path).open("rb") as file:
                return file.read(_MOST_SECRET_BYTES).decode().strip()
        except OSError as error:
            raise ValueError(
                f"names {path}, which cannot be read ({error.strerror}); correct its path or rights"
            ) from None
        except ValueError:
            raise ValueError(f"names {path[:60]!r}, which is no text file; correct it") from None

    return secret
