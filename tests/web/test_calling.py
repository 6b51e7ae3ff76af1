"""Commands that change something over HTTP: they ask again with the same key where the answer did not come."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from episode_monitor.cli.calling import WorkerClient
from episode_monitor.exits import Failure
from episode_monitor.settings.settings import load_settings

DONE = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{"a": 1}'
IN_FLIGHT = (
    b"HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\ncontent-length: 28\r\n\r\n"
    b'{"code":"request_in_flight"}'
)
REFUSED = (
    b"HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\ncontent-length: 27\r\n\r\n"
    b'{"code":"already_resolved"}'
)
BROKEN = b""


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[tuple[WorkerClient, Callable[[], list[tuple[str, str]]]]]:
    """A client, and the requests that came: method and key. Each connection is closed after its answer."""
    left, came = list(answers), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = re.search(r"idempotency-key: (\S+)", head, re.IGNORECASE)
        came.append((head.split()[0], key[1] if key else ""))
        writer.write(left.pop(0))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield WorkerClient(load_settings({}), url), lambda: came


@pytest.mark.parametrize("first", [BROKEN, DONE[:30], IN_FLIGHT])
async def test_a_change_without_an_answer_is_sent_again_with_the_same_key(first: bytes) -> None:
    async with answering(first, DONE, DONE) as (client, came):
        assert await client.post("/silences", {"by": "mina"}) == {"a": 1}
        await client.post("/silences", {"by": "mina"})
    [one, again, another] = came()
    assert one == again
    assert (another[0], len({one[1], another[1], ""})) == ("POST", 3)


async def test_a_refusal_is_not_asked_again() -> None:
    async with answering(REFUSED) as (client, came):
        with pytest.raises(Failure, match="already_resolved"):
            await client.post("/silences", {"by": "mina"})
    assert len(came()) == 1


async def test_what_has_no_key_is_not_asked_again() -> None:
    async with answering(BROKEN, BROKEN) as (client, came):
        for ask in (client.get, client.delete):
            with pytest.raises(Failure, match="No worker answers"):
                await ask("/silences/1")
    assert came() == [("GET", ""), ("DELETE", "")]
