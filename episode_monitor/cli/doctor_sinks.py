"""`doctor` of the receivers of alerts: resolved and connected to, and nothing is sent. `alerts test` sends."""

import asyncio
import os
import ssl
from urllib.parse import urlsplit

from alert_sinks.address_guard import AddressGuard, PrivateAddress
from alert_sinks.destinations import addresses, build_kinds, first_settings
from alert_sinks.posting import new_client
from alert_sinks.proxies import ProxyRules, UnusableProxy
from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel
from episode_monitor.settings.settings import Settings

CONNECT_SECONDS = 5.0
_CREATED = "It can be created; `alerts test` sends a trial alert."


async def sinks(settings: Settings) -> list[Diagnosis]:
    """A finding for each address that is set, each sink without one, and each kind of sink that cannot be created."""
    set_addresses = addresses(settings)
    guard = AddressGuard(allows_private=settings.allow_private_sinks)
    found = list(await asyncio.gather(*(reached(name, url, guard) for name, url in set_addresses.items())))
    has_team_sink = False
    async with new_client() as client:
        for kind, built, fault in build_kinds(settings, client):
            has_team_sink |= bool(built.team or fault)
            if fault and all(str(fault) != finding.sentence for finding in found):
                found.append(Diagnosis(kind.first_setting, DiagnosisLevel.WRONG, str(fault)))
            elif not any(name.lower() in kind.settings.model_fields for name in set_addresses):
                names = [sink.name for sink in (*built.team, *built.on_call)]
                found += [Diagnosis(f"sink {name}", DiagnosisLevel.OK, _CREATED) for name in names]
    if not settings.alert_on_issues:
        sentence = "ALERT_ON_ISSUES is false, so alerts are stored and shown, and nobody is notified."
        found.append(Diagnosis("sinks", DiagnosisLevel.SKIPPED, sentence))
    elif not has_team_sink and settings.alerting_path is None:
        sentence = f"The team has no sink, so alerts go to the log; set one of {', '.join(first_settings())}."
        found.append(Diagnosis("sinks", DiagnosisLevel.SKIPPED, sentence))
    return found


async def reached(setting: str, url: str, guard: AddressGuard, *, by_proxy: bool = True) -> Diagnosis:
    """Whether the address of a setting, or of a receiver, accepts connections. Secrets may stand in the path, so only
    host and port are said."""
    try:
        proxy = ProxyRules(os.environ).proxy_for(url) if by_proxy else None
    except UnusableProxy as error:
        return Diagnosis(setting, DiagnosisLevel.WRONG, str(error))
    parts = urlsplit(proxy or url)
    host, has_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if has_tls else 80)
    place = f"{'the proxy ' if proxy else ''}{host}:{port}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if proxy is None:
                await guard.addresses(host, port)
            tls = ssl.create_default_context() if has_tls else None
            _, writer = await asyncio.open_connection(host, port, ssl=tls)
            writer.transport.abort()
    except PrivateAddress as error:
        return Diagnosis(setting, DiagnosisLevel.WRONG, f"{error}.")
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
