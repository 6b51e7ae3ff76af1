"""Whichever driver connects and whichever database it is: the cause of a refused connection is told in true words."""

import asyncio
from typing import Any

import psycopg
import pytest

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceDatabaseError
from episode_monitor.service_database.reader import EpisodesReader
from episode_monitor.storage import migrate
from episode_monitor.storage.address import Address, BadDatabaseUrl
from episode_monitor.storage.database_service import Stored
from episode_monitor.storage.history import PostgresAlertHistory
from episode_monitor.storage.troubles import explain
from testbed.pooler import CERTIFICATE, front_door
from tests.storage.conftest import Opened, all_written, run
from tests.storage.making import alert


async def told_by_service(url: str) -> str:
    with pytest.raises(ServiceDatabaseError) as told:
        async with EpisodesReader.open(url, EpisodesTable()):
            pass
    return str(told.value)


async def told_by_own(url: str, opened: Opened) -> str:
    database = opened(url)
    await database.connect()
    return database.status()


async def told_by_migrations(url: str) -> str:
    address = Address.parse(url)
    with pytest.raises(psycopg.OperationalError) as told:
        await asyncio.to_thread(migrate.apply, address)
    return explain(told.value, address).sentence


async def told_by_all(url: str, opened: Opened) -> list[str]:
    return [await told_by_service(url), await told_by_own(url, opened), await told_by_migrations(url)]


async def test_a_certificate_of_another_name_is_said_by_every_caller(database_url: str, opened: Opened) -> None:
    async with front_door(database_url, tls=True) as (_, url):
        for said in await told_by_all(f"{url}?sslmode=verify-full&sslrootcert={CERTIFICATE}", opened):
            assert "cannot agree on TLS" in said
            assert "127.0.0.1" in said.partition("(")[2]
            assert "see sslmode" in said


async def test_a_server_without_tls_is_said_by_every_caller(database_url: str, opened: Opened) -> None:
    for said in await told_by_all(f"{database_url}?sslmode=require", opened):
        assert "cannot agree on TLS" in said


async def test_a_file_that_is_not_there_is_named_by_every_caller(database_url: str, opened: Opened) -> None:
    for said in await told_by_all(f"{database_url}?sslmode=verify-full&sslrootcert=/no/ca.crt", opened):
        assert "sslrootcert=/no/ca.crt cannot be read" in said


async def test_the_authorities_of_the_machine_are_trusted_by_both_drivers(
    database_url: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with front_door(database_url, tls=True) as (_, url):
        named = url.replace("127.0.0.1", "localhost") + "?sslrootcert=system"
        for said in (await told_by_service(named), await told_by_own(named, opened)):
            assert "cannot agree on TLS (" in said
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert await told_by_own(named, opened) == "ok"
        for wrong in await told_by_all(f"{url}?sslrootcert=system&sslmode=verify-full", opened):
            assert "cannot agree on TLS (" in wrong


def test_the_authorities_of_the_machine_are_not_trusted_by_halves() -> None:
    with pytest.raises(BadDatabaseUrl, match=r"^DATABASE_URL has sslrootcert=system: write sslmode=verify-full"):
        Address.parse("postgresql://db/m?sslrootcert=system&sslmode=require", "DATABASE_URL")


async def test_a_role_without_a_free_connection_is_said_by_every_caller(database_url: str, opened: Opened) -> None:
    run(database_url, "create role nobodys login password 'secret-nobodys' connection limit 0")
    try:
        for said in await told_by_all("postgresql://nobodys:secret-nobodys@" + database_url.partition("@")[2], opened):
            assert "has no free connection: raise max_connections" in said
            assert 'too many connections for role "nobodys"' in said
            assert "secret-nobodys" not in said
    finally:
        run(database_url, "drop role nobodys")


async def test_a_wrong_password_a_missing_database_and_a_missing_server_are_said_by_every_caller(
    database_url: str, opened: Opened
) -> None:
    password = database_url.split(":")[2].partition("@")[0]
    for said in await told_by_all(database_url.replace(password, "swordfish"), opened):
        assert "rejects the password of 'episode_monitor': correct " in said
        assert "swordfish" not in said
    for said in await told_by_all(database_url.replace("/test_", "/no_test_"), opened):
        assert "has no such database: create it, or correct " in said
    port = database_url.rpartition(":")[2].partition("/")[0]
    with pytest.raises(ServiceDatabaseAway, match="refuses the connection: start the server, or correct DATABASE_URL"):
        async with EpisodesReader.open(database_url.replace(port, "1"), EpisodesTable()):
            pass


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_of_another_encoding_is_said_and_not_written_to(
    postgres: EmbeddedPostgres, opened: Opened, log: list[Any], encoding: str
) -> None:
    run(postgres.url("postgres"), f"create database other encoding '{encoding}' template template0")
    try:
        database = opened(postgres.url("other"))
        history = PostgresAlertHistory(database)
        await database.connect()
        assert f"has the encoding {encoding}, which cannot store every name: give" in database.status()
        assert await history.append(alert(1, project_id="드라마"), 0, 1) is Stored.QUEUED
        assert run(postgres.url("other"), "select to_regnamespace('episode_monitor')") == [(None,)]
        assert not [line for line in log if line["log_level"] == "error"]
        await database.close()
    finally:
        postgres.drop_database("other")


async def test_migrations_of_a_database_without_an_encoding_end_well(postgres: EmbeddedPostgres) -> None:
    run(postgres.url("postgres"), "create database ascii encoding 'SQL_ASCII' template template0")
    try:
        address = Address.parse(postgres.url("ascii"))
        assert await asyncio.to_thread(migrate.apply, address) == migrate.known_migrations()
        assert await asyncio.to_thread(migrate.apply, address) == []
    finally:
        postgres.drop_database("ascii")


async def test_rows_that_were_lost_stay_visible_while_all_is_ok(database_url: str, opened: Opened) -> None:
    database = opened(database_url)
    history = PostgresAlertHistory(database)
    await database.connect()
    assert database.losses() == ""
    too_long_for_an_index = alert(2, alert_key="".join(chr(0x4E00 + number * 7 % 9000) for number in range(9000)))
    assert await history.append(too_long_for_an_index, 0, 2) is Stored.REFUSED
    await history.append(alert(3), 0, 3)
    await all_written(database)
    assert database.status() == "ok"
    assert database.losses().startswith("Rows were lost since this worker started: 1 of alert_transitions (PostgreSQL")
    assert database.counters()["alert_transitions_lost"] == 1
