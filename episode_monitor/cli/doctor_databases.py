"""What `doctor` says of the two databases. It connects as the worker does and looks at what the worker needs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from episode_monitor.access import episodes_table, secret
from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel, skipped
from episode_monitor.repair.episodes import Episodes
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceDatabaseError
from episode_monitor.service_database.reader import EpisodesReader
from episode_monitor.settings.settings import Settings
from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import Connection, DatabaseOptions, connect, session_of
from episode_monitor.storage.migrate import SCHEMA, checked_status
from episode_monitor.storage.troubles import explain

log = structlog.get_logger(__name__)

OWN, SERVICE = "database", "project database"
_ANSWERS: Final = "PostgreSQL answers at"
PATIENCE_SECONDS: Final = 10.0
CLOCK_TOLERANCE_MS: Final = 2_000
_WRONG: Final = frozenset({"encoding", "newer_tables", "read_only", "transaction_pooler", "rights"})
_UNUSABLE: Final = """
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind in ('r', 'p')
    and c.relname not like '%yoyo%'
    and not (has_table_privilege(c.oid, 'SELECT') and has_table_privilege(c.oid, 'INSERT'))
order by 1
"""
_RIGHTS: Final = """
select current_setting('transaction_read_only') = 'on', has_column_privilege($1::text::regclass, $2, 'UPDATE'),
    row_security_active($1::text::regclass)
"""


async def own_database(settings: Settings) -> list[Diagnosis]:
    """The monitor's own, and what its clock says: a wrong one shifts deadlines of idle partitions."""
    url = secret(settings.monitor_database_url)
    if url is None:
        without = Diagnosis(OWN, DiagnosisLevel.SKIPPED, "Not set, so the history is kept only as long as the topics.")
        return [without, skipped("clock", "MONITOR_DATABASE_URL, to compare with")]
    address = Address.parse(url)

    async def one() -> Connection:
        session = session_of(DatabaseOptions(application_name="episode-monitor doctor"))
        return await connect(address, session, PATIENCE_SECONDS)

    try:
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            connection = await one()
            try:
                return [await _own(connection, one, address), await _clock(connection)]
            finally:
                connection.terminate()
    except Exception as error:  # every kind has a sentence
        trouble = explain(error, address)
        verdict = DiagnosisLevel.WRONG if trouble.code in _WRONG else DiagnosisLevel.UNREACHABLE
        return [Diagnosis(OWN, verdict, f"{trouble.sentence}."), skipped("clock", "PostgreSQL")]


async def _own(connection: Connection, again: Callable[[], Awaitable[Connection]], address: Address) -> Diagnosis:
    found = await checked_status(connection, again)
    if not found.pending:
        lacking = [str(name) for (name,) in await connection.fetch(_UNUSABLE, SCHEMA)]
        return _lacking(lacking, address) if lacking else Diagnosis(OWN, DiagnosisLevel.OK, f"{_ANSWERS} {address}.")
    if not await connection.fetchval("select has_database_privilege(current_database(), 'CREATE')"):
        lacks = f"{address.user!r} cannot make the tables at {address}: grant it CREATE on the database."
        return Diagnosis(OWN, DiagnosisLevel.WRONG, lacks)
    count = len(found.pending)
    waiting = "1 migration will run" if count == 1 else f"{count} migrations will run"
    return Diagnosis(OWN, DiagnosisLevel.OK, f"PostgreSQL answers at {address}; {waiting} at the next start.")


def _lacking(tables: list[str], address: Address) -> Diagnosis:
    named = ", ".join(tables)
    return Diagnosis(
        OWN, DiagnosisLevel.WRONG,
        f"{address.user!r} may not read or not add rows of {named} at {address}: run the commands below as the owner.",
        tuple(f'grant select, insert on {SCHEMA}.{table} to "{address.user}";' for table in tables),
    )  # fmt: skip


async def service_database(settings: Settings) -> list[Diagnosis]:
    """The project service's, its table and columns, and what a repair needs."""
    url = secret(settings.database_url)
    if url is None:
        return [Diagnosis(SERVICE, DiagnosisLevel.SKIPPED, "Not set, so there is no drift check and no repair.")]
    address, table = Address.parse(url, "DATABASE_URL"), episodes_table(settings)
    try:
        async with EpisodesReader.open(url, table) as reader:
            asked = await reader.connection.fetchrow(_RIGHTS, table.quoted_table, table.number_column)
        remarks = [f"About {table.table} at {address}: its columns are there"]
        is_read_only, may_update, is_filtered = asked
        if is_filtered:
            remarks.append("row security applies to the account, and rows that its policies hide count as missing")
        wrong = await _repair(settings, address, is_read_only=is_read_only, may_update=may_update)
    except ServiceDatabaseAway as error:
        return [Diagnosis(SERVICE, DiagnosisLevel.UNREACHABLE, str(error))]
    except ServiceDatabaseError as error:
        return [Diagnosis(SERVICE, DiagnosisLevel.WRONG, str(error))]
    if wrong and settings.auto_fix_enabled:
        return [Diagnosis(SERVICE, DiagnosisLevel.WRONG, wrong)]
    if wrong:
        remarks.append(f"repair cannot be used: {wrong.rstrip('.')}")
    return [Diagnosis(SERVICE, DiagnosisLevel.OK, f"{'; '.join(remarks)}.")]


async def _repair(settings: Settings, address: Address, *, is_read_only: bool, may_update: bool) -> str:
    """What keeps a repair from being planned or applied; empty: nothing."""
    table = episodes_table(settings)
    try:
        async with Episodes.open(address, table):
            pass
    except ServiceDatabaseAway:
        raise
    except ServiceDatabaseError as error:
        return str(error)
    if not settings.auto_fix_enabled:
        return ""
    if is_read_only:
        return f"PostgreSQL at {address} is read-only: set DATABASE_URL to the primary server."
    if not may_update:
        return f"The account of DATABASE_URL may not change {table.number_column} of {table.table}: grant it UPDATE."
    return ""


async def _clock(connection: Any) -> Diagnosis:
    before_ms = time.time() * 1000
    theirs_ms = float(await connection.fetchval("select extract(epoch from clock_timestamp())::float8")) * 1000
    after_ms = time.time() * 1000
    off_ms = max(0.0, before_ms - theirs_ms, theirs_ms - after_ms)
    if off_ms > CLOCK_TOLERANCE_MS:
        return Diagnosis("clock", DiagnosisLevel.WRONG,
                       f"This clock and PostgreSQL's are {off_ms / 1000:.1f} s apart; synchronise them.")  # fmt: skip
    return Diagnosis("clock", DiagnosisLevel.OK, "This clock and PostgreSQL's agree to within 2 s.")
