"""Every setting of the monitor in one frozen object, read once at start; no other module reads the environment.

A setting's environment name is its field's name in capitals. Each group has a file; `settings_table` is what the
documentation shows.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from alert_sinks.destinations import AllSinkSettings
from alert_sinks.settings import SinkSettings
from episode_monitor.settings.alerts import AlertSettings
from episode_monitor.settings.audit import AuditSettings
from episode_monitor.settings.checks import CheckSettings
from episode_monitor.settings.databases import DatabaseSettings
from episode_monitor.settings.env_file import ENV_FILE, unusable
from episode_monitor.settings.error_texts import SettingRow, SettingsError, masked, row, sentences
from episode_monitor.settings.events import EventSettings
from episode_monitor.settings.http import HttpSettings, LoopbackChanges
from episode_monitor.settings.kafka import KafkaSettings
from episode_monitor.settings.process import LogFormat, LogLevel, ProcessSettings
from episode_monitor.settings.secret_files import SUFFIX, BadSecretFile, secrets_of_files
from episode_monitor.settings.tracing import TracingSettings
from episode_monitor.settings.validators import FIRST_SEEN

__all__ = [
    "LogFormat", "LogLevel", "LoopbackChanges", "SettingRow", "Settings", "SettingsError",
    "load_settings", "settings_table",
]  # fmt: skip


if TYPE_CHECKING:
    _OfSinks = SinkSettings
else:
    _OfSinks = AllSinkSettings  # each file in alert_sinks/kinds brings its own


class Settings(
    # The last base's fields come first in the documentation.
    TracingSettings, ProcessSettings, AuditSettings, CheckSettings, DatabaseSettings, HttpSettings, _OfSinks,
    AlertSettings, EventSettings, KafkaSettings, BaseSettings,
):  # fmt: skip
    """All settings, checked. `load_settings` is the way to make them; secrets show neither in `repr` nor in errors."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    def public(self) -> dict[str, Any]:
        """Environment name to value, ready for JSON; of a secret, at most where it leads."""
        shown = {name.upper(): masked(getattr(self, name), field) for name, field in type(self).model_fields.items()}
        return shown | {"FIRST_NUMBER": self.first_number or FIRST_SEEN}


def of_process(settings: Settings, number: int, own_url: str) -> Settings:
    """The settings of one of several processes: it has an address of its own, and a folder for its own files."""
    own = settings.model_copy()
    own._own_url, own._process_number = own_url, number
    return own


class _Given(Settings):
    """Settings from arguments alone: neither the environment nor `.env` is looked at."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def _set(environment: Mapping[str, str]) -> dict[str, str]:
    return {name.upper(): text for name, text in environment.items() if text}


def _of_env_file() -> dict[str, str]:
    values = dotenv_values(ENV_FILE) if ENV_FILE.is_file() else {}
    return _set({name: text for name, text in values.items() if text})


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Settings from `env`, or from the environment and, behind it, `.env` in the working directory.

    An empty text is unset; names that are no settings are ignored. Raises SettingsError.
    """
    try:
        if env is None:
            if sentence := unusable(ENV_FILE):
                raise SettingsError(sentence)
            files = secrets_of_files({**_of_env_file(), **_set(os.environ)}, SECRET_NAMES)
            of_files: dict[str, Any] = {name.lower(): text for name, text in files.items()}
            return Settings(**of_files)
        given: dict[str, Any] = {name.lower(): text for name, text in env.items() if text}
        given |= {name.lower(): text for name, text in secrets_of_files(env, SECRET_NAMES).items()}
        return _Given(**given)
    except BadSecretFile as error:
        raise SettingsError(str(error)) from None
    except ValidationError as error:
        raise SettingsError(sentences(error, Settings.model_fields)) from None
    except (OSError, UnicodeDecodeError):
        raise SettingsError("The file .env cannot be read as text; correct or remove it.") from None


# The secrets that may be files. A setting of the name that their file would have goes first.
SECRET_NAMES = tuple(
    found.name
    for found in (row(name, field) for name, field in Settings.model_fields.items())
    if found.is_secret and f"{found.name}{SUFFIX}".lower() not in Settings.model_fields
)


def settings_table() -> list[SettingRow]:
    """All settings in the order of the documentation."""
    return [row(name, field) for name, field in Settings.model_fields.items()]
