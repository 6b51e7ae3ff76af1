"""What the rest of the monitor may ask of the storage, whether PostgreSQL stands behind it or only memory.

One contract test suite runs over both implementations. The ledger's protocol is `alert_sinks.ledger.Ledger`.
"""

from typing import Any, Protocol

from episode_monitor.storage.records import (
    AuditEntry,
    AuditQuery,
    CheckKind,
    CheckQuery,
    CheckResult,
    CheckState,
    HistoryQuery,
    Page,
    Stored,
    Transition,
)
from models.alert import Alert


class DatabaseAway(Exception):
    """PostgreSQL cannot be asked now. The message is one sentence for people; a view answers 503 with it."""


class UnknownCheck(LookupError):
    """No check of this id is known here."""


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


class AlertHistory(Protocol):
    """Every transition of every alert with its reason."""

    newest_only: int | None  # holds no more than these, and forgets them at the end of the process; None: keeps all

    async def append(
        self, alert: Alert, partition: int, offset: int, *, by: str | None = None, comment: str | None = None
    ) -> Stored:
        """Adds the transition read at this place of the alerts topic; a repetition changes nothing.

        A partition's transitions must come in the order of their offsets, and one process at a time appends them.
        `by` and `comment` are the person's, where a person did it.
        """

    async def list(self, query: HistoryQuery) -> Page[Transition]:
        """A page, newest first. Raises `DatabaseAway`, `BadQuery`."""

    async def last_offsets(self) -> dict[int, int]:
        """Partition → the offset up to which the history is complete; read on from the next one to catch up.

        A partition that is not in it has no history. An offset past the partition's end means that the topic was made
        anew: catch up from its beginning. Raises `DatabaseAway`.
        """

    def behind(self) -> dict[int, int]:
        """Partition → the first offset left out because memory was full. Empty in good health.

        Transitions after it are left out too, until they come again: the topic still has them, so read the partition
        again from `last_offsets()`.
        """


class CheckResults(Protocol):
    """Integrity checks that ran or run."""

    async def create(self, kind: CheckKind, requested_by: str, at_ms: int) -> CheckResult:
        """A new running check with an id of its own."""

    async def progress(self, check_id: str, done: int, total: int | None, at_ms: int) -> CheckResult:
        """Notes how far it is. Raises `UnknownCheck`; a finished check stays as it is."""

    async def finish(self, check_id: str, state: CheckState, result: dict[str, Any], at_ms: int) -> CheckResult:
        """Ends it, `state` being any but running. Raises `UnknownCheck`; a finished check stays as it is."""

    async def get(self, check_id: str) -> CheckResult:
        """Raises `UnknownCheck`, and `DatabaseAway` where another worker's check cannot be looked up."""

    async def list(self, query: CheckQuery) -> Page[CheckResult]:
        """A page, newest first. Raises `DatabaseAway`, `BadQuery`."""

    async def abandon(self, silent_since_ms: int, at_ms: int) -> int:
        """Ends as failed the running checks that were last heard of before `silent_since_ms`; returns how many."""


class AuditLog(Protocol):
    """Who changed what. Rows are only ever added."""

    async def append(self, entry: AuditEntry) -> Stored:
        """Adds a row and waits until it is written. While PostgreSQL is away the row is queued instead, and logged at
        once so that it cannot be lost silently."""

    def note(self, entry: AuditEntry) -> None:
        """The same without waiting, for a caller that must not block."""

    async def list(self, query: AuditQuery) -> Page[AuditEntry]:
        """A page, newest first. Raises `DatabaseAway`, `BadQuery`."""
