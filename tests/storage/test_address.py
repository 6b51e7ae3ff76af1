"""Addresses of databases: checked, said without their secrets, written for two drivers."""

import socket

import asyncpg
import psycopg
import pytest

from episode_monitor.storage.address import Address, BadDatabaseUrl
from episode_monitor.storage.troubles import explain
from tests.storage.conftest import run


@pytest.mark.parametrize(
    ("url", "place", "user"),
    [
        ("postgresql://kim:pw@db.example:5433/monitor", "db.example:5433/monitor", "kim"),
        ("postgres://kim@db.example/monitor", "db.example:5432/monitor", "kim"),
        ("postgresql://kim:p%40ss%2Fw@[::1]:5432/monitor", "[::1]:5432/monitor", "kim"),
        ("postgresql://kim:pw@a:1,b:2/monitor?target_session_attrs=primary", "a:1,b:2/monitor", "kim"),
        ("postgresql:///monitor?host=/var/run/postgresql", "/var/run/postgresql/monitor", ""),
        ("postgresql://db.example?user=kim&dbname=monitor&port=7", "db.example:7/monitor", "kim"),
        ("  postgresql://kim@db/m\n", "db:5432/m", "kim"),
        ("postgresql://db", "db:5432/", ""),
    ],
)
def test_an_address_is_named_by_its_host_port_and_database(url: str, place: str, user: str) -> None:
    address = Address.parse(url)
    assert (address.place, address.user) == (place, user)
    assert str(address) == place
    assert address in {Address.parse(url)}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "monitor",
        "mysql://kim:secret@db/m",
        "postgresql+asyncpg://kim:secret@db/m",
        "postgresql://kim:sec/ret@db/m",
        "postgresql://kim:12/ret@db/m",
        "postgresql://kim:sec#ret@db/m",
        "postgresql://kim:sec?ret@db/m",
        "postgresql://kim:sec@ret@db/m",
        "postgresql://kim:secret@db:port/m",
        "postgresql://kim:secret@[db/m",
        "postgresql://kim:secret@db/m?novalue",
        "postgresql://kim:12?ret=1@db/m",
    ],
)
def test_what_is_no_address_is_refused_in_one_sentence_that_tells_no_secret(url: str) -> None:
    with pytest.raises(BadDatabaseUrl) as refused:
        Address.parse(url)
    message = str(refused.value)
    assert message.startswith("MONITOR_DATABASE_URL ")
    assert message.endswith(".")
    for word in ("kim", "sec", "ret", "12"):
        assert word not in message


def test_the_setting_is_named_and_so_is_an_unknown_parameter() -> None:
    with pytest.raises(BadDatabaseUrl, match=r"^DATABASE_URL has an unknown parameter colour: remove it"):
        Address.parse("postgresql://db/m?colour=red", setting="DATABASE_URL")


def test_no_secret_is_shown_and_every_one_is_scrubbed() -> None:
    url = "postgresql://kim:p%40ss@db/m?sslpassword=key-word&passfile=/home/kim/.pgpass"
    address = Address.parse(url)
    assert "p@ss" not in repr(address) + str(address)
    dirty = f"could not use {url}: p@ss or p%40ss or key-word,\nsee /home/kim/.pgpass"
    assert address.scrub(dirty) == "could not use ***: *** or *** or ***, see ***"
    assert len(address.scrub("x" * 1000)) == 300


async def test_both_drivers_take_what_only_one_of_them_knows(database_url: str) -> None:
    address = Address.parse(database_url + "?connect_timeout=3&keepalives=1&application_name=told&sslmode=prefer")
    connection = await asyncpg.connect(address.for_asyncpg)
    assert await connection.fetchval("select current_setting('application_name')") == "told"
    await connection.close()
    assert run(address.for_libpq, "select current_setting('application_name')") == [("told",)]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), "unreachable", "refuses the connection"),
        (TimeoutError(), "timeout", "does not answer in time"),
        (asyncpg.TooManyConnectionsError("sorry"), "full", "has no free connection"),
        (asyncpg.DiskFullError("No space left"), "resources", "is out of resources (No space left)"),
        (asyncpg.AdminShutdownError("terminating"), "lost", "closed the connection"),
        (asyncpg.ConnectionDoesNotExistError("closed"), "lost", "closed the connection"),
        (asyncpg.InterfaceError("connection is closed"), "lost", "closed the connection"),
        (asyncpg.InternalClientError("another operation (2) is in progress"), "lost", "closed the connection"),
        (asyncpg.DeadlockDetectedError("x"), "busy", "took too long"),
        (psycopg.OperationalError("server closed"), "lost", "closed the connection"),
        (psycopg.errors.ReadOnlySqlTransaction("no"), "read_only", "is read-only"),
        (asyncpg.ClientConfigurationError("sslmode says pw"), "address", "correct MONITOR_DATABASE_URL"),
        (FileNotFoundError(2, "No such file", "/etc/root.crt"), "no_file", "/etc/root.crt"),
        (RuntimeError("of a kind nobody knows, pw"), "unexpected", "of a kind nobody knows, ***"),
        (RuntimeError(), "unexpected", "RuntimeError"),
    ],
)
def test_every_error_has_a_sentence_that_names_the_place(error: Exception, code: str, words: str) -> None:
    trouble = explain(error, Address.parse("postgresql://kim:pw@db:5433/m"))
    assert trouble.code == code
    assert words in trouble.sentence
    assert "db:5433/m" in trouble.sentence
    assert "pw" not in trouble.sentence


def test_a_host_that_has_no_address_is_said() -> None:
    trouble = explain(socket.gaierror(-2, "Name or service not known"), Address.parse("postgresql://nowhere/m"))
    assert trouble.sentence == "no host of nowhere:5432/m can be resolved: correct MONITOR_DATABASE_URL"
