"""A project service's table as tests fill it."""

from collections.abc import Iterable

import psycopg

PLAIN = "create table episodes (id text primary key, project_id text, number integer)"

Rows = Iterable[tuple[str | None, str | None, int | None]]


def make_table(url: str, statement: str = PLAIN) -> None:
    """Create the table and the index that a service has."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def fill(url: str, rows: Rows, table: str = "episodes") -> None:
    """Put in rows of id, project and number."""
    statement = f"copy {table} (id, project_id, number) from stdin".encode()
    with psycopg.connect(url) as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def numbered(project: str, *numbers: int | None) -> list[tuple[str, str, int | None]]:
    """An episode a number; the ids tell project, number and place."""
    return [(f"{project}-{number}-{place}", project, number) for place, number in enumerate(numbers)]


def run(url: str, statement: str) -> None:
    """One statement outside a transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
