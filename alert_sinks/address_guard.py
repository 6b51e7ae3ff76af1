"""Which addresses alerts may be sent to, judged after resolution: the address that was judged is the one connected to.

A host that is written as a loopback address, or as `localhost`, is what the operator chose and passes. A name that
resolves to one does not.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

import httpcore

Connection = TypeVar("Connection")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]  # host, port -> addresses; raises OSError

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_MAPPED_LENGTH: Final = 32


class PrivateAddress(OSError):
    """The host is at an address to which alerts are not sent; one sentence."""


async def resolved(host: str, port: int) -> list[str]:
    """By the system's resolver. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class AddressGuard:
    """`allows_private`: every address may be connected to."""

    def __init__(self, *, allows_private: bool = False, resolve: Resolve = resolved) -> None:
        self._allows_private = allows_private
        self._resolve = resolve

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where to connect, in this order. Raises PrivateAddress if one of them is private, else OSError."""
        if is_written_loopback(host):
            return await self._resolve(host, port)
        found = await self._resolve(host, port)
        private = next((each for each in found if not is_public(each)), None)
        if private is not None and not self._allows_private:
            place = host if host.strip("[]") == private else f"{host} is at {private}, which"
            raise PrivateAddress(
                f"{place} is a private address; set ALLOW_PRIVATE_SINKS=true to send alerts inside your own network"
            )
        return found

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket that does not block. Raises OSError."""
        return await _first(await self.addresses(host, port), lambda address: _connected(address, port))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """What an HTTP client connects through. TLS still names the host, and so does the request."""

    def __init__(self, guard: AddressGuard, inner: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._guard = guard
        self._inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,  # noqa: ASYNC109
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        """Connects to a checked address."""
        try:
            addresses = await self._guard.addresses(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

        async def connected(address: str) -> httpcore.AsyncNetworkStream:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                raise OSError(str(error)) from error

        try:
            return await _first(addresses, connected)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

    async def sleep(self, seconds: float) -> None:
        """As the client asks."""
        await self._inner.sleep(seconds)


async def _first(addresses: list[str], connect: Callable[[str], Awaitable[Connection]]) -> Connection:
    trouble: OSError = OSError("the host has no address")
    for address in addresses:
        try:
            return await connect(address)
        except OSError as error:
            trouble = error
    raise trouble


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(opened, (address, port))
    except BaseException:
        opened.close()
        raise
    return opened


def is_written_loopback(host: str) -> bool:
    """Whether the host is loopback without any resolution."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_public(text: str) -> bool:
    """Whether an address is reached by the whole internet, and so is the IPv4 address that it may contain."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(each.is_global and not each.is_multicast for each in (address, *_inside(address)))


def _inside(address: Address) -> list[Address]:
    """The IPv4 addresses to which translators and tunnels would pass it on."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & (2**_MAPPED_LENGTH - 1)))
    return [each for each in found if each is not None]
