"""Who stands behind a connection from this machine: a person's program, or something that forwards for others.

A forwarder on this machine makes every caller look local. Each trace that one leaves takes the right to change things
away; one that leaves none (same user, HTTP/1.1, no header of its own) looks like a person's own program.
"""

import ipaddress
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

SOCKET_TABLES: Final = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_ROOT: Final = 0

# By families: every proxy, content network and mesh has names of its own, such as X-Forwarded-Port or CF-Ray.
_FORWARDED: Final = re.compile(
    r".*forward.* | .*proxy.* | (.*-)?via | (.*-)?(real|client|cluster|connecting|source|remote|peer)-(ip|addr|port).*"
    r" | x-(real|remote|original|envoy|auth-request|varnish|rewrite|scheme|url-scheme|host|ssl|tls|client-cert)(-.*)?"
    r" | x-(amzn|amz-cf|appengine|appgw|arr|azure|fd|akamai|fastly|vercel|nf|kong|traefik|nginx|haproxy|istio)(-.*)?"
    r" | (cf|cdn|cloudfront|fastly|akamai|ali-cdn|fly|incap|tailscale|l5d|true-client|surrogate|remote)-.*"
    r" | front-end-https",
    re.VERBOSE,
)


class Forwarded(Exception):
    """The request does not come straight from a program of this machine; the message says how that is known."""


def check_direct(scope: Scope, headers: Headers) -> None:
    """Raises Forwarded where a trace of a forwarder is found. The peer must be a loopback address already."""
    if any(_FORWARDED.fullmatch(name) for name in headers):
        raise Forwarded("it has a header that proxies add")
    if scope.get("http_version") in ("0.9", "1.0"):
        raise Forwarded("it uses HTTP/1.0, the default of some proxies")  # browsers, curl, libraries: 1.1
    client, server = scope.get("client"), scope.get("server")
    if client and server and server[1] and not _is_own_program((client[0], client[1]), (server[0], server[1])):
        raise Forwarded("the program that sent it runs as a different user than the monitor")


def _is_own_program(client: tuple[str, int], server: tuple[str, int]) -> bool:
    """Whether the other end belongs to our user or to root. True where the system's tables do not show it."""
    rows = list(_connections(client[1], server[1]))
    ends = _canonical(client[0]), _canonical(server[0])
    if not any(row[:4] == (ends[1], server[1], ends[0], client[1]) for row in rows):
        return True  # our own end is not listed, so the tables say nothing: not Linux, or no real connection
    owners = [row[4] for row in rows if row[:4] == (ends[0], client[1], ends[1], server[1])]
    return bool(owners) and all(owner in (_ROOT, os.geteuid()) for owner in owners)


def _connections(one_port: int, other_port: int) -> Iterator[tuple[str, int, str, int, int | None]]:
    """Address, port, address, port, user of connections between the ports; no user where no process has it open."""
    ports = {one_port, other_port}
    for table in SOCKET_TABLES:
        try:
            lines = table.read_text("ascii").splitlines()[1:]
        except (OSError, ValueError):
            continue
        for fields in map(str.split, lines):
            if {int(fields[at].rpartition(":")[2], 16) for at in (1, 2)} == ports:
                local, remote = _endpoint(fields[1]), _endpoint(fields[2])
                is_held = fields[9] != "0"
                yield *local, *remote, int(fields[7]) if is_held else None


def _endpoint(text: str) -> tuple[str, int]:
    """`0100007F:1F42` as address and port: the kernel writes addresses in words of the machine's byte order."""
    address, _, port = text.partition(":")
    if len(address) == 8:
        return str(ipaddress.IPv4Address(_bytes(address))), int(port, 16)
    return _canonical(str(ipaddress.IPv6Address(_bytes(address)))), int(port, 16)


def _bytes(words: str) -> bytes:
    raw = bytes.fromhex(words)
    if sys.byteorder == "big":
        return raw
    return b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))


def _canonical(address: str) -> str:
    """An address in one form; an IPv4 address that travels as IPv6 is that IPv4 address."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(getattr(known, "ipv4_mapped", None) or known)
