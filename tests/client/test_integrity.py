"""The client's checker, fixer and job on a real PostgreSQL, whatever form of it a program holds."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from episode_monitor_client import (
    CannotFix,
    EpisodeIntegrityChecker,
    EpisodeIntegrityJob,
    EpisodePerformanceTracker,
    EpisodesTable,
    IntegrityAutoFixer,
    JobConfig,
    ProjectIntegrity,
    UnknownProject,
)
from episode_monitor_client.integrity import judged
from episode_monitor_client.pytest_plugin import CapturedEvents
from streams.base.numbering_rules import NumberingRules
from streams.numbering.table_judgement import judge_table
from tests.client.databases import ASYNC, AUTOCOMMITTING, EVERY, SYNC, Open
from tests.service_database.making import fill, make_table, numbered, run

HANDBOOK = [*(number for number in range(1, 29) if number not in (3, 7, 12)), 5]
TYPES = [
    ("text", "p"), ("varchar(20)", "p"), ("char(5)", "p"), ("integer", "7"), ("bigint", "7"), ("smallint", "7"),
    ("bigint", "9223372036854775807"), ("integer", "2147483647"),
    ("uuid", "6f0f0a3e-57d4-4a3f-9e0a-0f3f3f3f3f3f"),
]  # fmt: skip


async def checked(db: Any, project: str, table: EpisodesTable | None = None) -> ProjectIntegrity:
    checker = EpisodeIntegrityChecker(db, table)
    try:
        return checker.check_project_integrity(project)
    except TypeError:
        return await checker.acheck_project_integrity(project)


@pytest.fixture(params=EVERY.values(), ids=list(EVERY))
def opened(request: pytest.FixtureRequest) -> Open:
    found: Open = request.param
    return found


async def test_whatever_form_the_database_has_the_project_of_the_users_document_is_judged(
    database_url: str, opened: Open
) -> None:
    make_table(database_url)
    fill(database_url, [*numbered("project_123", *HANDBOOK), *numbered("other", 1, 2)])
    async with opened(database_url) as db:
        result = await checked(db, "project_123")
        assert (result.is_healthy, result.gaps, result.duplicates, result.total_episodes) == (
            False,
            [3, 7, 12],
            [5],
            26,
        )
        assert (result.max_number, result.health_score) == (28, 85.7)
        assert result.duplicate_owners == {5: ["project_123-5-25", "project_123-5-3"]}
        with pytest.raises(UnknownProject, match="no episode of the project 'proj_9'"):
            await checked(db, "proj_9")


@pytest.mark.parametrize(("kind", "project"), TYPES)
@pytest.mark.parametrize("name", ["an address", "asyncpg", "a session", "an async session over asyncpg"])
async def test_the_projects_column_may_be_of_any_type(database_url: str, name: str, kind: str, project: str) -> None:
    make_table(database_url, f"create table episodes (id integer, project_id {kind}, number smallint)")
    run(database_url, f"insert into episodes values (1, '{project}', 1), (2, '{project}', 3)")
    async with EVERY[name](database_url) as db:
        assert (await checked(db, project)).gaps == [2]
        for unknown in ("proj_9", "9223372036854775808", "2147483648", "32768", "1\u0662"):
            with pytest.raises(UnknownProject):
                await checked(db, unknown)


async def test_other_names_and_rows_that_are_deleted_softly(database_url: str) -> None:
    make_table(database_url, 'create table "100%:x" (key text, p text, n integer, deleted_at date, gone boolean)')
    run(database_url, """insert into "100%:x" values ('a', 'p', 1), ('b', 'p', 2), ('c', 'p', 2), ('d', 'p', 4)""")
    run(database_url, """update "100%:x" set gone = (key = 'd'), deleted_at = case key when 'b' then now() end""")
    for name in ("an address", "a session", "asyncpg"):
        async with EVERY[name](database_url) as db:
            all_rows = await checked(db, "p", EpisodesTable("100%:x", "key", "p", "n"))
            assert (all_rows.gaps, all_rows.duplicates) == ([3], [2])
            living = await checked(db, "p", EpisodesTable("100%:x", "key", "p", "n", "deleted_at"))
            assert (living.gaps, living.duplicates) == ([3], [])
            flagged = await checked(db, "p", EpisodesTable("100%:x", "key", "p", "n", "gone"))
            assert (flagged.gaps, flagged.duplicates) == ([], [2])


async def test_what_is_no_database_is_refused_in_a_sentence() -> None:
    with pytest.raises(TypeError, match=r"object is not a DB-API connection: pass one"):
        EpisodeIntegrityChecker(object()).check_project_integrity("p")


@given(
    st.lists(st.one_of(st.integers(1, 40), st.integers(1, 6_000)), max_size=40),
    st.sampled_from([1, 2, None]),
)
def test_the_client_judges_as_the_monitor_does(numbers: list[int], first: int | None) -> None:
    rows = [(number, f"e{at}") for at, number in enumerate(numbers)]
    ours = judged("p", rows, first_number=first)
    theirs = judge_table(sorted(numbers), NumberingRules(first_number=first))
    assert (ours.gap_ranges, ours.duplicates, ours.implausible, ours.max_number, ours.health_score) == (
        list(theirs.gaps), theirs.duplicates, theirs.aside, theirs.max_number, theirs.health_score,
    )  # fmt: skip


def test_rows_that_cannot_be_episodes_are_listed_and_no_numbers() -> None:
    result = judged("p", [(1, "a"), (None, "b"), (2, None), (0, "c"), (2**31, "d"), (2, "e")])
    assert (result.is_healthy, result.max_number, result.total_episodes, result.invalid_total) == (False, 2, 6, 4)
    assert result.invalid == [("b", None), (None, 2), ("c", 0), ("d", 2**31)]


# --- the fixer


def numbers_of(url: str, project: str) -> list[tuple[str, int]]:
    import psycopg

    with psycopg.connect(url) as connection:
        return connection.execute(
            "select id, number from episodes where project_id = %s order by number, id", (project,)
        ).fetchall()


COMPOSITE = """create table episodes (id integer, project_id text, number integer,
                                      primary key (project_id, id), unique (project_id, number))"""


def with_gaps(url: str) -> None:
    """Ids are unique within a project only."""
    make_table(url, COMPOSITE)
    for project in ("p", "q"):
        run(url, f"insert into episodes select n, '{project}', n from unnest('{{1,2,4,5,8}}'::int[]) as n")


async def test_the_fixer_simulates_unless_told_otherwise(database_url: str, opened: Open) -> None:
    with_gaps(database_url)
    async with opened(database_url) as db:
        found = await IntegrityAutoFixer(db).fix_gaps("p")
    assert found == {
        "changes_needed": 3,
        "changes": [
            {"episode_id": "4", "old_number": 4, "new_number": 3},
            {"episode_id": "5", "old_number": 5, "new_number": 4},
            {"episode_id": "8", "old_number": 8, "new_number": 5},
        ],
    }
    assert [number for _, number in numbers_of(database_url, "p")] == [1, 2, 4, 5, 8]


async def test_the_fixer_renumbers_its_project_alone_and_emits_what_it_changed(
    database_url: str, opened: Open, episode_events: CapturedEvents
) -> None:
    with_gaps(database_url)
    async with opened(database_url) as db:
        found = await IntegrityAutoFixer(db, tracker=EpisodePerformanceTracker()).fix_gaps("p", dry_run=False)
    assert found["changes_needed"] == 3
    assert [number for _, number in numbers_of(database_url, "p")] == [1, 2, 3, 4, 5]
    assert [number for _, number in numbers_of(database_url, "q")] == [1, 2, 4, 5, 8]
    emitted = [(event["episode_id"], event["old_number"], event["episode_number"]) for event in episode_events.bodies()]
    assert emitted == [("4", 4, 3), ("5", 5, 4), ("8", 8, 5)]


@pytest.mark.parametrize("name", ["an address", "psycopg", "a session", "asyncpg", "an async session over asyncpg"])
async def test_where_a_trigger_interferes_nothing_is_changed(
    database_url: str, name: str, episode_events: CapturedEvents
) -> None:
    with_gaps(database_url)
    run(database_url, """create function stay() returns trigger language plpgsql as
        $$ begin return case when old.id = 8 then null else new end; end $$""")  # fmt: skip
    run(database_url, "create trigger stay before update on episodes for each row execute function stay()")
    async with EVERY[name](database_url) as db:
        with pytest.raises(CannotFix, match="Nothing was changed: 0 rows were hit where episode '8' was meant"):
            await IntegrityAutoFixer(db).fix_gaps("p", dry_run=False)
    assert [number for _, number in numbers_of(database_url, "p")] == [1, 2, 4, 5, 8]
    assert episode_events.all == []


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("a", "p", 1), ("a", "p", 3)], "Two rows of 'p' have one id"),
        ([("a", "p", 1), ("b", "p", None)], "Episode 'b' of 'p' has the number None"),
        ([("a", "p", 1), ("b", "p", 0)], "Episode 'b' of 'p' has the number 0"),
    ],
)
async def test_rows_that_cannot_be_told_apart_or_numbered_are_refused(
    database_url: str, rows: list[tuple[str, str, int | None]], sentence: str
) -> None:
    make_table(database_url, "create table episodes (id text, project_id text, number integer)")
    fill(database_url, rows)
    with pytest.raises(CannotFix, match=sentence):
        await IntegrityAutoFixer(database_url).fix_gaps("p", dry_run=False)


@pytest.mark.parametrize(("kind", "project"), TYPES)
@pytest.mark.parametrize("name", ["an address", "asyncpg"])
async def test_the_fixer_takes_columns_of_any_type(database_url: str, name: str, kind: str, project: str) -> None:
    id_kind, ids = ("uuid", [str(UUID(int=n)) for n in (1, 2)]) if kind == "uuid" else (kind, ["1", "2"])
    make_table(database_url, f'create table "Odd {{x}}" (id {id_kind}, project_id {kind}, number smallint)')
    run(database_url, f"""insert into "Odd {{x}}" values ('{ids[0]}', '{project}', 1), ('{ids[1]}', '{project}', 3)""")
    async with EVERY[name](database_url) as db:
        fixer = IntegrityAutoFixer(db, EpisodesTable("Odd {x}"))
        found = await fixer.fix_gaps(project, dry_run=False)
        assert [(change["old_number"], change["new_number"]) for change in found["changes"]] == [(3, 2)]
        assert (await fixer.fix_gaps(project))["changes_needed"] == 0
        with pytest.raises(UnknownProject):
            await fixer.fix_gaps("proj_9")


async def test_the_indexes_of_the_table_serve_every_statement_of_the_fixer(database_url: str) -> None:
    make_table(database_url, COMPOSITE.replace("id integer", "id bigint").replace("project_id text", "project_id uuid"))
    project = "6f0f0a3e-57d4-4a3f-9e0a-0f3f3f3f3f3f"
    run(database_url, f"insert into episodes values (1, '{project}', 1)")
    fixer, kinds = IntegrityAutoFixer(database_url), [("uuid", "bigint")]
    import psycopg

    values = {"project": project, "id": "1", "old": 1, "new": 2}
    with psycopg.connect(database_url) as connection:
        connection.execute("set enable_seqscan = off")
        for statement in (fixer._look(kinds, False), fixer._update(kinds)):
            sql, arguments = statement.positional("%s", values)
            plan = "\n".join(row[0] for row in connection.execute(f"explain {sql}", arguments).fetchall())
            condition = next(line for line in plan.splitlines() if "Index Cond" in line)
            assert f"project_id = '{project}'::uuid" in condition, plan


@pytest.mark.parametrize("name", AUTOCOMMITTING)
async def test_the_fixer_changes_all_or_nothing_where_the_connection_commits_by_itself(
    database_url: str, name: str
) -> None:
    with_gaps(database_url)
    run(database_url, """create function stay() returns trigger language plpgsql as
        $$ begin return case when old.id = 8 then null else new end; end $$""")  # fmt: skip
    run(database_url, "create trigger stay before update on episodes for each row execute function stay()")
    async with AUTOCOMMITTING[name](database_url) as db:
        with pytest.raises(CannotFix, match="Nothing was changed"):
            await IntegrityAutoFixer(db).fix_gaps("p", dry_run=False)
        assert [number for _, number in numbers_of(database_url, "p")] == [1, 2, 4, 5, 8]
        run(database_url, "drop trigger stay on episodes")
        await IntegrityAutoFixer(db).fix_gaps("p", dry_run=False)
        assert [number for _, number in numbers_of(database_url, "p")] == [1, 2, 3, 4, 5]
        assert getattr(db, "autocommit", True)


async def test_what_is_fixed_after_a_check_over_the_same_connection_is_committed(
    database_url: str, opened: Open
) -> None:
    with_gaps(database_url)
    async with opened(database_url) as db:
        assert (await checked(db, "p")).gaps == [3, 6, 7]
        await IntegrityAutoFixer(db).fix_gaps("p", dry_run=False)
        assert [number for _, number in numbers_of(database_url, "p")] == [1, 2, 3, 4, 5]


async def test_a_check_that_failed_does_not_spoil_the_connection_for_the_next(database_url: str, opened: Open) -> None:
    run(database_url, "drop table if exists episodes")
    async with opened(database_url) as db:
        with pytest.raises(Exception, match="episodes"):
            await checked(db, "p")
        with_gaps(database_url)
        assert (await checked(db, "p")).gaps == [3, 6, 7]


@pytest.mark.parametrize("name", ["psycopg", "psycopg's async connection"])
async def test_a_connection_that_breaks_during_a_check_says_so_in_its_own_words(database_url: str, name: str) -> None:
    make_table(database_url)
    fill(database_url, numbered("p", 1, 2))
    async with EVERY[name](database_url) as db:
        run(database_url, f"select pg_terminate_backend({db.info.backend_pid})")
        with pytest.raises(Exception, match="terminating connection"):
            await checked(db, "p")


# --- the job


@pytest.mark.parametrize("name", ["an address", "a session", "asyncpg"])
async def test_the_checks_of_the_job_have_the_results_of_the_users_document(database_url: str, name: str) -> None:
    make_table(database_url)
    fill(database_url, [*numbered("project_123", *HANDBOOK), *numbered("fine", 1, 2), *numbered("jump", 1, 1_000_000)])
    async with EVERY[name](database_url) as db:
        job = EpisodeIntegrityJob(db)
        basic, deep = await job.run_basic_check(), await job.run_deep_check()
    assert basic["summary"] == {
        "total_projects": 3, "healthy_projects": 2, "unhealthy_projects": 1, "health_percentage": 66.7,
        "total_gaps": 3, "total_duplicates": 1,
    }  # fmt: skip
    assert (deep["status"], deep["projects_checked"], deep["projects_with_issues"], deep["total_issues"]) == (
        "completed", 3, 1, 4,
    )  # fmt: skip
    assert deep["project_issues"] == [
        {"project_id": "project_123", "gaps": [3, 7, 12], "duplicates": [5], "health_score": 85.7}
    ]


async def test_the_job_checks_until_it_is_stopped_and_outlives_a_check_that_fails(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[dict[str, Any]] = []
    enough = asyncio.Event()

    def take(result: dict[str, Any]) -> None:
        results.append(result)
        if len(results) == 3:
            enough.set()

    job = EpisodeIntegrityJob(database_url, config=JobConfig(check_interval_minutes=0.0), on_result=take)
    running = asyncio.create_task(job.run_continuous_monitoring())
    async with asyncio.timeout(60):
        while "an integrity check failed" not in caplog.text:  # noqa: ASYNC110 - of a line of log no event tells
            await asyncio.sleep(0.01)
        make_table(database_url)
        fill(database_url, numbered("p", 1, 2))
        await enough.wait()
        job.stop()
        await running
    assert not job.is_running
    assert any("summary" in result for result in results)


def test_every_form_is_sync_or_async() -> None:
    assert not SYNC.keys() & ASYNC.keys()
