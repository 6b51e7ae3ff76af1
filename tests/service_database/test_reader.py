"""Reading the project service's episodes, and what is said where that cannot be done."""

import asyncio
import uuid
from array import array
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import psycopg
import pytest

from episode_monitor.backfill.pages import EpisodePages
from episode_monitor.checks.integrity_checker import EpisodeIntegrityChecker
from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.demo.ports import free_port
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import (
    ServiceDatabaseAway,
    ServiceDatabaseError,
    ServiceDatabaseRefused,
    ServiceTableMismatch,
)
from episode_monitor.service_database.packed import PackedProject
from episode_monitor.service_database.reader import EpisodesReader, possible
from episode_monitor.storage.address import Address
from streams.numbering.digests import apart
from tests.service_database.making import fill, make_table, numbered, run

TABLE = EpisodesTable()


Row = tuple[str | None, int, str]


def rows_in(found: PackedProject, *, are_uuids: bool) -> list[Row]:
    numbers = array("q", found.numbers)
    numbers.byteswap()
    ids = apart(found.owners, are_uuids=are_uuids)
    names = [str(uuid.UUID(bytes=one)) if are_uuids else one.decode() for one in ids]
    return [(found.project, number, name) for number, name in zip(numbers, names, strict=False)]


async def everything(url: str, table: EpisodesTable = TABLE) -> list[Row]:
    async with EpisodesReader.open(url, table) as reader:
        packed = [one async for batch in reader.all_projects(1000) for one in batch]
        return [row for one in packed for row in rows_in(one, are_uuids=reader.has_uuids)]


async def sizes(url: str, max_rows: int) -> list[tuple[str | None, int, bool]]:
    """Project, rows, and whether its contents came."""
    async with EpisodesReader.open(url, TABLE) as reader:
        packed = [one async for batch in reader.all_projects(max_rows) for one in batch]
        return [(one.project, one.rows, bool(one.numbers)) for one in packed]


async def some(url: str, projects: list[str], table: EpisodesTable = TABLE) -> list[tuple[Any, ...]]:
    async with EpisodesReader.open(url, table) as reader:
        return [tuple(row) async for rows in reader.rows_of(projects) for row in rows]


async def test_each_project_comes_once_with_its_numbers_ascending(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, [*numbered("b", 2, 1, None), *numbered("a", 3, 1, 2)])
    assert sorted(await everything(database_url)) == [
        ("a", 1, "a-1-1"), ("a", 2, "a-2-2"), ("a", 3, "a-3-0"), ("b", 1, "b-1-1"), ("b", 2, "b-2-0"),
    ]  # fmt: skip
    assert sorted(await sizes(database_url, 1000)) == [("a", 3, True), ("b", 3, True)]


async def test_rows_without_a_number_come_last_and_those_without_an_id_not_at_all(database_url: str) -> None:
    make_table(database_url, "create table episodes (id text, project_id text, number bigint)")
    rows = [("none", "p", None), (None, "p", 1), ("two", "p", 2), (None, "p", None), ("low", "p", -(2**40))]
    fill(database_url, rows)
    async with EpisodesReader.open(database_url, TABLE) as reader:
        (found,) = [one async for batch in reader.all_projects(1000) for one in batch]
    assert (found.rows, found.owners) == (5, b"low\0two\0none")
    assert rows_in(found, are_uuids=False) == [("p", -(2**40), "low"), ("p", 2, "two")]


async def test_projects_that_are_too_large_come_first_and_without_their_contents(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, [*numbered("b", 1, 2, 3), *numbered("a", 1, 2), *numbered("c", 1, 2, 3, 4)])
    found = await sizes(database_url, 2)
    assert sorted(found[:2]) == [("b", 3, False), ("c", 4, False)]
    assert found[2:] == [("a", 2, True)]
    fill(database_url, [(f"nobody's-{number}", None, number) for number in range(1, 4)])
    assert sorted(await sizes(database_url, 2), key=str) == [
        ("a", 2, True), ("b", 3, False), ("c", 4, False), (None, 3, False),
    ]  # fmt: skip
    run(database_url, "delete from episodes where number > 2 and project_id is not null")
    assert sorted((await sizes(database_url, 2))[1:]) == [("a", 2, True), ("b", 2, True), ("c", 2, True)]


async def test_a_large_project_is_left_out_whatever_signs_its_id_has(database_url: str) -> None:
    make_table(database_url)
    odd = ["it's", 'a"b', "a\\b", "{a,b}", "100%s", "NULL", "한국"]
    fill(database_url, [row for name in odd for row in numbered(name, 1, 2)] + numbered("small", 1))
    found = await sizes(database_url, 1)
    assert sorted(found[:-1]) == sorted((name, 2, False) for name in odd)
    assert found[-1] == ("small", 1, True)


async def test_a_pass_needs_one_connection_and_rows_can_be_read_after_it(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, numbered("a", 1))
    async with EpisodesReader.open(database_url, TABLE) as reader:
        async for _ in reader.all_projects(1000):
            assert backends(database_url) == 1
        assert [tuple(row) async for rows in reader.rows_of(["a"]) for row in rows] == [("a", 1, "a-1-0")]


async def test_an_empty_table_gives_nothing(database_url: str) -> None:
    make_table(database_url)
    assert await everything(database_url) == []


async def test_only_the_projects_asked_for_are_read(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, [*numbered("a", 1), *numbered("b", 1, 2), *numbered("c", 1)])
    assert [row[:2] for row in await some(database_url, ["c", "b", "nobody"])] == [("b", 1), ("b", 2), ("c", 1)]


def many(url: str) -> None:
    """More projects than the network holds at once, so that a pass over them stays under way."""
    run(
        url,
        "insert into episodes select 'an id that is not short ' || number || ' ' || project, 'p' || project, number "
        "from generate_series(1, 3000) as project, generate_series(1, 100) as number",
    )


async def some_project(passing: AsyncGenerator[list[PackedProject], None]) -> PackedProject:
    return await anext(one async for projects in passing for one in projects)


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
    with pytest.raises(ServiceTableMismatch, match="no column position: set EPISODES_NUMBER_COLUMN"):
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
    with pytest.raises(ServiceDatabaseAway, match=r"has no such database: create it, or correct DATABASE_URL"):
        await everything(database_url + "_no_such")


async def test_a_connection_that_breaks_in_the_middle_is_away(database_url: str) -> None:
    make_table(database_url)
    many(database_url)
    async with EpisodesReader.open(database_url, TABLE) as reader:
        passing = reader.all_projects(1000)
        assert await some_project(passing)
        run(
            database_url,
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
            "and application_name = 'episode-monitor check'",
        )
        with pytest.raises(ServiceDatabaseAway):
            [projects async for projects in passing]


async def test_a_server_that_says_nothing_is_away(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_table(database_url)
    fill(database_url, numbered("a", 1))
    async with EpisodesReader.open(database_url, TABLE) as reader:
        monkeypatch.setattr("episode_monitor.service_database.packed.ANSWER_SECONDS", 0.2)
        with psycopg.connect(database_url) as other:
            other.execute("lock table episodes in access exclusive mode")
            with pytest.raises(ServiceDatabaseAway, match=r"does not answer in time"):
                [projects async for projects in reader.all_projects(1000)]


async def test_a_read_only_server_can_be_read(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, numbered("a", 1))
    run(database_url, f"alter database {database_url.rpartition('/')[2]} set default_transaction_read_only = on")
    assert [row[:2] for row in await everything(database_url)] == [("a", 1)]


@pytest.mark.parametrize(("order", "expected"), [("project", False), ("project desc", False), ("number", True)])
async def test_a_table_is_scattered_where_a_projects_rows_do_not_lie_together(
    database_url: str, order: str, expected: bool
) -> None:
    make_table(database_url)
    async with EpisodesReader.open(database_url, TABLE) as reader:
        assert await reader.is_scattered() is False  # nothing is known of it
    run(
        database_url,
        "insert into episodes select 'e' || number || ' ' || project, 'p' || (1000 + project), number from "
        f"generate_series(1, 50) as project, generate_series(1, 50) as number order by {order}",
    )
    run(database_url, "analyze episodes")
    async with EpisodesReader.open(database_url, TABLE) as reader:
        assert await reader.is_scattered() is expected
    assert [row[:2] for row in await everything(database_url)][:50] == [("p1001", number) for number in range(1, 51)]
    run(database_url, "create view shown as select * from episodes")
    async with EpisodesReader.open(database_url, EpisodesTable("shown")) as reader:
        assert await reader.is_scattered() is False


async def test_a_pass_sees_one_moment_of_the_table(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, numbered("a", 1, 2, 3))
    seen: list[Row] = []
    async with EpisodesReader.open(database_url, TABLE) as reader:
        passing = reader.all_projects(1000)
        assert await anext(passing) == []  # none is too large
        run(database_url, "delete from episodes where number = 3")
        async for projects in passing:
            seen += [row for one in projects for row in rows_in(one, are_uuids=False)]
    assert [number for _, number, _ in seen] == [1, 2, 3]


async def all_gone(url: str) -> None:
    async with asyncio.timeout(30):
        while backends(url):  # noqa: ASYNC110 - a server's connections have no event
            await asyncio.sleep(0.05)


def backends(url: str) -> int:
    """Connections of checks to this database."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and application_name = 'episode-monitor check'"
        ).fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize("after", [1, 2, 20])
async def test_a_pass_that_is_left_early_leaves_nothing_at_the_server(database_url: str, after: int) -> None:
    make_table(database_url)
    many(database_url)
    async with EpisodesReader.open(database_url, TABLE) as reader:
        passing = reader.all_projects(1000)
        for _ in range(after):
            await anext(passing)
        assert backends(database_url) == 1
        await passing.aclose()
        await all_gone(database_url)


async def test_a_pass_that_is_cancelled_leaves_nothing_either(database_url: str) -> None:
    make_table(database_url)
    many(database_url)
    async with EpisodesReader.open(database_url, TABLE) as reader:
        first = asyncio.Event()

        async def read() -> None:
            async with aclosing(reader.all_projects(1000)) as passing:
                async for projects in passing:
                    if projects:
                        first.set()
                        await asyncio.Event().wait()

        reading = asyncio.create_task(read())
        await first.wait()
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        await all_gone(database_url)


async def test_projects_that_differ_in_case_only_are_two_projects_for_every_way_of_reading(database_url: str) -> None:
    make_table(database_url, "create extension citext; create table episodes (id text, project_id citext, number int)")
    fill(database_url, [("a", "Proj", 1), ("b", "proj", 1), ("c", "Proj", 2), ("d", "proj", 3)])
    wanted = [("Proj", 1, "a"), ("Proj", 2, "c"), ("proj", 1, "b"), ("proj", 3, "d")]
    assert sorted(await everything(database_url)) == wanted
    assert await some(database_url, ["Proj"]) == wanted[:2]
    assert sorted(await some(database_url, ["proj", "Proj", "PROJ"])) == wanted
    assert sorted(await sizes(database_url, 1))[0] == ("Proj", 2, False)
    assert EpisodeIntegrityChecker(database_url).check_project_integrity("proj").total_episodes == 2
    assert (await EpisodeIntegrityChecker(database_url).acheck_project_integrity("proj")).gaps == [2]


@pytest.mark.parametrize(
    ("gone", "deleted", "live"), [("timestamptz", "now()", "null"), ("boolean not null", "true", "false")]
)
async def test_rows_that_are_marked_as_deleted_count_for_no_way_of_reading(
    database_url: str, gone: str, deleted: str, live: str
) -> None:
    make_table(database_url, f"create table episodes (id text, project_id text, number int, gone {gone})")
    run(
        database_url,
        f"insert into episodes values ('a', 'p', 1, {live}), ('b', 'p', 3, {deleted}), ('c', 'p', 3, {live}), "
        f"('d', 'q', 1, {deleted}), ('e', 'p', 4, {deleted})",
    )
    table = EpisodesTable(deleted_column="gone")
    wanted = [("p", 1, "a"), ("p", 3, "c")]
    assert await everything(database_url, table) == wanted
    assert await some(database_url, ["p", "q"], table) == wanted
    async with EpisodesReader.open(database_url, table) as reader:
        pages = EpisodePages(reader, Address.parse(database_url))
        assert (await pages.extent(1)).rows == 2
        assert [tuple(row) for row in (await pages.after(None, 10)).rows] == wanted
        assert [tuple(row) for row in (await pages.after(("p", 1, "a"), 10)).rows] == wanted[1:]
    checker = EpisodeIntegrityChecker(database_url, table)
    for found in (checker.check_project_integrity("p"), await checker.acheck_project_integrity("p")):
        assert (found.gaps, found.duplicates, found.max_number) == ([2], [], 3)
    with pytest.raises(ServiceTableMismatch, match="no column went: set EPISODES_DELETED_COLUMN"):
        await everything(database_url, EpisodesTable(deleted_column="went"))


async def test_a_page_that_ends_between_ids_that_differ_in_case_only_leaves_none_out(database_url: str) -> None:
    make_table(database_url, "create extension citext; create table episodes (id citext, project_id text, number int)")
    fill(database_url, [("a", "p", 1), ("A", "p", 1), ("b", "p", 1), ("B", "p", 2)])
    async with EpisodesReader.open(database_url, TABLE) as reader:
        pages, seen, position = EpisodePages(reader, Address.parse(database_url)), [], None
        while rows := (await pages.after(position, 1)).rows:
            seen.append(position := tuple(rows[0]))
    assert seen == [("p", 1, "A"), ("p", 1, "a"), ("p", 1, "b"), ("p", 2, "B")]


async def test_a_project_whose_name_the_servers_encoding_cannot_hold_is_not_there(postgres: EmbeddedPostgres) -> None:
    run(postgres.url("postgres"), "create database latin encoding 'LATIN1' template template0")
    url = postgres.url("latin")
    try:
        make_table(url)
        fill(url, [("a", "café", 1)])
        assert await some(url, ["드라마", "café"]) == [("café", 1, "a")]
    finally:
        postgres.drop_database("latin")


async def test_domains_and_materialized_views_are_read_as_what_lies_beneath(database_url: str) -> None:
    make_table(
        database_url,
        "create domain place as int check (value > 0); create domain name as uuid; create domain series as name; "
        "create table plain (id name, project_id series, number place); "
        "create materialized view episodes as select * from plain",
    )
    one = "00000000-0000-0000-0000-000000000001"
    run(database_url, f"insert into plain values ('{one}', '{one}', 3)")
    run(database_url, "refresh materialized view episodes")
    assert await everything(database_url) == [(one, 3, one)]
    assert await some(database_url, [one, "no uuid"]) == [(one, 3, one)]


async def test_a_byte_that_is_no_text_is_told_and_is_no_missing_project(postgres: EmbeddedPostgres) -> None:
    run(postgres.url("postgres"), "create database bytes encoding 'SQL_ASCII' template template0")
    url = postgres.url("bytes")
    try:
        make_table(url)
        run(url, r"insert into episodes values (E'caf\351', 'p', 1), ('b', 'q', 1)")
        for reading in (everything(url), some(url, ["p"])):
            with pytest.raises(ServiceDatabaseError, match=r"contains text that is not UTF-8 .*0xe9"):
                await reading
        assert await some(url, ["q"]) == [("q", 1, "b")]
    finally:
        postgres.drop_database("bytes")


@pytest.mark.parametrize(("kind", "highest"), [("integer", 2**31 - 1), ("bigint", 2**63 - 1)])
async def test_ids_are_whole_numbers_up_to_the_highest_of_their_type(
    database_url: str, kind: str, highest: int
) -> None:
    make_table(database_url, f"create table episodes (id {kind}, project_id {kind}, number integer)")
    run(database_url, f"insert into episodes values ({highest}, {highest}, 1), ({-highest}, {-highest}, 2)")
    asked = [str(highest), str(-highest), str(highest + 1), str(-highest - 2), "1\u0662", "007", "-0", "", "p"]
    assert possible(asked, kind) == asked[:2]
    async with EpisodesReader.open(database_url, TABLE) as reader:
        found = [tuple(row) async for batch in reader.rows_of(asked) for row in batch]
    assert sorted(found) == [(str(-highest), 2, str(-highest)), (str(highest), 1, str(highest))]
