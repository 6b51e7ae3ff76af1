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
