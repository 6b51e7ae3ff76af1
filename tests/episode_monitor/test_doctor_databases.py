"""`doctor` on both databases: it connects as the worker does and looks at table, columns and rights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from episode_monitor.cli.diagnosis import DiagnosisLevel
from episode_monitor.cli.doctor_databases import own_database, service_database
from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.settings.settings import Settings
from episode_monitor.storage import migrate
from episode_monitor.storage.address import Address
from testbed.pooler import PGBOUNCER, front_door, pgbouncer
from tests.service_database.making import make_table, run


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)  # type: ignore[call-arg] # pydantic reads it


async def of_service(url: str, **given: Any) -> tuple[DiagnosisLevel, str]:
    (found,) = await service_database(settings(database_url=url, **given))
    assert found.part == "project database"
    return found.verdict, found.sentence


async def of_own(url: str) -> tuple[DiagnosisLevel, str]:
    found = (await own_database(settings(monitor_database_url=url)))[0]
    assert found.part == "database"
    return found.verdict, found.sentence


@pytest.fixture
def reader(database_url: str) -> Iterator[str]:
    """The address of a role that may read a table of episodes, and create nothing."""
    make_table(database_url)
    run(database_url, "create role doctors login password 'secret-doctors'; grant select on episodes to doctors")
    yield "postgresql://doctors:secret-doctors@" + database_url.partition("@")[2]
    run(database_url, "drop owned by doctors; drop role doctors")


async def test_a_table_that_is_as_the_settings_say_is_ok(database_url: str) -> None:
    make_table(database_url)
    verdict, said = await of_service(database_url)
    assert verdict is DiagnosisLevel.OK
    assert "its columns are there." in said


async def test_a_missing_table_and_a_missing_column_are_wrong_and_name_the_setting(database_url: str) -> None:
    verdict, said = await of_service(database_url)
    assert (verdict, "no table episodes: set EPISODES_TABLE" in said) == (DiagnosisLevel.WRONG, True)
    make_table(database_url)
    verdict, said = await of_service(database_url, episodes_number_column="nr")
    assert (verdict, "no column nr: set EPISODES_NUMBER_COLUMN" in said) == (DiagnosisLevel.WRONG, True)
    verdict, said = await of_service(database_url, episodes_version_column="rev")
    assert (verdict, "no column rev: set EPISODES_VERSION_COLUMN" in said) == (DiagnosisLevel.WRONG, True)


async def test_an_account_that_may_not_repair_is_wrong_only_where_repair_is_wanted(reader: str) -> None:
    assert (await of_service(reader))[0] is DiagnosisLevel.OK
    verdict, said = await of_service(reader, auto_fix_enabled=True)
    assert (verdict, "may not change number of episodes: grant it UPDATE" in said) == (DiagnosisLevel.WRONG, True)


async def test_what_repair_needs_of_a_view_is_said(database_url: str) -> None:
    make_table(database_url)
    run(database_url, "create view live as select * from episodes")
    verdict, said = await of_service(database_url, episodes_table="live")
    assert (verdict, "repair cannot be used: live at" in said) == (DiagnosisLevel.OK, True)
    verdict, said = await of_service(database_url, episodes_table="live", auto_fix_enabled=True)
    assert (verdict, "set EPISODES_VERSION_COLUMN to a column" in said) == (DiagnosisLevel.WRONG, True)


async def test_row_security_that_hides_rows_is_said(database_url: str, reader: str) -> None:
    run(database_url, "alter table episodes enable row level security")
    verdict, said = await of_service(reader)
    assert (verdict, "row security applies to the account" in said) == (DiagnosisLevel.OK, True)


async def test_a_service_that_is_away_is_unreachable() -> None:
    verdict, said = await of_service("postgresql://u:secret-u@127.0.0.1:1/d")
    assert verdict is DiagnosisLevel.UNREACHABLE
    assert "refuses the connection" in said
    assert "secret-u" not in said


async def test_a_pooler_that_the_worker_could_not_use_is_no_ok(database_url: str) -> None:
    async with front_door(database_url) as (_, url):
        assert (await of_own(url)) == (
            DiagnosisLevel.OK,
            f"PostgreSQL answers at {url.partition('@')[2]}; "
            f"{len(migrate.known_migrations())} migrations will run at the next start.",
        )  # fmt: skip
        verdict, said = await of_own(f"{url}?options=-cgeqo%3Doff")
        assert (verdict, "unsupported startup parameter: options" in said) == (DiagnosisLevel.UNREACHABLE, True)


async def test_an_encoding_or_a_right_that_keeps_the_worker_from_storing_is_wrong(
    postgres: EmbeddedPostgres, reader: str
) -> None:
    run(postgres.url("postgres"), "create database latin1 encoding 'LATIN1' template template0")
    try:
        verdict, said = await of_own(postgres.url("latin1"))
        assert (verdict, "has the encoding LATIN1" in said) == (DiagnosisLevel.WRONG, True)
    finally:
        postgres.drop_database("latin1")
    verdict, said = await of_own(reader)
    assert (verdict, "grant it CREATE on the database" in said) == (DiagnosisLevel.WRONG, True)
    verdict, said = await of_own(postgres.url("nodb"))
    assert (verdict, "has no such database: create it" in said) == (DiagnosisLevel.UNREACHABLE, True)


async def test_a_role_that_may_not_use_a_table_is_wrong_and_the_commands_that_are_named_are_enough(
    database_url: str, reader: str
) -> None:
    migrate.apply(Address.parse(database_url))
    run(database_url, "grant usage on schema episode_monitor to doctors")
    run(database_url, "grant select, insert on all tables in schema episode_monitor to doctors")
    assert (await of_own(reader))[0] is DiagnosisLevel.OK
    run(database_url, "revoke insert on episode_monitor.deliveries from doctors")
    run(database_url, "revoke select on episode_monitor.audit from doctors")
    (found, _) = await own_database(settings(monitor_database_url=reader))
    assert found.verdict is DiagnosisLevel.WRONG
    assert "'doctors' may not read or not add rows of audit, deliveries at " in found.sentence
    assert found.commands == (
        'grant select, insert on episode_monitor.audit to "doctors";',
        'grant select, insert on episode_monitor.deliveries to "doctors";',
    )
    for command in found.commands:
        run(database_url, command)
    assert (await of_own(reader))[0] is DiagnosisLevel.OK


async def test_without_addresses_nothing_is_looked_at() -> None:
    found = [*await own_database(settings()), *await service_database(settings())]
    assert [(one.part, one.verdict) for one in found] == [
        ("database", DiagnosisLevel.SKIPPED), ("clock", DiagnosisLevel.SKIPPED),
        ("project database", DiagnosisLevel.SKIPPED),
    ]  # fmt: skip


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed on this machine")
async def test_a_pooler_in_transaction_mode_is_wrong_for_both(database_url: str, tmp_path: Path) -> None:
    make_table(database_url)
    with pgbouncer(database_url, tmp_path, "transaction") as url:
        for verdict, said in (await of_own(url), await of_service(url)):
            assert (verdict, "behind a pooler in transaction mode" in said) == (DiagnosisLevel.WRONG, True)
