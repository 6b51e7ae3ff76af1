"""What an error of PostgreSQL, of a driver or of the network means: one sentence for people, one decision for us.

No password may get into a sentence.
"""

import socket
import ssl
from dataclasses import dataclass
from enum import Enum

import asyncpg
import psycopg

from episode_monitor.storage.address import Address


class Decision(Enum):
    """What to do about an error."""

    REOPEN = "reopen"  # the connection or the server is no good: count it as away and try again
    LATER = "later"  # this statement did not come through; the connection is good
    BAD_ROW = "bad row"  # PostgreSQL will never take this row
    OURS = "ours"  # our own mistake


@dataclass(frozen=True)
class Trouble:
    """An error understood. Two troubles of one `code` are the same news."""

    code: str
    sentence: str  # what and why and what to do, without the full stop
    decision: Decision = Decision.REOPEN


class TablesAreNewer(Exception):
    """The database holds migrations that this monitor does not know."""

    def __init__(self, unknown: list[str]) -> None:
        super().__init__(", ".join(unknown))
        self.unknown = unknown


class ReadOnly(Exception):
    """The server takes no writes."""

    sqlstate = "25006"


class AllBusy(Exception):
    """Every connection of the pool is at work."""

    sqlstate = "57014"


_BAD_ROW_CLASSES = frozenset({"22", "23", "54"})  # data exception, integrity violation, program limit exceeded
_AGAIN_STATES = frozenset({"57014", "55P03", "40001", "40P01"})  # time limit, lock, serialisation, deadlock
_OUR_CLASSES = frozenset({"42", "0A"})  # syntax or missing table, feature: the statement or the tables are wrong
_KNOWN_STATES = {
    "28P01": ("password", "{where} refuses the password of {user}: correct MONITOR_DATABASE_URL"),
    "28000": ("login", "{where} does not let {user} in: create the role, or allow it in pg_hba.conf"),
    "3D000": ("no_database", "{where} has no such database: create it, or correct MONITOR_DATABASE_URL"),
    "25006": ("read_only", "{where} is read-only, a standby perhaps: point MONITOR_DATABASE_URL at the primary"),
    "42501": ("rights", "{where} denies {user} a right: grant it CREATE on the database"),
    "57P03": ("starting", "{where} is starting up or shutting down: it will be tried again"),
    "53300": ("full", "{where} has no connection left: raise max_connections, or end what holds them"),
}


def explain(error: BaseException, address: Address) -> Trouble:
    """The meaning of any exception that came out of asyncpg, psycopg, the migrations or the network."""
    where = f"PostgreSQL at {address.place}"
    if isinstance(error, TablesAreNewer):
        return Trouble(
            "newer_tables",
            f"{where} holds tables of a newer monitor (migration {address.scrub(str(error))} is unknown here): update "
            "this monitor, or give it a database of its own in MONITOR_DATABASE_URL",
        )
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str) and state != "08006":
        return _of_state(state, error, where, address)
    if isinstance(error, asyncpg.ClientConfigurationError):
        return Trouble("address", f"{where} cannot be asked ({_words(error, address)}): correct MONITOR_DATABASE_URL")
    if isinstance(error, asyncpg.InterfaceError | asyncpg.PostgresConnectionError | psycopg.OperationalError):
        return Trouble("lost", f"{where} broke the connection: see whether the server runs")
    if isinstance(error, OSError):
        return _of_network(error, where, address)
    if isinstance(error, ValueError | TypeError | OverflowError):
        return Trouble("bad_row", f"{where} cannot hold the value ({_words(error, address)})", Decision.BAD_ROW)
    return Trouble("unexpected", f"{where} cannot be used ({_words(error, address)}): see the log", Decision.OURS)


def _of_network(error: OSError, where: str, address: Address) -> Trouble:
    if isinstance(error, TimeoutError):
        return Trouble("timeout", f"{where} does not answer in time: see whether the server and the way to it are well")
    if isinstance(error, socket.gaierror):
        return Trouble("no_host", f"no host of {address.place} can be found: correct MONITOR_DATABASE_URL")
    if isinstance(error, ssl.SSLError):
        return Trouble("tls", f"{where} and this monitor agree on no TLS ({_words(error, address)}): see sslmode")
    if isinstance(error, FileNotFoundError | PermissionError):
        return Trouble("no_file", f"{where} cannot be reached ({_words(error, address)}): see the file named")
    return Trouble("unreachable", f"{where} refuses the connection: start the server, or correct MONITOR_DATABASE_URL")


def _of_state(state: str, error: BaseException, where: str, address: Address) -> Trouble:
    if state in _AGAIN_STATES:
        return Trouble("busy", f"{where} took too long over a statement: see what it is busy with", Decision.LATER)
    if state[:2] in _BAD_ROW_CLASSES:
        return Trouble("bad_row", f"{where} cannot hold the row ({_words(error, address)})", Decision.BAD_ROW)
    if state in _KNOWN_STATES:
        code, sentence = _KNOWN_STATES[state]
        return Trouble(code, sentence.format(where=where, user=repr(address.user)))
    if state[:2] == "53":
        return Trouble("resources", f"{where} has no room ({_words(error, address)}): give it disk or memory")
    if state[:2] in ("57", "08"):
        return Trouble("lost", f"{where} broke the connection: see whether the server runs")
    decision = Decision.OURS if state[:2] in _OUR_CLASSES else Decision.REOPEN
    return Trouble(f"state_{state}", f"{where} refuses a statement ({_words(error, address)}): see the log", decision)


def _words(error: BaseException, address: Address) -> str:
    return address.scrub(str(error)) or type(error).__name__
