"""Finds the kinds of sinks, and makes the sinks that are set. If the team has none, its alerts go to the log."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import NamedTuple

import httpx
import structlog
from pydantic import SecretStr, create_model

from alert_sinks import kinds
from alert_sinks.kinds.log import LogSink
from alert_sinks.receivers import Receiver
from alert_sinks.settings import ADDRESS, SinkSettings
from alert_sinks.sink import Destinations, Sink, SinkKind
from streams.routing.alerting import ON_CALL, TEAM

_log = structlog.get_logger(__name__)


def _kinds() -> Iterator[SinkKind]:
    for module in sorted(iter_modules(kinds.__path__)):
        kind = getattr(import_module(f"{kinds.__name__}.{module.name}"), "KIND", None)
        if kind is not None:
            yield kind


KINDS: tuple[SinkKind, ...] = tuple(_kinds())
AllSinkSettings: type[SinkSettings] = create_model(
    "AllSinkSettings",
    __base__=tuple(kind.settings for kind in reversed(KINDS) if kind.settings is not SinkSettings),
)
RECEIVER_KINDS = {kind.receiver.key: kind for kind in KINDS if kind.receiver is not None}


class Built(NamedTuple):
    """What one kind made of the settings: its sinks, or why they cannot be made."""

    kind: SinkKind
    sinks: Destinations
    fault: ValueError | None = None


def build_kinds(settings: SinkSettings, client: httpx.AsyncClient) -> list[Built]:
    """Of an `AllSinkSettings`, every kind; all use `client` (see `posting.new_client`)."""
    built = []
    for kind in KINDS:
        try:
            built.append(Built(kind, kind.build(settings, client)))
        except ValueError as error:
            built.append(Built(kind, Destinations(), error))
    return built


def build_destinations(settings: SinkSettings, client: httpx.AsyncClient) -> Destinations:
    """The sinks of the team and of on-call. Raises ValueError with one sentence if one cannot be made."""
    built = build_kinds(settings, client)
    for each in built:
        if each.fault is not None:
            raise each.fault
    team: list[Sink] = [sink for each in built for sink in each.sinks.team]
    if not team:
        _log.warning("alerts go to the log, because no sink of the team is configured", not_configured=first_settings())
        team.append(LogSink())
    return Destinations(team, [sink for each in built for sink in each.sinks.on_call])


def default_receivers(settings: SinkSettings) -> tuple[Receiver, Receiver]:
    """`team` and `on-call` of an `AllSinkSettings`, as a file would have them. The log is not among them."""
    found = [kind.configs(settings) for kind in KINDS]
    return (
        Receiver(name=TEAM, configs=tuple(config for team, _ in found for config in team)),
        Receiver(name=ON_CALL, configs=tuple(config for _, on_call in found for config in on_call)),
    )


def set_sinks(settings: SinkSettings) -> list[str]:
    """The settings of sinks that are set, by the names of the environment."""
    shared = SinkSettings.model_fields
    names = [name for name in AllSinkSettings.model_fields if name not in shared]
    return [name.upper() for name in names if getattr(settings, name) != AllSinkSettings.model_fields[name].default]


def first_settings() -> list[str]:
    """One of each kind that has settings."""
    return [kind.first_setting for kind in KINDS if kind.first_setting]


def addresses(settings: SinkSettings) -> dict[str, str]:
    """Where alerts are sent, by the names of the settings; defaults are left out."""
    found: dict[str, str] = {}
    for name, field in AllSinkSettings.model_fields.items():
        value, extra = getattr(settings, name), field.json_schema_extra
        is_address = isinstance(extra, dict) and extra["form"] == ADDRESS
        if is_address and isinstance(value, SecretStr) and value != field.default:
            found[name.upper()] = value.get_secret_value()
    return found
