"""Connections that are shared: opened on demand, waited for, dropped when broken, given back when idle."""

import asyncio
from typing import Any

import pytest

from episode_monitor.storage import connections
from episode_monitor.storage.connections import AllBusy, Connections


class Held:
    """A connection that nobody is connected by."""

    def __init__(self) -> None:
        self.is_broken = False
        self.is_in_the_middle = False

    def is_closed(self) -> bool:
        return self.is_broken

    def is_in_transaction(self) -> bool:
        return self.is_in_the_middle

    def terminate(self) -> None:
        self.is_broken = True


class Server:
    """Grants so many connections."""

    def __init__(self, granted: int = 10) -> None:
        self.granted = granted
        self.refused: list[Exception] = []

    async def connect(self) -> Held:
        await asyncio.sleep(0)
        if not self.granted:
            raise ConnectionError("enough")
        self.granted -= 1
        return Held()


def made(server: Server, limit: int = 3) -> tuple[Connections, Held]:
    first = Held()
    return Connections(server.connect, first, limit, server.refused.append), first


async def use(pool: Connections, seconds: float, took: list[Any]) -> None:
    async with pool.borrowed(10.0) as connection:
        took.append(connection)
        await asyncio.sleep(seconds)


async def test_one_user_after_the_other_needs_one_connection() -> None:
    pool, first = made(Server())
    took: list[Any] = []
    for _ in range(3):
        await use(pool, 0, took)
    assert took == [first] * 3


async def test_no_more_are_opened_than_the_limit() -> None:
    pool, _ = made(Server(), limit=3)
    took: list[Any] = []
    await asyncio.gather(*(use(pool, 0.001, took) for _ in range(20)))
    assert (len(took), len(set(took)), pool.size) == (20, 3, 3)


async def test_where_the_server_grants_no_more_those_that_are_there_go_round() -> None:
    server = Server(granted=1)
    pool, _ = made(server, limit=5)
    took: list[Any] = []
    await asyncio.gather(*(use(pool, 0.001, took) for _ in range(20)))
    assert (len(took), len(set(took))) == (20, 2)
    assert 1 <= len(server.refused) <= 3  # of those who asked before the first answer


async def test_where_none_is_left_and_none_is_granted_the_reason_is_raised() -> None:
    pool, first = made(Server(granted=0))
    first.is_broken = True
    with pytest.raises(ConnectionError, match="enough"):
        await use(pool, 0, [])


@pytest.mark.parametrize("trouble", ["is_broken", "is_in_the_middle"])
async def test_what_comes_back_broken_is_not_handed_out_again(trouble: str) -> None:
    pool, first = made(Server())
    async with pool.borrowed(1.0):
        setattr(first, trouble, True)
    took: list[Any] = []
    await use(pool, 0, took)
    assert took != [first]
    assert first.is_broken


async def test_whoever_waits_too_long_is_told_that_all_are_busy() -> None:
    pool, _ = made(Server(granted=0), limit=2)
    async with pool.borrowed(1.0):
        with pytest.raises(AllBusy):
            async with pool.borrowed(0.01):
                pass


async def test_a_shut_pool_ends_those_that_wait() -> None:
    pool, first = made(Server(), limit=1)
    async with pool.borrowed(1.0):
        waiting = asyncio.create_task(use(pool, 0, []))
        await asyncio.sleep(0)
        pool.shut()
        with pytest.raises(Exception, match="were shut"):
            await waiting
    assert first.is_broken


async def test_all_but_one_are_given_back_when_nobody_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, _ = made(Server(), limit=3)
    await asyncio.gather(*(use(pool, 0, []) for _ in range(3)))
    assert pool.size == 3
    pool.shrink()
    assert pool.size == 3
    monkeypatch.setattr(connections, "IDLE_SECONDS", -1.0)
    pool.shrink()
    assert pool.size == 1
    await use(pool, 0, [])
