"""Reads `alerting.yaml` and `oncall.yaml` from disk, and the files that hold the secrets of the first."""

from collections.abc import Collection
from pathlib import Path

import msgspec

from alert_sinks.destinations import default_receivers
from alert_sinks.receivers import Receiver
from episode_monitor.settings.alerting_file import AlertingFile, parse_alerting
from episode_monitor.settings.oncall_file import parse_on_call
from episode_monitor.settings.receivers_section import SecretFiles
from episode_monitor.settings.settings import Settings
from episode_monitor.settings.yaml_reading import bytes_of
from streams.routing.alerting import ON_CALL, Alerting, OnCall, default_alerting, default_on_call

_MOST_SECRET_BYTES = 64 * 1024


class AlertingFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What both files say; without a file (its path is None), what the settings say."""

    alerting: Alerting
    receivers: tuple[Receiver, ...]
    on_call: OnCall
    alerting_path: Path | None = None
    oncall_path: Path | None = None


def read_files(settings: Settings, alerting_path: Path | None, oncall_path: Path | None) -> AlertingFiles:
    """Raises SettingsError with all faults of the first file that has any."""
    receivers: tuple[Receiver, ...]
    if alerting_path is None:
        alerting, receivers = default_alerting(), default_receivers(settings)
    else:
        read = load_alerting(alerting_path)
        alerting, receivers = read.alerting, read.receivers
    if oncall_path is not None:
        on_call = load_on_call(oncall_path, alerting.receivers)
    elif ON_CALL in alerting.receivers:
        on_call = default_on_call(settings.escalate_after_minutes * 60_000)
    else:
        on_call = OnCall()
    return AlertingFiles(
        alerting=alerting, receivers=receivers, on_call=on_call, alerting_path=alerting_path, oncall_path=oncall_path
    )


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
