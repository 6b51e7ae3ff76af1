"""What an error of PostgreSQL, a pooler, a driver or the network means: one sentence for people, one decision for us.

Words of server, pooler and TLS library are quoted; no password gets into a sentence.
"""

import re
import socket
import ssl
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

import asyncpg
import psycopg

from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import TransactionPooler
from episode_monitor.storage.connections import AllBusy

_STATES: Final = {
    "28P01": ("password", "{where} rejects the password of {user}: correct {setting}"),
    "28000": ("login", "{where} does not admit {user} ({words}): create the role, or allow it in pg_hba.conf"),
    "3D000": ("no_database", "{where} has no such database: create it, or correct {setting}"),
    "57P03": ("starting", "{where} is starting up or shutting down ({words}): it will be tried again"),
    "53300": (
        "full",
        "{where} has no free connection: raise max_connections, or what limits the role or pooler ({words})",
    ),
    "26000": ("transaction_pooler", ""),
    "42P05": ("transaction_pooler", ""),
}
_POOLING: Final = (
    "{where} is behind a pooler in transaction mode, which loses session state: set the "
    "pooler to session mode, or {setting} to the server itself"
)
_WORDS: Final = (  # what libpq and poolers say without a code; the server's own may be in any language
    (re.compile(r"too many (clients|connections)|connection slots|no more connections allowed"), "53300"),
    (re.compile(r"password authentication failed"), "28P01"),
    (re.compile(r"no pg_hba\.conf entry|role .* does not exist"), "28000"),
    (re.compile(r"database .* does not exist"), "3D000"),
    (re.compile(r"the database system is|server login has been failing|pooler is shut"), "57P03"),
)
# asyncpg raises InternalClientError where a connection is cut in the middle of a write.
_LOST = (
    asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError, psycopg.OperationalError,
)  # fmt: skip
_TLS: Final = re.compile(r"\b(ssl|tls|certificate)\b", re.IGNORECASE)


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


class WrongEncoding(Exception):
    """The database cannot hold every text; its encoding is the message."""


_BAD_ROW_CLASSES = frozenset({"22", "23", "54"})  # data exception, integrity violation, program limit exceeded
_AGAIN_STATES = frozenset({"57014", "55P03", "40001", "40P01"})  # time limit, lock, serialisation, deadlock
_OUR_CLASSES = frozenset({"42", "0A"})  # syntax or missing table, feature: the statement or the tables are wrong
_KNOWN_STATES = {
    "25006": ("read_only", "{where} is read-only, perhaps a standby: point MONITOR_DATABASE_URL at the primary"),
    "42501": (
        "rights",
        "{where} denies access to {user}: grant it CREATE on the database, or run `episode-monitor migrate` with a "
        "role that has it",
    ),
}
_TABLE_DENIED = re.compile(r"permission denied for (table|schema|sequence)")


def explain(error: BaseException, address: Address) -> Trouble:
    """The meaning of any exception that came out of asyncpg, psycopg, the migrations or the network."""
    where = f"PostgreSQL at {address.place}"
    if isinstance(error, TablesAreNewer):
        return Trouble(
            "newer_tables",
            f"{where} holds tables of a newer monitor (migration {address.scrub(str(error))} is unknown here): update "
            "this monitor, or give it a database of its own in MONITOR_DATABASE_URL",
        )
    if isinstance(error, WrongEncoding):
        return Trouble(
            "encoding",
            f"{where} has the encoding {error}, which cannot store every name: give the monitor a database "
            "made with ENCODING 'UTF8' TEMPLATE template0 in MONITOR_DATABASE_URL",
        )
    if isinstance(error, AllBusy):
        return Trouble("busy", f"all connections to {where} are busy: try again in a moment", Decision.LATER)
    state = getattr(error, "sqlstate", None)
    words = words_of(error, address)
    if state in _AGAIN_STATES:
        return Trouble("busy", f"{where} took too long for a statement: check its load", Decision.LATER)
    if state == "42501" and _TABLE_DENIED.search(words):
        return Trouble(
            "rights",
            f"{where} denies {address.user!r} what a worker needs ({words}): grant it the role episode_monitor_worker",
        )
    if state == "42501" and "CONNECT" in f"{words} {getattr(error, 'detail', '')}":
        return Trouble("rights", f"{where} does not let {address.user!r} connect: grant it CONNECT on the database")
    if state in _KNOWN_STATES:
        code, sentence = _KNOWN_STATES[state]
        return Trouble(code, sentence.format(where=where, user=repr(address.user)))
    if isinstance(state, str) and state[:2] in _BAD_ROW_CLASSES:
        return Trouble("bad_row", f"{where} cannot hold the row ({words})", Decision.BAD_ROW)
    cause = cause_of(error, where, address)
    if cause is not None:
        return Trouble(cause.code, cause.sentence)
    if isinstance(state, str):
        decision = Decision.OURS if state[:2] in _OUR_CLASSES else Decision.REOPEN
        return Trouble(f"state_{state}", f"{where} rejects a statement ({words}): see the log", decision)
    if isinstance(error, ValueError | TypeError | OverflowError):
        return Trouble("bad_row", f"{where} cannot hold the value ({words})", Decision.BAD_ROW)
    return Trouble("unexpected", f"{where} cannot be used ({words}): see the log", Decision.OURS)


class ConnectionCause(NamedTuple):
    """Two errors of one `code` are the same news. The sentence has no full stop."""

    code: str
    sentence: str


def cause_of(error: BaseException, where: str, address: Address) -> ConnectionCause | None:
    """None where it is no trouble of the connection. `where` begins the sentence."""
    state = getattr(error, "sqlstate", None)
    words = words_of(error, address)
    if isinstance(error, TransactionPooler):
        state = "26000"
    if state in (None, "08P01", "08004", "08006", "XX000"):
        state = next((known for pattern, known in _WORDS if pattern.search(words)), state)
    if state in _STATES:
        code, sentence = _STATES[state]
        return ConnectionCause(
            code,
            (sentence or _POOLING).format(where=where, user=repr(address.user), words=words, setting=address.setting),
        )
    if isinstance(state, str) and state != "08006":
        return _of_class(state, where, words, address)
    return _of_driver(error, where, words, address)


def _of_class(state: str, where: str, words: str, address: Address) -> ConnectionCause | None:
    if "unsupported startup parameter" in words:
        return ConnectionCause("startup", f"{where} refuses the connection ({words}): remove it from {address.setting}")
    match state[:2]:
        case "28":
            return ConnectionCause(
                "login", f"{where} does not let {address.user!r} in ({words}): correct {address.setting}"
            )
        case "53":
            return ConnectionCause("resources", f"{where} is out of resources ({words}): add disk space or memory")
        case "57" | "08":
            return ConnectionCause("lost", f"{where} closed the connection ({words}): check that the server runs")
    return None


def _of_driver(error: BaseException, where: str, words: str, address: Address) -> ConnectionCause | None:
    if isinstance(error, asyncpg.ClientConfigurationError):
        return ConnectionCause("address", f"{where} cannot be queried ({words}): correct {address.setting}")
    if isinstance(error, FileNotFoundError | PermissionError | psycopg.OperationalError | ssl.SSLError):
        unreadable = address.unreadable_file()
        if unreadable is not None:
            return ConnectionCause(
                "no_file", f"{where} cannot be queried ({unreadable} cannot be read): correct {address.setting}"
            )
    is_tls = isinstance(error, ssl.SSLError) or (_TLS.search(words) and isinstance(error, OSError | psycopg.Error))
    if is_tls:
        return ConnectionCause(
            "tls", f"{where} and this monitor cannot agree on TLS ({words}): see sslmode in {address.setting}"
        )
    if isinstance(error, _LOST):
        return ConnectionCause("lost", f"{where} closed the connection ({words}): check that the server runs")
    return _of_network(error, where, words, address) if isinstance(error, OSError) else None


def _of_network(error: OSError, where: str, words: str, address: Address) -> ConnectionCause:
    if isinstance(error, TimeoutError):
        return ConnectionCause("timeout", f"{where} does not answer in time: check the server and the network")
    if isinstance(error, socket.gaierror):
        return ConnectionCause("no_host", f"no host of {address.place} can be resolved: correct {address.setting}")
    if isinstance(error, FileNotFoundError | PermissionError):
        return ConnectionCause("no_file", f"{where} cannot be reached ({words}): see the file named")
    return ConnectionCause(
        "unreachable",
        f"{where} cannot be reached, it refuses the connection: start the server, or correct {address.setting} "
        f"({words})",
    )


def words_of(error: BaseException, address: Address) -> str:
    """What the error says, in one line and without a secret."""
    return address.scrub(str(error)).rstrip(".") or type(error).__name__
