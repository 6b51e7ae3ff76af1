"""Reading the project service's episodes, and what is said where that cannot be done."""

import uuid
from typing import Any

import pytest

from episode_monitor.demo.ports import free_port
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceDatabaseRefused, ServiceTableMismatch
from episode_monitor.service_database.reader import EpisodesReader
from tests.service_database.making import fill, make_table, numbered, run

TABLE = EpisodesTable()


async def everything(url: str, table: EpisodesTable = TABLE, batch_rows: int = 5000) -> list[tuple[Any, ...]]:
    async with EpisodesReader.open(url, table) as reader:
        return [tuple(row) async for rows in reader.all_rows(batch_rows) for row in rows]


async def some(url: str, projects: list[str], table: EpisodesTable = TABLE) -> list[tuple[Any, ...]]:
    async with EpisodesReader.open(url, table) as reader:
        return [tuple(row) async for rows in reader.rows_of(projects) for row in rows]


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 100])
async def test_all_rows_come_by_project_and_number_whatever_the_batches(database_url: str, batch_rows: int) -> None:
    make_table(database_url)
    fill(database_url, [*numbered("b", 2, 1, None), *numbered("a", 3, 1, 2)])
    rows = await everything(database_url, batch_rows=batch_rows)
    assert [(project, number) for project, number, _ in rows] == [
        ("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", None),
    ]  # fmt: skip
    assert rows[0][2] == "a-1-1"


async def test_an_empty_table_gives_nothing(database_url: str) -> None:
    make_table(database_url)
    assert await everything(database_url) == []


async def test_only_the_projects_asked_for_are_read(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, [*numbered("a", 1), *numbered("b", 1, 2), *numbered("c", 1)])
    assert [row[:2] for row in await some(database_url, ["c", "b", "nobody"])] == [("b", 1), ("b", 2), ("c", 1)]


@pytest.mark.parametrize(
    ("kind", "known"), [("bigint", "42"), ("uuid", str(uuid.UUID(int=42))), ("varchar(50)", "proj_1")]
)
async def test_ids_of_other_types_are_read_as_texts(database_url: str, kind: str, known: str) -> None:
    make_table(database_url, f"create table episodes (id {kind}, project_id {kind}, number bigint)")
    fill(database_url, [(known, known, 1)])
    assert await everything(database_url) == [(known, 1, known)]
    assert await some(database_url, [known, "no such id"]) == [(known, 1, known)]


async def test_names_of_schema_table_and_columns_are_those_of_the_settings(database_url: str) -> None:
    run(database_url, 'create schema "My"')
    make_table(database_url, 'create table "My"."Eps" ("Key" text, "P" text, "n""o" smallint)')
    run(database_url, """insert into "My"."Eps" values ('e', 'p', 7)""")
    assert await everything(database_url, EpisodesTable("My.Eps", "Key", "P", 'n"o')) == [("p", 7, "e")]


async def test_a_missing_table_is_named_with_the_setting(database_url: str) -> None:
    with pytest.raises(ServiceTableMismatch, match=r"has no table episodes: set EPISODES_TABLE"):
        await everything(database_url)


async def test_a_missing_column_is_named_with_the_setting(database_url: str) -> None:
    make_table(database_url)
    with pytest.raises(ServiceTableMismatch, match=r'"position" does not exist.*EPISODES_NUMBER_COLUMN'):
        await everything(database_url, EpisodesTable(number_column="position"))


async def test_numbers_that_are_not_whole_are_refused(database_url: str) -> None:
    make_table(database_url, "create table episodes (id text, project_id text, number numeric)")
    with pytest.raises(ServiceTableMismatch, match=r"is of the type numeric and not integer"):
        await everything(database_url)


async def test_an_account_that_may_not_read_is_told_so(database_url: str) -> None:
    make_table(database_url)
    name = f"reader_{uuid.uuid4().hex[:8]}"
    run(database_url, f"create role {name} login password 'secret-word'")
    try:
        address = f"postgresql://{name}:secret-word@{database_url.rpartition('@')[2]}"
        with pytest.raises(ServiceDatabaseRefused, match=r"permission denied for table episodes") as told:
            await everything(address)
        assert "secret-word" not in str(told.value)
    finally:
        run(database_url, f"drop role {name}")


async def test_a_server_that_is_not_there_is_away(database_url: str) -> None:
    with pytest.raises(ServiceDatabaseAway, match=r"cannot be reached") as told:
        await everything(f"postgresql://me:secret-word@127.0.0.1:{free_port()}/none")
    assert "secret-word" not in str(told.value)


async def test_a_database_that_is_not_there_is_away(database_url: str) -> None:
    with pytest.raises(ServiceDatabaseAway, match=r"does not exist: correct DATABASE_URL"):
        await everything(database_url + "_no_such")


async def test_a_connection_that_breaks_in_the_middle_is_away(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, numbered("a", *range(1, 50)))
    async with EpisodesReader.open(database_url, TABLE) as reader:
        passing = reader.all_rows(batch_rows=5)
        await anext(passing)
        run(database_url, f"select pg_terminate_backend({reader.connection.get_server_pid()})")
        with pytest.raises(ServiceDatabaseAway):
            [rows async for rows in passing]


async def test_a_read_only_server_can_be_read(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, numbered("a", 1))
    run(database_url, f"alter database {database_url.rpartition('/')[2]} set default_transaction_read_only = on")
    assert [row[:2] for row in await everything(database_url)] == [("a", 1)]


async def test_a_pass_sees_one_moment_of_the_table(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, numbered("a", 1, 2, 3))
    seen: list[Any] = []
    async with EpisodesReader.open(database_url, TABLE) as reader:
        async for rows in reader.all_rows(batch_rows=1):
            if not seen:
                run(database_url, "delete from episodes where number = 3")
            seen.extend(row[1] for row in rows)
    assert seen == [1, 2, 3]


async def test_a_pass_that_is_left_early_leaves_the_connection_usable(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, numbered("a", 1, 2, 3))
    async with EpisodesReader.open(database_url, TABLE) as reader:
        passing = reader.all_rows(batch_rows=1)
        await anext(passing)
        await passing.aclose()
        assert [row[1] async for rows in reader.rows_of(["a"]) for row in rows] == [1, 2, 3]
