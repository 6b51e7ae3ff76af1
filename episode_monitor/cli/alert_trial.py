"""A trial alert to each sink, sent from the command itself: whether the settings lead to people."""

import time
from typing import Any

from alert_sinks.address_guard import AddressGuard
from alert_sinks.destinations import build_destinations
from alert_sinks.posting import new_client
from alert_sinks.texts.languages import texts_of
from alert_sinks.trial import trial_alert, tried
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings.settings import Settings


async def send_trial(settings: Settings) -> list[dict[str, Any]]:
    """`sink`, `outcome` (`delivered` or `failed`) and `reason` of each. Raises Failure where no sink can be made."""
    now_ms = time.time_ns() // 1_000_000
    texts = texts_of(settings.alert_language)
    alert, found = trial_alert(settings.monitor_id, now_ms, texts), []
    guard = AddressGuard(allows_private=settings.allow_private_sinks)
    async with new_client(settings.sink_timeout_seconds, guard) as client:
        try:
            destinations = build_destinations(settings, client)
        except ValueError as error:
            raise Failure(str(error), ExitCode.USAGE) from None
        for sink in (*destinations.team, *destinations.on_call):
            reason = await tried(sink, alert, now_ms, texts)
            found.append({"sink": sink.name, "outcome": "failed" if reason else "delivered", "reason": reason})
            await sink.aclose()
    return found
