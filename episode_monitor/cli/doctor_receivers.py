"""`doctor` of the receivers of an alerting file: connected to, and nothing is sent."""

import asyncio
from collections.abc import Iterator

from alert_sinks.address_guard import AddressGuard
from alert_sinks.receiver_sinks import addresses_of
from alert_sinks.receivers import ReceiverConfig
from episode_monitor.cli.diagnosis import Diagnosis
from episode_monitor.cli.doctor_sinks import reached
from episode_monitor.settings.alerting_files import read_files
from episode_monitor.settings.settings import Settings, SettingsError


async def receivers(settings: Settings) -> list[Diagnosis]:
    """One for each address of a receiver; none without a file, or where its fault has a line already."""
    try:
        files = read_files(settings, settings.alerting_path, settings.oncall_path)
    except SettingsError:
        return []
    if files.alerting_path is None:
        return []
    guard = AddressGuard(allows_private=settings.allow_private_sinks)
    named = [(receiver.name, config) for receiver in files.receivers for config in receiver.configs]
    places = dict(_places(named))
    return list(
        await asyncio.gather(
            *(reached(part, url, guard, by_proxy=not url.startswith("smtp:")) for part, url in places.items())
        )
    )


def _places(named: list[tuple[str, ReceiverConfig]]) -> Iterator[tuple[str, str]]:
    counts: dict[str, int] = {}
    for name, config in named:
        for key, url in addresses_of(config).items():
            part = f"{key} of receiver {name}"
            number = counts[part] = counts.get(part, 0) + 1
            yield (part if number == 1 else f"{part}, {number}"), url
