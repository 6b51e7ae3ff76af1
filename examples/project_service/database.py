"""The tables of the project service and the SQL that touches them.

A number belongs to one episode a project: a unique index holds that, not this program.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import structlog

from .settings import Settings

log = structlog.get_logger(__name__)

CONNECT_PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
SCHEMA_LOCK = 7_201_310_455  # any number will do, as long as every instance takes the same
COMMAND_BACKSTOP_SECONDS = 5.0  # beyond the server's own statement time-out: a server that does not answer at all

# Rows of a legacy import were written before numbers were unique, so the index that guards numbers leaves them out.
# `reserved_through` is a counter that no rollback takes back, as a sequence: what it has passed is never given again,
# until a repair has closed the numbers up. Every change of a number raises the version of its row; the
# monitor's repair says in `episode_monitor.act` that it is at work, and only its rollback may double a number again.
SCHEMA = """
CREATE TABLE IF NOT EXISTS projects (
    id text PRIMARY KEY,
    reserved_through integer NOT NULL DEFAULT 0
);
CREATE SEQUENCE IF NOT EXISTS episode_ids;
CREATE TABLE IF NOT EXISTS episodes (
    id text PRIMARY KEY,
    project_id text NOT NULL,
    number integer NOT NULL CHECK (number >= 1),
    title text NOT NULL DEFAULT '',
    legacy_import boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS episodes_number_is_unique ON episodes (project_id, number) WHERE NOT legacy_import;
CREATE INDEX IF NOT EXISTS episodes_by_project ON episodes (project_id, number);

CREATE OR REPLACE FUNCTION episode_has_another_number() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    act text := coalesce(current_setting('episode_monitor.act', true), '');
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    NEW.legacy_import := act = 'rollback' AND EXISTS (
        SELECT FROM episodes AS other
        WHERE other.project_id = NEW.project_id AND other.number = NEW.number AND other.id <> NEW.id
            AND NOT other.legacy_import
    );
    IF act = 'apply' THEN
        UPDATE projects SET reserved_through = 0 WHERE id = NEW.project_id AND reserved_through > 0;
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER episode_has_another_number BEFORE UPDATE OF number ON episodes
    FOR EACH ROW WHEN (OLD.number IS DISTINCT FROM NEW.number) EXECUTE FUNCTION episode_has_another_number();
"""

# Held from the look at the highest number to the end of the insert, shared: creators do not wait for each other by it,
# and a repair, which takes it alone, never closes up numbers under a creator that has looked already.
HOLD_NUMBERING = "SELECT pg_advisory_lock_shared(hashtextextended('episode-numbers:' || $1, 0))"

NEXT_ID = "SELECT 'ep_' || lpad(n::text, greatest(6, length(n::text)), '0') FROM nextval('episode_ids') AS n"

HIGHEST_NUMBER = "SELECT coalesce(max(number), 0) FROM episodes WHERE project_id = $1"

NEXT_NUMBER = """
SELECT greatest(
    (SELECT max(number) FROM episodes WHERE project_id = $1),
    (SELECT reserved_through FROM projects WHERE id = $1),
    0
) + 1
"""

RESERVE = """
INSERT INTO projects (id, reserved_through) VALUES ($1, $2)
ON CONFLICT (id) DO UPDATE SET reserved_through = greatest(projects.reserved_through, excluded.reserved_through)
"""

INSERT = """
INSERT INTO episodes (id, project_id, number, title, legacy_import) VALUES ($1, $2, $3, $4, $5)
RETURNING id, project_id, number, title, created_at, updated_at
"""

FIND = "SELECT id, project_id, number, title, created_at, updated_at FROM episodes WHERE id = $1 AND project_id = $2"

LIST = """
SELECT id, project_id, number, title, created_at, updated_at FROM episodes WHERE project_id = $1
ORDER BY number, id LIMIT $2 OFFSET $3
"""

COUNT = "SELECT count(*) FROM episodes WHERE project_id = $1"

RENUMBER = """
UPDATE episodes SET number = $3, legacy_import = false, version = version + 1, updated_at = now()
WHERE id = $1 AND project_id = $2
RETURNING id, project_id, number, title, created_at, updated_at
"""

DELETE = "DELETE FROM episodes WHERE id = $1 AND project_id = $2 RETURNING id"

PRIMARY_KEY = "episodes_pkey"


@dataclass(frozen=True)
class Episode:
    """One row, as people see it."""

    id: str
    project_id: str
    number: int
    title: str
    created_at: datetime
    updated_at: datetime


def episode(row: Any) -> Episode:
    """A row of the statements above."""
    return Episode(**row)


def address(database_url: str) -> str:
    """Host and database of a URL, without the password."""
    parts = urlsplit(database_url)
    return f"{parts.hostname or 'local socket'}{parts.path}"


async def connect(settings: Settings, say: Callable[[str], None], prepare: Callable[[Any], Awaitable[None]]) -> Any:
    """A pool whose tables exist, those of `prepare` too.

    Waits for PostgreSQL as long as it takes and logs and says why.
    """
    for pause in itertools.chain(CONNECT_PAUSES_SECONDS, itertools.repeat(CONNECT_PAUSES_SECONDS[-1])):
        try:
            return await _connect_once(settings, prepare)
        except Exception as error:  # whatever it was, another try costs little and a dead task says nothing
            where = address(settings.database_url)
            say(f"waits for PostgreSQL at {where}: {error!r}")
            log.warning("waiting for postgresql", address=where, reason=str(error), again_in_seconds=pause)
            await asyncio.sleep(pause)
    raise AssertionError("the pauses never end")


async def _connect_once(settings: Settings, prepare: Callable[[Any], Awaitable[None]]) -> Any:
    pool = await asyncpg.create_pool(
        settings.database_url,
        min_size=1,
        max_size=settings.database_pool_size,
        timeout=10,
        command_timeout=settings.time_limit_seconds + COMMAND_BACKSTOP_SECONDS,
        server_settings={"application_name": settings.instance_name[:63]},
    )
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", SCHEMA_LOCK)  # instances start at once
            await connection.execute(SCHEMA)
            await prepare(connection)
    except BaseException:
        pool.terminate()
        raise
    log.info("postgresql is there", address=address(settings.database_url))
    return pool
