"""Sends what a change of a partition causes, under the lock of that change: alerts and dead letters."""

from collections.abc import Callable, Sequence

from agents.alerts.catching_up import LIVE_MS
from agents.engine.assignment import Assignment
from agents.engine.halt import Halt
from agents.engine.letter_log import LetterLog
from agents.engine.ownership import Change, Owned
from agents.engine.stall_guard import StallGuard
from agents.engine.writer import Writer
from agents.fetching.reading import Record
from models.alert import Alert
from models.dead_letter import DeadLetter
from models.event import FUTURE_TOLERANCE_MS

MOST_LATE_MS = FUTURE_TOLERANCE_MS  # a producer's clock may be behind as far as it may be ahead

Failpoint = Callable[[str], None]


class Emitter:
    """Sends and does not wait for the broker: a flush does. `now_ms` is the wall clock."""

    def __init__(
        self, assignment: Assignment, writer: Writer, stall_guard: StallGuard, halt: Halt, now_ms: Callable[[], int],
        failpoint: Failpoint,
    ) -> None:  # fmt: skip
        self.failpoint = failpoint
        self._assignment = assignment
        self._writer = writer
        self._stall_guard = stall_guard
        self._halt = halt
        self._now_ms = now_ms
        self._letter_log = LetterLog()

    async def emit(self, change: Change, letters: Sequence[DeadLetter] = (), records: Sequence[Record] = ()) -> None:
        """Send what the partition has to emit after it took `records`, and these dead letters. Alerts about numbers are
        held back where the other partitions must be asked first."""
        owned = change.owned
        alerts, owned.partition.emits = owned.partition.emits, []
        if alerts and self._assignment.compare is not None and self._assignment.partitions > 1:
            alerts = owned.held.hold_back(alerts)
        await self._send(change, alerts, letters, records)

    async def emit_of_fleet(self, change: Change, alerts: Sequence[Alert], *, is_behind: bool) -> None:
        """Send transitions that no single partition of events has caused."""
        if self._halt.is_halted:
            return
        self._stall_guard.check()
        await self._writer.emit(change, alerts, is_behind=is_behind)
        self.failpoint("after emit")

    async def release(self, change: Change) -> None:
        """Send what was held back."""
        await self._send(change, change.owned.held.release(change.owned.partition.index.splits), [])

    async def _send(
        self, change: Change, alerts: Sequence[Alert], letters: Sequence[DeadLetter], records: Sequence[Record] = ()
    ) -> None:
        if self._halt.is_halted or not (letters or alerts):
            return
        self._stall_guard.check()
        if letters:
            await self._writer.send_to_dead_letters(change, letters)
            self._letter_log.note(letters)
        if alerts:
            owned = change.owned
            self._note_age(owned, self._now_ms() - min(alert.updated_at_ms for alert in alerts))
            await self._writer.emit(change, alerts, owned.number, is_behind=owned.is_behind, records=records)
            self.failpoint("after emit")

    def _note_age(self, owned: Owned, age_ms: int) -> None:
        if age_ms > LIVE_MS + owned.arrival.late_ms:
            owned.is_behind, owned.arrival.late_ms = True, 0
        if age_ms > LIVE_MS + MOST_LATE_MS:  # no clock is so wrong: a past is being copied
            owned.arrival.at_end_since = None
