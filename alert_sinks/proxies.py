"""The proxies of the environment, in every form that other programs accept, for requests to receivers.

An unused proxy variable may be invalid. A needed one that is invalid is reported at start. Loopback addresses never go
through a proxy.
"""

import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from alert_sinks.address_guard import AddressGuard, GuardedNetwork

_USABLE_SCHEMES: Final = ("http", "https")


class UnusableProxy(ValueError):
    """A proxy variable that is needed cannot be used; one sentence that names it and shows nothing of its value."""


class ProxyRules:
    """Which proxy requests to an address use. `environment` is read once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._proxies = {name: _either_case(environment, f"{name}_proxy") for name in ("http", "https", "all")}
        self._exceptions = re.split(r"[\s,]+", _either_case(environment, "no_proxy"))

    def proxy_for(self, url: str) -> str | None:
        """The proxy as an http address, None for a direct connection. Raises UnusableProxy."""
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        if _is_loopback(host):
            return None
        for name in (parts.scheme.lower(), "all"):
            if text := self._proxies.get(name):
                port = parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower())
                if any(_covers(exception, host, port) for exception in self._exceptions):
                    return None
                return _usable(text, f"{name}_proxy".upper())
        return None


class EnvironmentTransport(httpx.AsyncBaseTransport):
    """Sends each request directly or through its proxy. Nothing is opened or checked before it is needed."""

    def __init__(self, rules: ProxyRules, guard: AddressGuard | None = None) -> None:
        self._rules = rules
        self._guard = guard or AddressGuard()
        self._ways: dict[tuple[str | None, bool], httpx.AsyncHTTPTransport] = {}  # by proxy, and whether there is TLS
        self._context: ssl.SSLContext | None = None

    def check(self, url: str) -> None:
        """Raises UnusableProxy, a ValueError, if the environment's proxy or certificates for `url` are unusable."""
        if _has_tls(url, self._rules.proxy_for(url)):
            try:
                self._certificates()
            except (OSError, ssl.SSLError) as error:
                raise UnusableProxy(
                    "SSL_CERT_FILE or SSL_CERT_DIR contains no readable certificates; correct or unset it."
                ) from error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        try:
            proxy = self._rules.proxy_for(str(request.url))
            has_tls = _has_tls(str(request.url), proxy)
            way = self._ways.get((proxy, has_tls)) or self._opened(proxy, has_tls)
        except (UnusableProxy, OSError) as error:
            raise httpx.ConnectError(str(error), request=request) from error
        return await way.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for way in self._ways.values():
            await way.aclose()

    def _opened(self, proxy: str | None, has_tls: bool) -> httpx.AsyncHTTPTransport:
        """Without TLS no certificates are needed, so unreadable ones do not matter."""
        way = self._ways[proxy, has_tls] = httpx.AsyncHTTPTransport(
            verify=self._certificates() if has_tls else False, proxy=None if proxy is None else httpx.Proxy(proxy)
        )
        if proxy is None:  # behind a proxy the host is resolved by the proxy
            way._pool._network_backend = GuardedNetwork(self._guard)  # httpx has no argument for it
        return way

    def _certificates(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = httpx.create_ssl_context()
        return self._context


def _has_tls(url: str, proxy: str | None) -> bool:
    return any(address is not None and address.lower().startswith("https:") for address in (url, proxy))


def _either_case(environment: Mapping[str, str], name: str) -> str:
    """The lower-case variable wins if both are set, as with curl and Python's own library."""
    return environment.get(name, environment.get(name.upper(), "")).strip()


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _covers(exception: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY covers a host: `*`, a name and what lies below it, an address, a network, a port."""
    if exception in ("", "*"):
        return bool(exception)
    address = _address(host)
    try:
        network = ipaddress.ip_network(exception.strip("[]"), strict=False)
        return address is not None and address.version == network.version and address in network
    except ValueError:
        pass
    try:
        parts = urlsplit(exception if "://" in exception else f"//{exception}")
        wanted, wanted_port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if wanted_port is not None and wanted_port != port:
        return False
    if address is not None:
        return _address(wanted) == address
    wanted = wanted.removeprefix("*").strip(".")
    return bool(wanted) and f".{host}".lower().endswith(f".{wanted}".lower())


def _usable(text: str, variable: str) -> str:
    """A proxy's address with its scheme. Raises UnusableProxy."""
    address = text if "://" in text else f"http://{text}"
    scheme = address.partition("://")[0].lower()
    if scheme.startswith("socks"):
        raise UnusableProxy(
            f"{variable} names a SOCKS proxy, through which alerts cannot be sent; "
            "set it to an http:// proxy, or name the receivers' hosts in NO_PROXY."
        )
    try:
        host = urlsplit(address).hostname or ""
        is_usable = bool(host) and not re.search(r"\s", host) and urlsplit(address).port != 0
        httpx.Proxy(address)
    except (ValueError, httpx.InvalidURL, UnicodeError):
        is_usable = False
    if not is_usable or scheme not in _USABLE_SCHEMES:
        raise UnusableProxy(
            f"{variable} names no proxy through which alerts can be sent; "
            "set it to http://HOST:PORT, or name the receivers' hosts in NO_PROXY."
        )
    return address


def environment_transport(guard: AddressGuard | None = None) -> EnvironmentTransport:
    """The transport of this process's environment."""
    return EnvironmentTransport(ProxyRules(os.environ), guard)


def check_way(url: str) -> None:
    """Raises ValueError with one sentence if the proxies of this process's environment cannot be used for `url`."""
    environment_transport().check(url)
