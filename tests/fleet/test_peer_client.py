"""Asking other workers: each once, all at the same time, and never for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from agents.fleet_topic.fleet_view import Owner
from episode_monitor.fleet.errors import Unreachable
from episode_monitor.fleet.peer_client import PeerClient
from episode_monitor.fleet.question import PartialAnswer
from episode_monitor.fleet.questions.project import ProjectQuestion
from episode_monitor.web.server import serve


class Question(ProjectQuestion, frozen=True, kw_only=True):
    """Asked at the address of a project's."""

    patience: float = 5.0

    @classmethod
    def wire_name(cls) -> str:
        return "project"

    @property
    def timeout_seconds(self) -> float:
        return self.patience


QUESTION = Question(project_id="p")
Answer = PartialAnswer[int]


class Stand:
    """A worker that answers what it is told to."""

    def __init__(self, response: Response | None, partitions: tuple[int, ...]) -> None:
        self.response = response  # None: never
        self.partitions = partitions
        self.asked: list[tuple[str, bytes]] = []
        self.was_cut_off = asyncio.Event()

    async def __call__(self, request: Request) -> Response:
        self.asked.append((request.headers["authorization"], await request.body()))
        if self.response is None:
            while not await request.is_disconnected():  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)
            self.was_cut_off.set()
            return Response()
        return self.response


def tells(found: int | None, *partitions: int) -> Stand:
    return Stand(Response(msgspec.json.encode(PartialAnswer(partitions=list(partitions), found=found))), partitions)


@asynccontextmanager
async def standing(*stands: Stand) -> AsyncIterator[tuple[PeerClient, list[Owner]]]:
    servers = []
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            for stand in stands:
                app = Starlette(routes=[Route("/internal/v1/project", stand.__call__, methods=["POST"])])
                servers.append(await serve(app, "127.0.0.1", 0))
            owners = [
                Owner(server.url, f"word-{place}", stand.partitions)
                for place, (server, stand) in enumerate(zip(servers, stands, strict=True))
            ]
            yield PeerClient(client), owners
        finally:
            await client.aclose()
            for server in servers:
                await server.stop()


async def ask(peers: PeerClient, owners: list[Owner], seconds: float = 5.0) -> list[Answer]:
    return await peers.ask_all(owners, msgspec.structs.replace(QUESTION, patience=seconds), int, is_first_enough=True)


async def test_everybody_is_asked_once_with_the_owners_own_word() -> None:
    stands = [tells(None, 0), tells(None, 1, 2)]
    async with standing(*stands) as (peers, owners):
        told = await ask(peers, owners)
    assert sorted(partition for answer in told for partition in answer.partitions) == [0, 1, 2]
    assert [stand.asked for stand in stands] == [
        [("Bearer word-0", b'{"project_id":"p","patience":5.0}')],
        [("Bearer word-1", b'{"project_id":"p","patience":5.0}')],
    ]


async def test_the_first_who_knows_is_enough_and_the_others_are_not_waited_for() -> None:
    silent = Stand(None, (1,))
    async with standing(tells(7, 0), silent) as (peers, owners):
        told = await ask(peers, owners, seconds=60.0)
        assert [answer.found for answer in told] == [7]
        if silent.asked:
            await silent.was_cut_off.wait()


async def test_one_who_knows_is_enough_though_another_failed() -> None:
    async with standing(tells(7, 0), Stand(Response(status_code=500), (1,))) as (peers, owners):
        assert [answer.found for answer in await ask(peers, owners[::-1])] == [7]


async def test_where_not_all_are_needed_those_that_answer_are_enough() -> None:
    async with standing(tells(7, 0), Stand(Response(status_code=500), (1,))) as (peers, owners):
        answers = await peers.ask_all(owners, QUESTION, int, are_all_needed=False)
    assert [answer.found for answer in answers] == [7]


async def test_one_who_never_answers_is_given_up() -> None:
    async with standing(tells(None, 0), Stand(None, (1,))) as (peers, owners):
        with pytest.raises(Unreachable, match="did not answer"):
            await ask(peers, owners, seconds=0.1)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (Response(b"{}"), "did not answer"),
        (Response(b"not json"), "did not answer"),
        (Response(b"\xff"), "did not answer"),
        (Response(status_code=503), "HTTP 503"),
        (Response(status_code=403), "WORKER_URL"),
        (Response(status_code=404), "WORKER_URL"),
        (RedirectResponse("http://127.0.0.1:9/"), "HTTP 307"),
    ],
)
async def test_an_answer_that_is_none_is_said_in_a_sentence(response: Response, words: str) -> None:
    async with standing(Stand(response, (0,))) as (peers, owners):
        with pytest.raises(Unreachable, match=words):
            await ask(peers, owners)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nowhere.invalid", "http://[", "http://host:notaport"])
async def test_an_address_where_nobody_is_gives_no_answer(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(Unreachable, match="did not answer"):
            await ask(PeerClient(client), [Owner(url, "word", (0,))])


async def test_a_worker_that_stays_silent_is_logged_once_until_it_answers_again() -> None:
    stand = tells(7, 0)
    good = stand.response
    async with standing(stand) as (peers, [owner]):
        with capture_logs() as lines:
            for response in (Response(status_code=403), Response(b"no JSON"), good, Response(status_code=503)):
                stand.response = response
                for _ in range(2):
                    with suppress(Unreachable):
                        await ask(peers, [owner])
    assert [(line["event"], line["url"], line.get("status")) for line in lines] == [
        ("another worker refused a request", owner.url, 403),
        ("another worker refused a request", owner.url, 503),
    ]


async def test_why_a_worker_is_silent_is_logged_in_words() -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with capture_logs() as lines, pytest.raises(Unreachable):
            await ask(PeerClient(client), [Owner("http://127.0.0.1:1", "word", (0,))])
    [line] = lines
    assert (line["event"], line["error"]) == ("another worker did not answer", "All connection attempts failed")


async def test_without_owners_nobody_is_asked() -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        assert await ask(PeerClient(client), []) == []


async def test_a_socket_that_is_closed_while_it_connects_is_no_answer() -> None:
    """anyio then raises what no caller of httpx expects."""

    def closed(request: httpx.Request) -> httpx.Response:
        raise AttributeError("'NoneType' object has no attribute 'getpeername'")

    async with httpx.AsyncClient(transport=httpx.MockTransport(closed)) as client:
        with pytest.raises(Unreachable, match="did not answer"):
            await ask(PeerClient(client), [Owner("http://127.0.0.1:1", "word", (0,))])
