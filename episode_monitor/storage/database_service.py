"""What owns the connection to PostgreSQL as its users see it, and its stand-in where there is no database."""

from enum import Enum
from typing import Protocol

import structlog

_log = structlog.get_logger(__name__)


class DatabaseAway(Exception):
    """PostgreSQL cannot be asked now. The message is one sentence for people; a view answers 503 with it."""


class Stored(Enum):
    """What became of a write."""

    WRITTEN = "written"  # it is in the table
    QUEUED = "queued"  # PostgreSQL is away; it waits in memory and is written later
    LEFT_TO_CATCH_UP = "left to catch-up"  # history only: memory is full, the topic still has it
    REFUSED = "refused"  # PostgreSQL cannot hold this row, or memory was full; it was logged


class DatabaseService(Protocol):
    """The owner of the connection, seen from the process that starts and stops it."""

    async def connect(self) -> None:
        """Starts it. Never raises for an absent server, and waits for one only briefly."""

    async def close(self) -> None:
        """Writes what still waits, if it can in a few seconds, and ends."""

    def status(self) -> str:
        """`ok`, or one sentence that says what is wrong, what becomes of the data and what to do."""

    def losses(self) -> str:
        """One sentence on rows that were lost since the start of the process, and why; empty where none was."""

    def counters(self) -> dict[str, int]:
        """Counts for metrics: `{table}_pending`, `{table}_lost`."""


class NullDatabase:
    """Stands where `Database` would when no address is set."""

    async def connect(self) -> None:
        """Says once what is missing."""
        _log.warning("MONITOR_DATABASE_URL is not set: history and ledger live only as long as the topics")

    async def close(self) -> None:
        """Nothing to end."""

    def status(self) -> str:
        """Always `ok`: doing without is a choice, not a trouble."""
        return "ok"

    def losses(self) -> str:
        """Nothing is ever refused."""
        return ""

    def counters(self) -> dict[str, int]:
        """Nothing ever waits."""
        return {}
