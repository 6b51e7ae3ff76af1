"""What may stand between a client and PostgreSQL: a pooler that refuses what it does not know, TLS, and PgBouncer."""

import asyncio
import os
import shutil
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from episode_monitor.demo.ports import free_port

CERTIFICATE = Path(__file__).parent / "certificate" / "localhost.crt"
PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/local/bin")

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_KNOWN = {"user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings"}


class FrontDoor:
    """Takes connections, looks at their startup, and passes the rest on to the server at `port`."""

    def __init__(self, port: int, *, tls: bool = False, limit: int | None = None) -> None:
        self.parameters: list[set[str]] = []  # of each startup
        self._port = port
        self._tls: ssl.SSLContext | None = None
        self._limit = limit  # of connections at a time
        self._open = 0
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(CERTIFICATE, CERTIFICATE.with_suffix(".key"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its startup to its end."""
        self._open += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            self._open -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        startup = await _startup(reader)
        while _code(startup) in (_SSL_REQUEST, _GSS_REQUEST):
            if self._tls is None or _code(startup) == _GSS_REQUEST:
                writer.write(b"N")
            else:
                writer.write(b"S")
                await writer.start_tls(self._tls)
            startup = await _startup(reader)
        words = startup[8:].rstrip(b"\0").decode().split("\0")
        self.parameters.append({word.lower() for word in words[::2]})
        unknown = sorted(self.parameters[-1] - _KNOWN)
        if unknown:
            return await _refuse(writer, "08P01", f"unsupported startup parameter: {unknown[0]}")
        if self._limit is not None and self._open > self._limit:
            return await _refuse(writer, "08P01", "no more connections allowed (max_client_conn)")
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        back.write(startup)
        both = {asyncio.create_task(_pass(reader, back)), asyncio.create_task(_pass(there, writer))}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        back.close()
        for one in both:
            one.cancel()
        return None


def _code(startup: bytes) -> int:
    return int.from_bytes(startup[4:8], "big")


async def _startup(reader: asyncio.StreamReader) -> bytes:
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size, "big") - 4)


async def _refuse(writer: asyncio.StreamWriter, state: str, words: str) -> None:
    body = b"".join(kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", state), (b"M", words)))
    writer.write(b"E" + struct.pack(">i", len(body) + 5) + body + b"\0")
    await writer.drain()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()


@asynccontextmanager
async def front_door(url: str, *, tls: bool = False, limit: int | None = None) -> AsyncIterator[tuple[FrontDoor, str]]:
    """The door and the address through it."""
    parts = urlsplit(url)
    assert parts.port is not None
    door = FrontDoor(parts.port, tls=tls, limit=limit)
    server = await asyncio.start_server(door.serve, "127.0.0.1", 0)
    try:
        yield door, url.replace(f":{parts.port}/", f":{server.sockets[0].getsockname()[1]}/")
    finally:
        server.close()


@contextmanager
def pgbouncer(url: str, folder: Path, mode: str, **settings: object) -> Iterator[str]:
    """The address through a PgBouncer of this mode; its settings are otherwise as they come."""
    assert PGBOUNCER is not None
    parts, port = urlsplit(url), free_port()
    server = f"host=127.0.0.1 port={parts.port} user={parts.username} password={parts.password}"
    options = {
        "listen_addr": "127.0.0.1", "listen_port": port, "auth_type": "any", "pool_mode": mode, "unix_socket_dir": "",
        **({"user": "nobody"} if os.geteuid() == 0 else {}), **settings,
    }  # fmt: skip
    lines = ["[databases]", f"* = {server}", "[pgbouncer]", *(f"{name} = {value}" for name, value in options.items())]
    configuration = folder / "pgbouncer.ini"
    configuration.write_text("\n".join(lines) + "\n")
    for parent in (folder, *folder.parents[:3]):
        with suppress(OSError):
            parent.chmod(parent.stat().st_mode | 0o055)
    configuration.chmod(0o644)
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([PGBOUNCER, str(configuration)], stdout=log, stderr=log)
    try:
        _await_port(process, port)
        yield url.replace(f":{parts.port}/", f":{port}/")
    finally:
        process.terminate()
        process.wait(10)


def _await_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    for _ in range(1000):
        assert process.poll() is None, "PgBouncer has ended"
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        time.sleep(0.01)
    raise AssertionError("PgBouncer does not listen")
