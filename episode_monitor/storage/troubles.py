"""What an error of PostgreSQL, of a driver or of the network means: one sentence for people, one decision for us.

No password may get into a sentence.
"""

from dataclasses import dataclass
from enum import Enum

from episode_monitor.storage.address import Address
from episode_monitor.storage.connection_errors import cause_of, words_of
from episode_monitor.storage.connections import AllBusy


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
    "42501": ("rights", "{where} denies access to {user}: grant it CREATE on the database"),
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
