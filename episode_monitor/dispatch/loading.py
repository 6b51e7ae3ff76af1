"""Reads the alerting and the on-call file, and makes of them what the dispatcher decides by and delivers to."""

import httpx
import structlog

from alert_sinks.destinations import set_sinks
from alert_sinks.receiver_sinks import build_receivers, keeps_incidents, rate_of_config, takes_all
from alert_sinks.sink import Destinations
from episode_monitor import composition
from episode_monitor.dispatch.in_force import AlertingInForce, InForce
from episode_monitor.settings.alerting_files import AlertingFiles, read_files
from episode_monitor.settings.settings import Settings, SettingsError
from streams.dispatch.config import DispatchConfig, RateLimit
from streams.routing.alerting import ON_CALL, TEAM

log = structlog.get_logger(__name__)


def dispatch_config(files: AlertingFiles) -> DispatchConfig:
    """What the dispatcher decides by."""
    is_file, root = files.alerting_path is not None, files.alerting.root.receiver
    silent = frozenset(receiver.name for receiver in files.receivers if not receiver.configs)
    return DispatchConfig(
        alerting=files.alerting,
        on_call=files.on_call,
        # without a file the team's alerts go to the log where nothing else is set
        empty_receivers=silent if is_file else silent - {TEAM},
        rate_limits=rate_limits(files) if is_file else {},
        apart=apart(files),
        in_parts=in_parts(files),
        stand_ins=(ON_CALL, TEAM, root) if is_file else (ON_CALL, TEAM),
    )


def apart(files: AlertingFiles) -> frozenset[str]:
    """Receivers with a destination that keeps an incident for each group of alerts."""
    return frozenset(each.name for each in files.receivers if any(map(keeps_incidents, each.configs)))


def in_parts(files: AlertingFiles) -> frozenset[str]:
    """Receivers of which every destination wants each alert of a group: others get the worst and a count."""
    return frozenset(each.name for each in files.receivers if each.configs and all(map(takes_all, each.configs)))


def rate_limits(files: AlertingFiles) -> dict[str, RateLimit]:
    """Of receivers with a destination that takes only so many messages: what has to wait becomes one digest.

    Where incidents are kept nothing is joined, and the sink alone keeps the rate.
    """
    limits: dict[str, RateLimit] = {}
    for receiver in files.receivers:
        if any(map(keeps_incidents, receiver.configs)):
            continue
        rates = [rate for config in receiver.configs if (rate := rate_of_config(config)) is not None]
        if rates:
            interval_ms = round(1000 * max(rate.interval_seconds for rate in rates))
            limits[receiver.name] = RateLimit(interval_ms=interval_ms, burst=min(rate.burst for rate in rates))
    return limits


def alerting_in_force(settings: Settings, client: httpx.AsyncClient) -> AlertingInForce:
    """What the dispatcher decides by and delivers to. Raises SettingsError."""
    of_settings: list[Destinations] = []  # made once: they do not change while the worker runs

    def load() -> InForce:
        files = read_files(settings, settings.alerting_path, settings.oncall_path)
        config = dispatch_config(files)
        if files.alerting_path is not None:
            return InForce(files, config, file_destinations(settings, files, config, client))
        if not of_settings:
            of_settings.append(composition.destinations(settings, client))
        return InForce(files, config, of_settings[0])

    return AlertingInForce(load)


def file_destinations(
    settings: Settings, files: AlertingFiles, config: DispatchConfig, client: httpx.AsyncClient
) -> Destinations:
    """The sinks of an alerting file; none with ALERT_ON_ISSUES off. Raises SettingsError."""
    receivers = files.receivers
    if not settings.alert_on_issues:
        log.warning("ALERT_ON_ISSUES is false: alerts are stored and shown, but not delivered")
        return Destinations(receivers={each.name: () for each in receivers})
    try:
        built = build_receivers(
            receivers, client, settings.sink_timeout_seconds, has_buttons=bool(settings.slack_signing_secret)
        )
    except ValueError as error:
        lines = str(error).splitlines()
        raise SettingsError("\n".join(f"{files.alerting_path}: {line}" for line in lines)) from None
    if unused := set_sinks(settings):
        log.warning("these settings have no effect: the alerting file has the receivers",
                    settings=unused, file=str(files.alerting_path))  # fmt: skip
    return Destinations(receivers=built, stand_ins=config.stand_ins)
