"""Finds the kinds of sinks, and makes the sinks that are set. The log stands in for those of the team that are not."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import httpx
import structlog
from pydantic import SecretStr, create_model

from alert_sinks import kinds
from alert_sinks.kinds.log import LogSink
from alert_sinks.settings import ADDRESS, SinkSettings
from alert_sinks.sink import Destinations, Sink, SinkKind

_log = structlog.get_logger(__name__)


def _kinds() -> Iterator[SinkKind]:
    for module in sorted(iter_modules(kinds.__path__)):
        kind = getattr(import_module(f"{kinds.__name__}.{module.name}"), "KIND", None)
        if kind is not None:
            yield kind


KINDS: tuple[SinkKind, ...] = tuple(_kinds())
AllSinkSettings: type[SinkSettings] = create_model(
    "AllSinkSettings", __base__=tuple(kind.settings for kind in reversed(KINDS))
)


def build_destinations(settings: SinkSettings, client: httpx.AsyncClient) -> Destinations:
    """The sinks of the team and of on-call, of an `AllSinkSettings`; all use `client` (see `posting.new_client`).

    Raises ValueError with one sentence where one cannot be made.
    """
    built = [kind.build(settings, client) for kind in KINDS]
    team: list[Sink] = [sink for each in built for sink in each.team]
    missing = [kind.log_replaces.upper() for kind in KINDS if kind.log_replaces and _unset(settings, kind.log_replaces)]
    if missing:
        _log.warning("alerts also go to the log, because a sink is not configured", not_configured=missing)
        team.append(LogSink())
    return Destinations(team, [sink for each in built for sink in each.on_call])


def _unset(settings: SinkSettings, name: str) -> bool:
    return getattr(settings, name) is None


def addresses(settings: SinkSettings) -> dict[str, str]:
    """Where alerts are sent, by the names of the settings; defaults are left out."""
    found: dict[str, str] = {}
    for name, field in AllSinkSettings.model_fields.items():
        value, extra = getattr(settings, name), field.json_schema_extra
        is_address = isinstance(extra, dict) and extra["form"] == ADDRESS
        if is_address and isinstance(value, SecretStr) and value != field.default:
            found[name.upper()] = value.get_secret_value()
    return found
