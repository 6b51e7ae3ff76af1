"""Sockets that take connections, for the process that serves them or for its supervisor, and why one cannot be had."""

import errno
import socket
from typing import Final

BACKLOG: Final = 2048  # connections that may wait while the loop is busy with a batch


class CannotListen(Exception):
    """The address cannot be listened on; the message is one sentence for people."""


def listen(host: str, port: int, *, is_reserved: bool = False) -> socket.socket:
    """A socket that takes connections already; port 0 means any free one. `is_reserved`: by `reserve` of another
    process. Raises CannotListen."""
    return _socket(host, port, "MONITORING_PORT", is_reserved=is_reserved, listens=True)


def reserve(host: str, port: int, setting: str) -> socket.socket:
    """A socket that keeps a port for a process of the same user and takes no connections: while that process does not
    listen, they are refused at once. `setting` is where the port is from. Raises CannotListen."""
    return _socket(host, port, setting, is_reserved=True, listens=False)


def _socket(host: str, port: int, setting: str, *, is_reserved: bool, listens: bool) -> socket.socket:
    if not 0 <= port <= 65_535:  # the resolver would take the port modulo 65536 without a word
        raise CannotListen(f"{port} is not a port: set {setting} to a number from 0 to 65535.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        at = (str(address[0]), int(address[1]))
        if listens:
            made = socket.create_server(at, family=family, backlog=BACKLOG, reuse_port=is_reserved)
        else:
            made = _bound(at, family)
        # asyncio sends small answers at once only on sockets that say TCP; without it each waits 40 ms for an ACK.
        return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=made.detach())
    except (OSError, UnicodeError) as error:
        raise CannotListen(_sentence(host, port, setting, error)) from error


def _bound(address: tuple[str, int], family: socket.AddressFamily) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as create_server does
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _sentence(host: str, port: int, setting: str, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, socket.gaierror | UnicodeError) or number == errno.EADDRNOTAVAIL:
        return f"{host}:{port} is not an address of this machine: set MONITORING_HOST to one of its addresses."
    if number == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program: stop that one or set {setting} to another."
    if number == errno.EACCES:
        return f"Port {port} on {host} is reserved for the system: set {setting} to one above 1023."
    return f"Cannot listen on {host}:{port} ({error}): check MONITORING_HOST and {setting}."
