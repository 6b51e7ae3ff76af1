"""Who may change things while API_TOKENS is not set: this machine, and where something forwards, the file's token.

The token lies in STATE_DIR, readable by the monitor's own user alone; commands of that user find it there.
"""

import os
import secrets
import stat
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from episode_monitor.settings.settings import LoopbackChanges, Settings
from episode_monitor.web.loopback_names import is_loopback_name

FILE_NAME = "operator-token"
_TOKEN_BYTES = 32

log = structlog.get_logger(__name__)


def places_elsewhere(settings: Settings) -> list[str]:
    """The settings by which this monitor is reached from other machines."""
    addresses = {"DASHBOARD_URL": settings.dashboard_url, "WORKER_URL": settings.worker_url}
    names = {name: [urlsplit(url).hostname or ""] for name, url in addresses.items() if url}
    names["MONITORING_ALLOWED_HOSTS"] = [name for name in settings.monitoring_allowed_hosts.split(",") if name]
    names["MONITORING_HOST"] = [settings.monitoring_host]
    return [setting for setting, hosts in names.items() if not all(map(is_loopback_name, hosts))]


def demands_token(settings: Settings) -> bool:
    """Whether a change from this machine needs the token of the file.

    A monitor that listens on loopback and is named from elsewhere can only be reached through a forwarder, and so can
    one whose address is https: the monitor itself speaks plain HTTP.
    """
    if settings.loopback_changes is not LoopbackChanges.AUTO:
        return settings.loopback_changes is LoopbackChanges.TOKEN
    elsewhere = places_elsewhere(settings)
    if "MONITORING_HOST" not in elsewhere:
        return bool(elsewhere)
    return "DASHBOARD_URL" in elsewhere and (settings.dashboard_url or "").startswith("https:")


def token_of_start(settings: Settings) -> str | None:
    """The token of the file, made where there is none; None where other tokens are set, or where no file can be had."""
    if settings.api_tokens is not None or settings.api_tokens_file is not None:
        return None
    path = settings.state_dir / FILE_NAME
    token = read_token(settings) or _made(settings, path)
    elsewhere = places_elsewhere(settings)
    if elsewhere:
        log.warning(
            "API_TOKENS is not set although other machines reach this monitor; set it: without it, callers there can't "
            "make changes, and a proxy may let every caller make them",
            because_of=elsewhere,
            changes_from_this_machine="need the token of the file" if demands_token(settings) else "need no token",
            file=str(path),
        )
    return token


def read_token(settings: Settings) -> str | None:
    """The token of the file, for a command; None where there is none that this user may read."""
    path = settings.state_dir / FILE_NAME
    try:
        with path.open("rb") as file:
            known = os.fstat(file.fileno())
            if not stat.S_ISREG(known.st_mode) or known.st_mode & 0o077 or known.st_uid not in (0, os.geteuid()):
                return None  # others could have read or written it
            token = file.read(1000).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return token if token.isprintable() and len(token) >= _TOKEN_BYTES else None


def _made(settings: Settings, path: Path) -> str | None:
    """Write a new token. A file that cannot be trusted any more is replaced, never repaired."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{token}\n")
        try:
            os.link(beside, path)  # fails where another worker was quicker, whose token then counts
        except OSError:
            token = read_token(settings) or token
        if read_token(settings) != token:
            beside.replace(path)
        beside.unlink(missing_ok=True)
    except OSError as error:
        log.warning("the local operator token could not be written", file=str(path), error=str(error))
        return None
    return token
