"""Finds TCP ports for the servers that the demo starts. A taken port moves to the next free one; it is never shared."""

import contextlib
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"
_SEARCH = 200  # how many ports above a taken one are tried


class NoFreePortError(RuntimeError):
    """Every port in reach is taken. The text names the range."""


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `port` of `host` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Closed connections of an earlier server keep a port busy for a minute; servers reuse such a port, so do we.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    # macOS lets a bind to one address succeed beside a server that listens on all of them.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as caller:
        caller.settimeout(0.2)
        with contextlib.suppress(OSError):
            caller.connect((host, port))
            return False
    return True


def free_port(preferred: int | None = None, host: str = LOOPBACK, avoid: Collection[int] = ()) -> int:
    """`preferred` if it is free and not in `avoid`, else the next free one above it; any free port for None.

    Raises NoFreePortError. Another program can still take the port before it is used: a server that fails to bind
    asks again.
    """
    if preferred is None:
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.bind((host, 0))
                port: int = probe.getsockname()[1]
            if port not in avoid:
                return port
    last = min(preferred + _SEARCH, 65_535)
    for port in range(preferred, last + 1):
        if port not in avoid and is_free(port, host):
            return port
    raise NoFreePortError(f"No port between {preferred} and {last} on {host} is free; stop a program that holds one.")


class PortClaims:
    """Ports that are chosen now and used later, each by one holder of claims on this machine.

    A claim is an open UDP socket on the port's number: the operating system gives it to one process alone, and takes it
    back however that process ends.
    """

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}

    def claim(self, wished: int) -> int:
        """`wished`, or the next one above it that is free and that nobody has claimed. Raises NoFreePortError."""
        refused = set(self._sockets)
        while True:
            port = free_port(wished, avoid=refused)
            claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                claim.bind((LOOPBACK, port))
            except OSError:
                claim.close()
                refused.add(port)
            else:
                self._sockets[port] = claim
                return port

    def release(self) -> None:
        """Give all of them back."""
        for claim in self._sockets.values():
            claim.close()
        self._sockets.clear()
