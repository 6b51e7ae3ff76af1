"""A database that a test had is as good as new for the next, or it is not used again."""

import psycopg
import pytest

from episode_monitor.demo.embedded import EmbeddedPostgres
from testbed.databases import Databases


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_database_is_handed_out_again_without_what_was_in_it(postgres: EmbeddedPostgres) -> None:
    databases = Databases(postgres, "own_")
    name = databases.take()
    fresh = run(postgres.url(name), "SELECT nspname, nspacl::text FROM pg_namespace ORDER BY 1")
    with psycopg.connect(postgres.url(name), autocommit=True) as left_open:
        left_open.execute('CREATE SCHEMA "Other"; CREATE TABLE "Other".t (n int); CREATE TABLE public.t (n int)')
        databases.give_back(name)
        with pytest.raises(psycopg.OperationalError):
            left_open.execute("SELECT 1")
    assert databases.take() == name
    assert run(postgres.url(name), "SELECT FROM pg_tables WHERE tablename = 't'") == []
    assert run(postgres.url(name), "SELECT nspname, nspacl::text FROM pg_namespace ORDER BY 1") == fresh
    postgres.drop_database(name)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER DATABASE {} SET work_mem = '1MB'",
        "ALTER DATABASE {} CONNECTION LIMIT 5",
        "REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "CREATE PUBLICATION p",
        "SELECT lo_create(0)",
    ],
)
def test_a_database_that_was_changed_otherwise_is_dropped(postgres: EmbeddedPostgres, change: str) -> None:
    databases = Databases(postgres, "own_")
    name = databases.take()
    run(postgres.url(name), change.format(name))
    databases.give_back(name)
    assert run(postgres.url(), f"SELECT FROM pg_database WHERE datname = '{name}'") == []
