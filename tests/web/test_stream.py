"""Server-sent events over a real server: what has changed is named once, nobody is kept waiting, all ends in time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest

from episode_monitor.fleet.errors import Recovering
from episode_monitor.web.server import HttpServer, serve
from episode_monitor.web.settings import WebSettings
from episode_monitor.web.stream import LOOKING, ChangeFeed, Reader, Source
from tests.web.fake_views import FakeViews, fake_app

PATH = "/monitoring/episodes/stream"
PATIENCE_SECONDS = 60.0


class Facts:
    """What the sources say: a value by resource, an error instead, and how often they were asked."""

    def __init__(self, **values: object) -> None:
        self.values: dict[str, object] = dict(values)
        self.asked = 0
        self.rest_seconds = 0.01

    def sources(self) -> Sequence[Source]:
        return [Source(name, 0.01, self.rest_seconds, self._value_of(name)) for name in sorted(self.values)]

    def _value_of(self, name: str) -> Callable[[], "asyncio.Future[object]"]:
        async def value() -> object:
            self.asked += 1
            known = self.values[name]
            if isinstance(known, Exception):
                raise known
            return known

        return value  # type: ignore[return-value]


@asynccontextmanager
async def running(feed: ChangeFeed) -> AsyncIterator[tuple[HttpServer, httpx.AsyncClient]]:
    server = await serve(fake_app(FakeViews(), WebSettings(), changes=feed), "127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            yield server, client
    finally:
        feed.close()
        await server.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - conditions of the feed, which has no event for them
            await asyncio.sleep(0.01)


async def next_event(lines: AsyncIterator[str]) -> tuple[str, str]:
    """The resource and version of the next event."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in lines:
            if line.startswith("data: "):
                said = json.loads(line.removeprefix("data: "))
                assert set(said) == {"resource", "version"}
                return said["resource"], said["version"]
    raise AssertionError("the stream has ended")


async def test_it_begins_with_where_everything_stands_and_then_names_only_what_changes() -> None:
    facts = Facts(alerts=1, integrity=(3, 1))
    async with running(ChangeFeed(facts.sources())) as (_, client), client.stream("GET", PATH) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        lines = answer.aiter_lines()
        first = dict([await next_event(lines), await next_event(lines)])
        assert set(first) == {"alerts", "integrity"}
        facts.values["integrity"] = (4, 1)
        resource, version = await next_event(lines)
        assert resource == "integrity"
        assert version != first["integrity"]
        facts.values["integrity"] = (3, 1)
        assert await next_event(lines) == ("integrity", first["integrity"])  # as it was: the same version


async def test_a_second_page_learns_where_everything_stands_from_what_is_known() -> None:
    async with running(ChangeFeed(Facts(alerts=1).sources())) as (_, client), client.stream("GET", PATH) as one:
        said = await next_event(one.aiter_lines())
        async with client.stream("GET", PATH) as two:
            assert await next_event(two.aiter_lines()) == said


async def test_while_nothing_changes_a_comment_keeps_the_connection_alive() -> None:
    feed = ChangeFeed(Facts(alerts=1).sources(), heartbeat_seconds=0.02)
    async with running(feed) as (_, client), client.stream("GET", PATH) as answer:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in answer.aiter_lines():
                if line.startswith(":"):
                    break
        assert line == ": nothing has changed"


async def test_nothing_is_looked_at_without_a_reader_and_looking_ends_with_the_last_one() -> None:
    facts = Facts(alerts=1)
    feed = ChangeFeed(facts.sources())
    async with running(feed) as (_, client):
        assert (await client.get("/livez")).status_code == 200
        assert (facts.asked, feed.is_looking) == (0, False)
        async with client.stream("GET", PATH) as answer:
            await next_event(answer.aiter_lines())
            assert (feed.readers, feed.is_looking) == (1, True)
        await until(lambda: feed.readers == 0)
        assert not feed.is_looking
        await until(lambda: all(task.get_name() != LOOKING for task in asyncio.all_tasks()))


async def test_a_page_too_many_is_refused_and_comes_in_when_another_has_left() -> None:
    feed = ChangeFeed(Facts(alerts=1).sources(), most_readers=1)
    async with running(feed) as (_, client):
        async with client.stream("GET", PATH) as answer:
            await next_event(answer.aiter_lines())
            refused = await client.get(PATH)
            assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
            assert refused.headers["retry-after"] == "60"
        await until(lambda: feed.readers == 0)
        async with client.stream("GET", PATH) as answer:
            assert answer.status_code == 200


async def test_all_connections_end_cleanly_when_the_worker_stops() -> None:
    feed = ChangeFeed(Facts(alerts=1).sources())
    async with running(feed) as (server, client), client.stream("GET", PATH) as answer:
        lines = answer.aiter_lines()
        await next_event(lines)
        feed.close()
        assert [line async for line in lines if line] == []  # the end of a whole answer: httpx would raise otherwise
        refused = await client.get(PATH)
        assert (refused.status_code, refused.json()["code"]) == (503, "stopping")
        await server.stop()
        assert server.task.exception() is None


async def test_a_resource_that_cannot_be_looked_at_has_not_changed() -> None:
    facts = Facts(alerts=Recovering(), jobs=1)
    async with running(ChangeFeed(facts.sources())) as (_, client), client.stream("GET", PATH) as answer:
        lines = answer.aiter_lines()
        assert (await next_event(lines))[0] == "jobs"
        facts.values["alerts"] = 7
        assert (await next_event(lines))[0] == "alerts"


async def test_an_unexpected_error_ends_the_connections_so_that_pages_come_again() -> None:
    facts = Facts(alerts=1)
    feed = ChangeFeed(facts.sources())
    async with running(feed) as (_, client):
        async with client.stream("GET", PATH) as answer:
            lines = answer.aiter_lines()
            await next_event(lines)
            facts.values["alerts"] = ZeroDivisionError()
            assert [line async for line in lines if line] == []
        await until(lambda: feed.readers == 0)
        facts.values["alerts"] = 2
        async with client.stream("GET", PATH) as answer:
            assert (await next_event(answer.aiter_lines()))[0] == "alerts"


async def test_head_is_answered_at_once_and_opens_nothing() -> None:
    feed = ChangeFeed(Facts(alerts=1).sources())
    async with running(feed) as (_, client):
        answer = await client.head(PATH)
        assert (answer.status_code, answer.content) == (200, b"")
        assert feed.readers == 0


async def test_a_reader_that_takes_nothing_holds_one_event_of_each_resource() -> None:
    reader = Reader({"alerts": "a"})
    for number in range(1000):
        reader.note("alerts", str(number))
        reader.note("integrity", str(number))
    assert reader.waiting == 2
    lines = reader.lines(heartbeat_seconds=60)
    assert await anext(lines) == b"retry: 3000\n\n"
    assert await anext(lines) == (
        b'data: {"resource":"alerts","version":"999"}\n\ndata: {"resource":"integrity","version":"999"}\n\n'
    )
    reader.end()
    with pytest.raises(StopAsyncIteration):
        await anext(lines)


async def test_what_changes_all_the_time_is_named_at_once_and_then_rests() -> None:
    facts = Facts(alerts=1, jobs=1)
    facts.rest_seconds = 3600.0
    sources = [one._replace(rest_seconds=0.01) if one.resource == "jobs" else one for one in facts.sources()]
    async with running(ChangeFeed(sources)) as (_, client), client.stream("GET", PATH) as answer:
        lines = answer.aiter_lines()
        assert {(await next_event(lines))[0], (await next_event(lines))[0]} == {"alerts", "jobs"}
        facts.values = {"alerts": 2, "jobs": 2}
        assert (await next_event(lines))[0] == "jobs"
        facts.values = {"alerts": 3, "jobs": 3}
        assert (await next_event(lines))[0] == "jobs"
