"""Why PostgreSQL cannot be used, whichever driver said so and whichever database it is: a code and a sentence.

The words of server, pooler and TLS library are quoted, without the address's secrets.
"""

import re
import socket
import ssl
from typing import Final, NamedTuple

import asyncpg
import psycopg

from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import TransactionPooler

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
_TLS: Final = re.compile(r"\b(ssl|tls|certificate)\b", re.IGNORECASE)


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
    if isinstance(error, asyncpg.InterfaceError | asyncpg.PostgresConnectionError | psycopg.OperationalError):
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
