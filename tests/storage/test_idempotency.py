"""Idempotency keys, in PostgreSQL and in memory: one request has a key at a time, and the first answer stays."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from episode_monitor.storage.database import Database
from episode_monitor.storage.idempotency import (
    Asked,
    IdempotencyKeys,
    InFlight,
    Kept,
    MemoryKeys,
    PostgresKeys,
    Reused,
    Taken,
)
from episode_monitor.storage.storage import open_storage
from tests.storage.conftest import SOON, Opened, OwnServer, run
from tests.storage.making import NOON_MS

ASKED = Asked("operator:mina", "key 1", b"digest")
OTHER_BODY = Asked("operator:mina", "key 1", b"another")
ANSWER = Kept(201, {"content-type": "application/json"}, b'{"id": "s1"}')
DAY_MS = 24 * 3600 * 1000


@pytest.fixture(params=["postgres", "memory"])
async def keys(request: pytest.FixtureRequest) -> AsyncIterator[IdempotencyKeys]:
    url = request.getfixturevalue("database_url") if request.param == "postgres" else None
    storage = open_storage(url, replace(SOON, application_name="idempotency"))
    await storage.database.connect()
    yield storage.idempotency
    await storage.database.close()


async def token_of(keys: IdempotencyKeys, asked: Asked = ASKED) -> str:
    taken = await keys.take(asked)
    assert isinstance(taken, Taken)
    return taken.token


async def test_the_same_request_is_in_flight_until_it_is_answered_and_then_gets_the_answer(
    keys: IdempotencyKeys,
) -> None:
    token = await token_of(keys)
    assert await keys.take(ASKED) == InFlight()
    await keys.renew(ASKED, token)
    await keys.keep(ASKED, token, ANSWER)
    assert await keys.take(ASKED) == ANSWER
    await keys.release(ASKED, token)
    assert await keys.take(ASKED) == ANSWER, "what had an effect is not forgotten"


async def test_another_request_may_not_have_the_key_of_the_first(keys: IdempotencyKeys) -> None:
    token = await token_of(keys)
    assert await keys.take(OTHER_BODY) == Reused()
    await keys.keep(ASKED, token, ANSWER)
    assert await keys.take(OTHER_BODY) == Reused()


async def test_keys_of_another_caller_are_others(keys: IdempotencyKeys) -> None:
    await token_of(keys)
    await token_of(keys, Asked("operator:jun", "key 1", b"digest"))


async def test_a_request_without_effect_gives_its_key_back(keys: IdempotencyKeys) -> None:
    await keys.release(ASKED, await token_of(keys))
    await token_of(keys, OTHER_BODY)


async def test_memory_forgets_after_a_day_and_the_oldest_where_there_is_no_room() -> None:
    now = [NOON_MS]
    keys = MemoryKeys(lambda: now[0], most=2)
    await keys.keep(ASKED, await token_of(keys), ANSWER)
    now[0] += DAY_MS - 1
    assert await keys.take(OTHER_BODY) == Reused()
    now[0] += 1
    await token_of(keys, OTHER_BODY)
    for number in (2, 3):
        await token_of(keys, Asked("operator:mina", f"key {number}", b"digest"))
    await token_of(keys, ASKED)


async def test_memory_is_bounded_by_the_bytes_of_answers() -> None:
    keys = MemoryKeys(lambda: NOON_MS, most_bytes=3000)
    for number in range(3):
        asked = Asked("c", str(number), b"d")
        await keys.keep(asked, await token_of(keys, asked), Kept(200, {}, b"x" * 1000))
    assert isinstance(await keys.take(Asked("c", "0", b"d")), Taken)


def two_workers(database: Database, other: Database) -> tuple[PostgresKeys, PostgresKeys]:
    return tuple(PostgresKeys(each, "m", MemoryKeys(lambda: NOON_MS)) for each in (database, other))  # type: ignore[return-value]


async def test_of_many_workers_that_ask_at_once_one_gets_the_key_and_all_know_its_answer(
    database: Database, database_url: str, opened: Opened
) -> None:
    other = opened(database_url)
    await other.connect()
    workers = two_workers(database, other)
    found = await asyncio.gather(*(worker.take(ASKED) for worker in workers * 10))
    taken = [each for each in found if isinstance(each, Taken)]
    assert (len(taken), found.count(InFlight())) == (1, 19)
    winner = next(worker for worker, each in zip(workers * 10, found, strict=True) if each is taken[0])
    await winner.keep(ASKED, taken[0].token, ANSWER)
    assert [await worker.take(ASKED) for worker in workers] == [ANSWER, ANSWER]
    again = PostgresKeys(other, "m", MemoryKeys(lambda: NOON_MS))
    assert await again.take(ASKED) == ANSWER, "also after a restart"
    assert isinstance(await PostgresKeys(other, "another monitor", MemoryKeys(lambda: NOON_MS)).take(ASKED), Taken)


async def test_a_key_whose_worker_ended_is_free_after_its_lease_for_the_same_request_alone(
    database: Database, database_url: str
) -> None:
    keys, _ = two_workers(database, database)
    token = await token_of(keys)
    run(database_url, "update episode_monitor.idempotency_keys set leased_until = now() - interval '1 s'")
    await keys.renew(ASKED, token)
    assert await keys.take(ASKED) == InFlight(), "it was renewed"
    run(database_url, "update episode_monitor.idempotency_keys set leased_until = now() - interval '1 s'")
    assert await keys.take(OTHER_BODY) == Reused()
    assert await token_of(keys) != token
    await keys.keep(ASKED, token, ANSWER)
    assert await keys.take(ASKED) == InFlight(), "the former owner has no say any more"


async def test_after_a_day_a_key_is_new(database: Database, database_url: str) -> None:
    keys, _ = two_workers(database, database)
    await keys.keep(ASKED, await token_of(keys), ANSWER)
    run(database_url, "update episode_monitor.idempotency_keys set expires_at = now()")
    assert isinstance(await keys.take(OTHER_BODY), Taken)


async def test_while_the_database_is_away_a_worker_remembers_by_itself_and_goes_on_doing_so(
    server: OwnServer, opened: Opened, log: list[Any]
) -> None:
    database = opened(server.monitor_url)
    await database.connect()
    keys, _ = two_workers(database, database)
    before = await token_of(keys, Asked("c", "before", b"d"))
    server.pause()
    await database.until(lambda: not database.is_ok)
    meanwhile = await token_of(keys)
    await keys.keep(ASKED, meanwhile, ANSWER)
    await keys.keep(Asked("c", "before", b"d"), before, ANSWER)
    assert [await keys.take(ASKED), await keys.take(Asked("c", "before", b"d"))] == [ANSWER, ANSWER]
    server.start()
    await database.until(lambda: database.is_ok)
    assert await keys.take(ASKED) == ANSWER
    assert any("the database is away" in entry["event"] for entry in log)
