"""The checks of settings that no bound expresses. Each takes the text and returns it, tidied, or raises ValueError.

The message says what would be right and never repeats the text: it may be a secret.
"""

import ipaddress
import os
import re
import ssl
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

from alert_sinks.settings import http_address
from episode_monitor.settings.api_tokens import parse_api_tokens
from episode_monitor.storage.address import Address

PROCESSES_MOST = 64  # of one worker
FIRST_SEEN = "first_seen"  # of FIRST_NUMBER: whatever number comes first
_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
_SQL_NAME = r"[A-Za-z_][A-Za-z0-9_$]{0,62}"


def bootstrap_servers(text: str) -> str:
    """`host:port` or several of them, comma-separated."""
    servers = [server.strip() for server in text.split(",")]
    for server in servers:
        matched = re.fullmatch(rf"{_HOST}:(\d{{1,5}})", server)
        if not matched or not 1 <= int(matched[1]) <= 65_535:
            raise ValueError("must be host:port, or several separated by commas, such as localhost:9092")
    return ",".join(servers)


def topic(text: str) -> str:
    """A name that Kafka takes for a topic."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text) or text in (".", ".."):
        raise ValueError("must be a topic name: up to 249 letters, digits, dots, underscores and hyphens")
    return text


def monitor_id(text: str) -> str:
    """A topic name that leaves room for what is appended to it."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        raise ValueError(
            "must be up to 100 letters, digits, dots, underscores and hyphens, the first a letter or digit"
        )
    return text


def bind_host(text: str) -> str:
    """An address or a name to listen on."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        if re.fullmatch(_HOST, text) and not re.fullmatch(r"[\d.]+", text):
            return text
        raise ValueError(
            "must be an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all addresses"
        ) from None


def base_address(text: str) -> str:
    """An http or https address to which paths are appended; without its last slash."""
    address = http_address(text).rstrip("/")
    if "?" in address or "#" in address or "@" in address:
        raise ValueError("must be an http:// or https:// address without user, ? and #")
    return address


def origins(text: str) -> str:
    """Comma-separated origins as browsers send them."""
    found = [origin.strip().lower() for origin in text.split(",") if origin.strip()]
    if not all(re.fullmatch(rf"https?://{_HOST}(:\d{{1,5}})?", origin) for origin in found):
        raise ValueError("must be origins separated by commas, such as https://ops.example, without a path")
    return ",".join(found)


def host_names(text: str) -> str:
    """Comma-separated host names without ports."""
    found = [name.strip().lower() for name in text.split(",") if name.strip()]
    if not all(re.fullmatch(_HOST, name) for name in found):
        raise ValueError("must be host names separated by commas, without ports")
    return ",".join(found)


def time_zone(text: str) -> str:
    """The name of a time zone."""
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):  # for an unknown name, for a path, for a folder of names
        raise ValueError("must be an IANA time zone, such as UTC or Asia/Seoul") from None
    return text


def first_number(text: object) -> object:
    """An integer passes on; the word `first_seen` becomes None."""
    return None if isinstance(text, str) and text.strip().lower() == FIRST_SEEN else text


def number_with_unit(text: object, unit: str) -> object:
    """A number, written with or without its unit."""
    if not isinstance(text, str):
        return text
    try:
        return Decimal(text.strip().removesuffix(unit).strip())
    except InvalidOperation:
        raise ValueError(f"must be a number, with or without {unit!r}") from None


def readable_file(path: Path) -> Path:
    """A file that is there and may be read."""
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ValueError("must be the path of an existing, readable file")
    return path


def certificates(path: Path) -> Path:
    """A file of certificates in PEM."""
    try:
        ssl.create_default_context(cafile=str(readable_file(path)))
    except ssl.SSLError:
        raise ValueError("must be a file with certificates in PEM") from None
    return path


def sql_table(text: str) -> str:
    """A table's name, with its schema or without."""
    if not re.fullmatch(rf"{_SQL_NAME}(\.{_SQL_NAME})?", text):
        raise ValueError("must be the name of a table, such as episodes or public.episodes")
    return text


def sql_column(text: str) -> str:
    """A column's name."""
    if not re.fullmatch(_SQL_NAME, text):
        raise ValueError("must be the name of a column")
    return text


def project_patterns(text: str) -> str:
    """Comma-separated ids of projects, or patterns of them."""
    found = [pattern.strip() for pattern in text.split(",") if pattern.strip()]
    if any(len(pattern) > 200 or not pattern.isprintable() for pattern in found):
        raise ValueError("must be ids of projects, or patterns with * and ?, separated by commas")
    return ",".join(found)


def database_url(text: str) -> str:
    """An address of PostgreSQL."""
    _reworded(lambda: Address.parse(text, "it"), "it ")
    return text


def api_tokens(text: str) -> str:
    """`role:token`, several separated by commas."""
    _reworded(lambda: parse_api_tokens(text), "API_TOKENS ")
    return text


def _reworded(check: Callable[[], object], opening: str) -> None:
    """Runs a check of another module, whose sentence opens with its own name for the setting."""
    try:
        check()
    except ValueError as error:
        raise ValueError(str(error).removeprefix(opening).removesuffix(".")) from None


def internal_token(text: str) -> str:
    """A token long enough not to be guessed."""
    if len(text) < 16 or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be at least 16 printable ASCII characters without spaces")
    return text


def process_count(text: str) -> str:
    """A number of processes, or `auto`."""
    text = text.lower()
    if text != "auto" and not (text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= PROCESSES_MOST):
        raise ValueError(f"must be a whole number from 1 to {PROCESSES_MOST}, or auto")
    return text if text == "auto" else str(int(text))


def upper(text: object) -> object:
    """Names that Kafka writes in capitals are taken in either case."""
    return text.strip().upper() if isinstance(text, str) else text


def lower(text: object) -> object:
    """Words are taken in either case."""
    return text.strip().lower() if isinstance(text, str) else text
