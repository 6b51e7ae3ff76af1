"""The address of a database: checked once, said to people without its password, and written for two drivers.

asyncpg takes an unknown parameter for a server setting and libpq refuses it, so each gets only what it understands.
"""

import os
import re
import ssl
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

_BOTH = """
    host port dbname user password passfile service sslmode sslcert sslkey sslrootcert sslcrl sslpassword
    sslnegotiation ssl_min_protocol_version ssl_max_protocol_version target_session_attrs krbsrvname
    application_name options
"""
_LIBPQ_ONLY = """
    hostaddr connect_timeout keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout
    channel_binding gssencmode gssdelegation fallback_application_name client_encoding require_auth
    load_balance_hosts sslsni sslcompression sslcertmode
"""
_FOR_ASYNCPG = frozenset(_BOTH.split())
_FOR_LIBPQ = _FOR_ASYNCPG | frozenset(_LIBPQ_ONLY.split())
_TLS_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_SYSTEM = "system"  # as sslrootcert: the authorities that this machine trusts
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_SECRET_PARAMETERS = frozenset({"password", "sslpassword", "passfile"})


class BadDatabaseUrl(ValueError):
    """The address cannot be one of PostgreSQL. The message names the setting and never holds the password."""


@dataclass(frozen=True)
class Address:
    """A checked address. `place` names it to people; `str()` and `repr()` hide the rest."""

    place: str  # "host:port/database"
    user: str
    for_asyncpg: str = field(repr=False)
    for_libpq: str = field(repr=False)
    _secrets: tuple[str, ...] = field(repr=False)
    setting: str = field(default="MONITOR_DATABASE_URL", repr=False)
    _tls: dict[str, str] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def parse(cls, url: str, setting: str = "MONITOR_DATABASE_URL") -> Self:
        """Checks `url`. Raises `BadDatabaseUrl` with one sentence that names `setting`."""
        parts, parameters = _split(url, setting)
        userinfo, _, hosts = parts.netloc.rpartition("@")
        user, _, password = (unquote(word) for word in userinfo.partition(":"))
        database = unquote(parts.path.removeprefix("/")) or parameters.get("dbname", "")
        hosts = _with_ports(hosts or parameters.get("host", ""), parameters.get("port", "5432"))
        tls = {name: parameters[name] for name in (*_TLS_FILES, "sslpassword") if name in parameters}
        asyncpg_parameters = {name: value for name, value in parameters.items() if name in _FOR_ASYNCPG}
        if tls.get("sslrootcert") == _SYSTEM:
            if parameters.setdefault("sslmode", "verify-full") != "verify-full":
                raise BadDatabaseUrl(f"{setting} has sslrootcert=system: write sslmode=verify-full beside it.")
            parameters["sslrootcert"] = _bundle() or _SYSTEM
            asyncpg_parameters = {
                name: asyncpg_parameters[name] for name in asyncpg_parameters.keys() - tls - {"sslmode"}
            }
        secrets = [password, unquote(password), userinfo.partition(":")[2]]
        secrets += [parameters[name] for name in _SECRET_PARAMETERS & parameters.keys()]
        secrets += [url, url.strip()]
        return cls(
            place=f"{hosts or 'the local socket'}/{database or user}",
            user=user or parameters.get("user", ""),
            for_asyncpg=_joined(parts, asyncpg_parameters),
            for_libpq=_joined(parts, parameters),
            _secrets=tuple(sorted({word for word in secrets if word}, key=len, reverse=True)),
            setting=setting,
            _tls=tls,
        )

    def __str__(self) -> str:
        return self.place

    def tls_for_asyncpg(self) -> ssl.SSLContext | None:
        """What its address cannot say: to trust the authorities of this machine. None: the address says all."""
        if self._tls.get("sslrootcert") != _SYSTEM:
            return None
        context = ssl.create_default_context()
        if "sslcert" in self._tls:
            context.load_cert_chain(self._tls["sslcert"], self._tls.get("sslkey"), self._tls.get("sslpassword"))
        return context

    def unreadable_file(self) -> str | None:
        """`parameter=path` of the first file named in the address that cannot be read."""
        named = [(name, self._tls[name]) for name in _TLS_FILES if self._tls.get(name, _SYSTEM) != _SYSTEM]
        return next((f"{name}={path}" for name, path in named if not os.access(path, os.R_OK)), None)

    def scrub(self, text: str) -> str:
        """`text` without the address and its secrets, on one line, at most 300 characters."""
        for secret in (self.for_asyncpg, self.for_libpq, *self._secrets):
            text = text.replace(secret, "***")
        return " ".join(text.split())[:300]


def _split(url: str, setting: str) -> tuple[SplitResult, dict[str, str]]:
    expected = (
        "write postgresql://USER:PASSWORD@HOST:5432/DATABASE, with characters such as @ : / ? # % percent-encoded"
    )
    try:
        parts = urlsplit(url.strip())
        parameters = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise BadDatabaseUrl(f"{setting} is not an address: {expected}.") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise BadDatabaseUrl(f"{setting} does not begin with postgresql://: {expected}.")
    hosts = parts.netloc.rpartition("@")[2]
    # A password with a bare / ? or # splits the address in the wrong place; saying what came of it would tell it.
    if parts.fragment or "@" in parts.path + parts.query or parts.netloc.count("@") > 1 or not _plausible_hosts(hosts):
        raise BadDatabaseUrl(f"{setting} is not an address: {expected}.")
    for name in parameters:
        if name not in _FOR_LIBPQ:
            named = f" {name}" if re.fullmatch(r"\w{1,40}", name) else ""
            raise BadDatabaseUrl(f"{setting} has an unknown parameter{named}: remove it from the address.")
    return parts, parameters


def _bundle() -> str | None:
    """For libpq, which may be built for another place: the file of the authorities that this machine trusts."""
    found = [ssl.get_default_verify_paths().cafile or "", *_BUNDLES]
    return next((path for path in found if os.access(path, os.R_OK)), None)


def _plausible_hosts(hosts: str) -> bool:
    return all(re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(:\d{1,5})?", host) for host in hosts.split(","))


def _with_ports(hosts: str, port: str) -> str:
    """Adds the port where the address has none; a folder with a socket has none."""
    if not hosts:
        return ""
    named = [unquote(host) for host in hosts.split(",")]
    return ",".join(host if host.startswith("/") or re.search(r":\d+$", host) else f"{host}:{port}" for host in named)


def _joined(parts: SplitResult, parameters: dict[str, str]) -> str:
    return urlunsplit(("postgresql", parts.netloc, parts.path or "/", urlencode(parameters), ""))
