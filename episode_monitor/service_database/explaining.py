"""Turns what a driver or the network raised into an error of this package. No password gets into a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import psycopg

from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import (
    ServiceDatabaseAway,
    ServiceDatabaseError,
    ServiceDatabaseRefused,
    ServiceTableMismatch,
)
from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import TransactionPooler
from episode_monitor.storage.troubles import cause_of, words_of

_UNDEFINED_TABLE, _UNDEFINED_COLUMN, _UNDEFINED_SCHEMA = "42P01", "42703", "3F000"
_NO_RIGHT, _READ_ONLY = "42501", "25006"
_NO_TEXT = ("22021", "22P05")  # bytes of the wrong encoding, and a character that the other one lacks
_NOT_A_TABLE = ("42809", "55000")  # such as a materialized view, and a view of more than one table
_TOO_SLOW = ("57014", "55P03")  # a statement's or a lock's time limit

_EXPLAINED = (
    TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, psycopg.Error, OSError, TransactionPooler
)  # fmt: skip
_GIVEN = Address.parse("postgresql:///", "the connection")  # of one that was handed in: it has no secrets of ours


@contextmanager
def explained(place: str, table: EpisodesTable, address: Address | None = None) -> Iterator[None]:
    """Raises ServiceDatabaseError in place of what the drivers and the network raise. `place` names the database."""
    try:
        yield
    except _EXPLAINED as error:
        raise explain(error, place, table, address) from error


def explain(error: BaseException, place: str, table: EpisodesTable, address: Address | None) -> ServiceDatabaseError:
    """The meaning of one error in one sentence."""
    where = f"The project service's database at {place}"
    words = words_of(error, address or _GIVEN)
    state = getattr(error, "sqlstate", None)
    if state in (_UNDEFINED_TABLE, _UNDEFINED_SCHEMA):
        return ServiceTableMismatch(f"{where} has no table {table.table}: set EPISODES_TABLE to an existing one.")
    if state == _UNDEFINED_COLUMN:
        return ServiceTableMismatch(
            f"Table {table.table} at {place} lacks a column ({words}): set EPISODES_ID_COLUMN, "
            f"EPISODES_PROJECT_COLUMN and EPISODES_NUMBER_COLUMN to existing columns."
        )
    if state == _NO_RIGHT:
        return ServiceDatabaseRefused(f"{where} denies access ({words}): grant the account of DATABASE_URL that right.")
    if state == _READ_ONLY:
        return ServiceDatabaseRefused(f"{where} is read-only: set DATABASE_URL to the primary server.")
    if state in _NO_TEXT:
        return ServiceDatabaseError(
            f"{where} contains text that is not UTF-8 ({words}): correct that row (SQL_ASCII does not check it)."
        )
    if isinstance(state, str) and (state[:2] == "0A" or state in _NOT_A_TABLE):
        return ServiceDatabaseRefused(
            f"{table.table} at {place} cannot be changed or locked ({words}): set EPISODES_TABLE to the "
            "underlying table."
        )
    if state in _TOO_SLOW or isinstance(error, TimeoutError):
        return ServiceDatabaseAway(f"{where} does not answer in time: check its load, then try again.")
    cause = cause_of(error, where, address or _GIVEN)
    if cause is None:
        return ServiceDatabaseError(f"{where} rejects a statement ({words}): see the log.")
    is_refused = cause.code in ("password", "login", "transaction_pooler")
    return (ServiceDatabaseRefused if is_refused else ServiceDatabaseAway)(f"{cause.sentence}.")
