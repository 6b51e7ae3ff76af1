"""Databases for tests: handed out empty, and emptied afterwards to be handed out again, which takes a tenth of the time
that making one takes. One that a test changed otherwise than in its schemas is dropped."""

import psycopg
from psycopg import sql

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.storage.connecting import DatabaseOptions

PATIENT = DatabaseOptions(first_attempt_seconds=60.0)  # all migrations run in it, and the machine may be busy

_END_SESSIONS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'
"""
_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
_IS_AS_MADE = """
SELECT datacl IS NULL AND datconnlimit = -1 AND datallowconn AND NOT datistemplate
    AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
    AND NOT EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = pg_database.oid)
    AND NOT EXISTS (SELECT FROM pg_default_acl) AND NOT EXISTS (SELECT FROM pg_event_trigger)
    AND NOT EXISTS (SELECT FROM pg_publication) AND NOT EXISTS (SELECT FROM pg_largeobject_metadata)
    AND NOT EXISTS (SELECT FROM pg_foreign_data_wrapper) AND NOT EXISTS (SELECT FROM pg_prepared_xacts)
    AND (SELECT array_agg(extname) FROM pg_extension) = '{plpgsql}'
FROM pg_database WHERE datname = current_database()
"""
_NEW_PUBLIC = "CREATE SCHEMA public AUTHORIZATION pg_database_owner; GRANT USAGE ON SCHEMA public TO PUBLIC"


class Databases:
    """Those of one server whose names begin with `prefix`."""

    def __init__(self, server: EmbeddedPostgres, prefix: str = "test_") -> None:
        self._server = server
        self._prefix = prefix
        self._spare: list[str] = []
        self._made = 0

    def take(self) -> str:
        """The name of an empty database that no other test has."""
        if self._spare:
            return self._spare.pop()
        self._made += 1
        name = f"{self._prefix}{self._made}"
        self._server.create_database(name)
        return name

    def give_back(self, name: str) -> None:
        """End its sessions and empty it."""
        with psycopg.connect(self._server.url(), autocommit=True) as connection:
            connection.execute(_END_SESSIONS, [name])
        if self._empty(name):
            self._spare.append(name)
        else:
            self._server.drop_database(name)

    def _empty(self, name: str) -> bool:
        """Whether it is as it was when it was made."""
        try:
            with psycopg.connect(self._server.url(name), autocommit=True) as connection:
                for (schema,) in connection.execute(_SCHEMAS).fetchall():
                    connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
                connection.execute(_NEW_PUBLIC)
                return connection.execute(_IS_AS_MADE).fetchone() == (True,)
        except psycopg.Error:
            return False
