"""What an address speaks: asked beside Kafka's own clients, whose errors do not say it. The monitor asks so, too."""

import asyncio
import ssl
import struct

PROBE_SECONDS = 3.0
_ASKS_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 7, -1)  # ApiVersions, the oldest form, correlation 7, no client id


async def speaks_kafka(host: str, port: int) -> bool:
    """Whether the address answers Kafka's first question without TLS."""
    try:
        answer = await _answer(host, port, None)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    return answer[4:] == _ASKS_VERSIONS[8:12]  # the number of the question


async def speaks_tls(host: str, port: int) -> bool:
    """Whether the address speaks TLS, with whatever certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
            writer.transport.abort()
    except (OSError, TimeoutError):
        return False
    return True


async def alert_of(host: str, port: int, context: ssl.SSLContext) -> str:
    """The reason of the alert by which a broker ends a connection after the handshake, in OpenSSL's words; "" where
    there is none. With TLS 1.3 a certificate is refused only then."""
    try:
        await _answer(host, port, context)
    except ssl.SSLError as error:
        return error.reason or ""
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        pass
    return ""


async def _answer(host: str, port: int, context: ssl.SSLContext | None) -> bytes:
    """The first eight bytes of what comes back: length and number of the question."""
    async with asyncio.timeout(PROBE_SECONDS):
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        try:
            writer.write(_ASKS_VERSIONS)
            return await reader.readexactly(8)
        finally:
            writer.transport.abort()
