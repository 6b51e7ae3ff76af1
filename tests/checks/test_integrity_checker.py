"""One project read from a real table and judged, by both faces and over every kind of connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import psycopg
import pytest

from episode_monitor.checks.integrity_checker import EpisodeIntegrityChecker, ProjectIntegrity, UnknownProject
from episode_monitor.demo.ports import free_port
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceTableMismatch
from streams.base.numbering_rules import NumberingRules
from tests.service_database.making import fill, make_table, numbered, run

HANDBOOK = [*(number for number in range(1, 29) if number not in (3, 7, 12)), 5]

Check = Callable[[str, str], Awaitable[ProjectIntegrity]]


async def by_address(url: str, project: str) -> ProjectIntegrity:
    return await asyncio.to_thread(EpisodeIntegrityChecker(url).check_project_integrity, project)


async def by_address_async(url: str, project: str) -> ProjectIntegrity:
    return await EpisodeIntegrityChecker(url).acheck_project_integrity(project)


async def by_psycopg(url: str, project: str) -> ProjectIntegrity:
    with psycopg.connect(url) as connection:
        return EpisodeIntegrityChecker(connection).check_project_integrity(project)


async def by_asyncpg(url: str, project: str) -> ProjectIntegrity:
    connection = await asyncpg.connect(url)
    try:
        return await EpisodeIntegrityChecker(connection).acheck_project_integrity(project)
    finally:
        await connection.close()


async def in_a_transaction(url: str, project: str) -> ProjectIntegrity:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            return await EpisodeIntegrityChecker(connection).acheck_project_integrity(project)
    finally:
        await connection.close()


async def by_pool(url: str, project: str) -> ProjectIntegrity:
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        return await EpisodeIntegrityChecker(pool).acheck_project_integrity(project)


@pytest.fixture(params=[by_address, by_address_async, by_psycopg, by_asyncpg, in_a_transaction, by_pool])
def check(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_the_project_of_the_handbook(database_url: str, check: Check) -> None:
    make_table(database_url)
    fill(database_url, [*numbered("project_123", *HANDBOOK), *numbered("other", 1, 2)])
    result = await check(database_url, "project_123")
    assert (result.is_healthy, result.gaps, result.duplicates) == (False, [3, 7, 12], [5])
    assert (result.total_episodes, result.max_number, result.health_score) == (26, 28, 85.7)
    assert result.duplicate_owners == {5: ["project_123-5-25", "project_123-5-3"]}
    assert result.gap_ranges == [(3, 3), (7, 7), (12, 12)]


async def test_a_healthy_project(database_url: str, check: Check) -> None:
    make_table(database_url)
    fill(database_url, numbered("p", 3, 1, 2))
    result = await check(database_url, "p")
    assert (result.is_healthy, result.gaps, result.duplicates, result.total_episodes) == (True, [], [], 3)


async def test_an_unknown_project_is_no_healthy_one(database_url: str, check: Check) -> None:
    make_table(database_url)
    with pytest.raises(UnknownProject, match=r"no episode of the project 'proj_9'"):
        await check(database_url, "proj_9")


async def test_an_id_that_the_column_cannot_hold_is_unknown(database_url: str, check: Check) -> None:
    make_table(database_url, "create table episodes (id uuid, project_id uuid, number integer)")
    with pytest.raises(UnknownProject):
        await check(database_url, "proj_9")


async def test_rows_that_cannot_be_episodes_are_told_and_do_not_count_as_numbers(
    database_url: str, check: Check
) -> None:
    make_table(database_url, "create table episodes (id text, project_id text, number bigint)")
    fill(database_url, [*numbered("p", 1, 2, 0, -4, 3_000_000_000, None), (None, "p", 3)])
    result = await check(database_url, "p")
    assert (result.is_healthy, result.gaps, result.max_number) == (False, [], 2)
    assert (result.total_episodes, result.invalid_total) == (7, 5)
    assert sorted(result.invalid, key=str) == sorted(
        [("p--4-3", -4), ("p-0-2", 0), (None, 3), ("p-3000000000-4", 3_000_000_000), ("p-None-5", None)], key=str
    )


async def test_a_large_project_comes_in_several_batches(database_url: str, check: Check) -> None:
    make_table(database_url)
    fill(database_url, numbered("p", *(number for number in range(1, 12_001) if number != 6_000)))
    result = await check(database_url, "p")
    assert (result.gaps, result.total_episodes, result.max_number) == ([6_000], 11_999, 12_000)


async def test_a_missing_table_says_which_setting(database_url: str, check: Check) -> None:
    with pytest.raises(ServiceTableMismatch, match=r"EPISODES_TABLE"):
        await check(database_url, "p")


async def test_a_number_far_above_the_others_is_implausible_and_no_gap(database_url: str, check: Check) -> None:
    make_table(database_url)
    fill(database_url, numbered("p", 1, 2, 1_000_000))
    result = await check(database_url, "p")
    assert (result.is_healthy, result.implausible, result.max_number) == (True, [1_000_000], 2)


async def test_a_server_that_is_away_is_told_without_the_password() -> None:
    url = f"postgresql://me:secret-word@127.0.0.1:{free_port()}/none"
    for check in (by_address, by_address_async):
        with pytest.raises(ServiceDatabaseAway) as told:
            await check(url, "p")
        assert "secret-word" not in str(told.value)


async def test_a_connection_of_the_other_face_is_refused_in_a_sentence(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        with pytest.raises(TypeError, match=r"await acheck_project_integrity"):
            EpisodeIntegrityChecker(connection).check_project_integrity("p")
    finally:
        await connection.close()
    with psycopg.connect(database_url) as sync, pytest.raises(TypeError, match=r"call check_project_integrity"):
        await EpisodeIntegrityChecker(sync).acheck_project_integrity("p")
    with pytest.raises(TypeError, match=r"not a DB-API connection"):
        EpisodeIntegrityChecker(object()).check_project_integrity("p")


def test_names_and_rules_may_be_others(database_url: str) -> None:
    make_table(database_url, 'create table "100%" (key text, p text, n integer)')
    run(database_url, """insert into "100%" values ('a', 'p', 5), ('b', 'p', 7)""")
    checker = EpisodeIntegrityChecker(
        database_url, EpisodesTable("100%", "key", "p", "n"), NumberingRules(first_number=None)
    )
    assert checker.check_project_integrity("p").gaps == [6]
