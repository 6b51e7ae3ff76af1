"""`doctor` of the receivers of alerts: resolved and connected to, and nothing is sent. `alerts test` sends."""

import asyncio
import os
import ssl
from typing import cast
from urllib.parse import urlsplit

from alert_sinks.destinations import addresses
from alert_sinks.kinds.handlers import HandlerSettings, check_handler, handler_names
from alert_sinks.proxies import ProxyRules, UnusableProxy
from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel
from episode_monitor.settings.settings import Settings

CONNECT_SECONDS = 5.0


async def sinks(settings: Settings) -> list[Diagnosis]:
    """A finding for each receiver that is set."""
    looks = [_receiver(name, url) for name, url in addresses(settings).items()]
    found = [
        *await asyncio.gather(*looks),
        *(_handler(name) for name in handler_names(cast(HandlerSettings, settings))),
    ]
    if not found:
        return [Diagnosis("sinks", DiagnosisLevel.SKIPPED, "Not set, so alerts go to the log; set SLACK_WEBHOOK_URL.")]
    return found


async def _receiver(setting: str, url: str) -> Diagnosis:
    """Secrets may stand in the path, so only host and port are said."""
    try:
        proxy = ProxyRules(os.environ).proxy_for(url)
    except UnusableProxy as error:
        return Diagnosis(setting, DiagnosisLevel.WRONG, str(error))
    parts = urlsplit(proxy or url)
    host, has_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if has_tls else 80)
    place = f"{'the proxy ' if proxy else ''}{host}:{port}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            tls = ssl.create_default_context() if has_tls else None
            _, writer = await asyncio.open_connection(host, port, ssl=tls)
            writer.transport.abort()
    except ssl.SSLCertVerificationError as error:
        why = f"its certificate is not valid ({error.verify_message})"
        return Diagnosis(
            setting, DiagnosisLevel.WRONG, f"{place} answers, but {why}; correct {setting} or the certificate."
        )
    except (OSError, TimeoutError, UnicodeError) as error:
        late = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        why = getattr(error, "strerror", None) or late
        sentence = f"{place} cannot be connected to ({why}); correct {setting}, or allow the connection."
        return Diagnosis(setting, DiagnosisLevel.UNREACHABLE, sentence)
    return Diagnosis(setting, DiagnosisLevel.OK, f"{place} accepts connections; `alerts test` sends a trial alert.")


def _handler(name: str) -> Diagnosis:
    try:
        check_handler(name)
    except ValueError as error:
        return Diagnosis(f"ALERT_HANDLERS {name}", DiagnosisLevel.WRONG, str(error))
    return Diagnosis(f"ALERT_HANDLERS {name}", DiagnosisLevel.OK, "It can be created.")
