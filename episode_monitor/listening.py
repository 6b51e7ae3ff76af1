"""Sockets that take connections, for the process that serves them or for its supervisor, and why one cannot be had."""

import errno
import socket
from typing import Final

BACKLOG: Final = 2048  # connections that may wait while the loop is busy with a batch


class CannotListen(Exception):
    """The address cannot be listened on; the message is one sentence for people."""


def listen(host: str, port: int, setting: str = "MONITORING_PORT") -> socket.socket:
    """A socket that takes connections already; port 0 means any free one. `setting` is where the port is from. Raises
    CannotListen."""
    if not 0 <= port <= 65_535:  # the resolver would take the port modulo 65536 without a word
        raise CannotListen(f"{port} is not a port: set {setting} to a number from 0 to 65535.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.create_server(address[:2], family=family, backlog=BACKLOG)
        # asyncio sends small answers at once only on sockets that say TCP; without it each waits 40 ms for an ACK.
        return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=made.detach())
    except (OSError, UnicodeError) as error:
        raise CannotListen(_sentence(host, port, setting, error)) from error


def _sentence(host: str, port: int, setting: str, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, socket.gaierror | UnicodeError) or number == errno.EADDRNOTAVAIL:
        return f"{host}:{port} is not an address of this machine: set MONITORING_HOST to one of its addresses."
    if number == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program: stop that one or set {setting} to another."
    if number == errno.EACCES:
        return f"Port {port} on {host} is reserved for the system: set {setting} to one above 1023."
    return f"Cannot listen on {host}:{port} ({error}): check MONITORING_HOST and {setting}."
