"""How the dispatcher is, as one worker knows it: who is the owner, what it waits for, how old this worker's copy is."""

import msgspec

from agents.dispatch.dispatch_counts import DispatchCounts
from agents.dispatch.model_follower import NOT_READ_YET

SILENT_SECONDS = 20.0  # an owner says every five seconds that it is there
BEHIND_SECONDS = 5.0  # a copy may lack what was stored just now


class DispatchStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`owner`: its address, "" where none was ever there; `silent_seconds` since it last said so. `is_owner`: it is
    this worker. `held`: alerts of the past that wait until their events have caught up; the owner knows.
    `copy_lag`: records that this worker's copy lacks. `outbox`, `state_bytes`: of the copy."""

    owner: str = ""
    silent_seconds: float | None = None
    is_owner: bool = False
    is_live: bool = False
    waits_for: str = ""
    deadline_ms: int | None = None
    held: int = 0
    copy_problem: str = ""
    is_copied: bool = False
    copy_lag: int = 0
    behind_seconds: float = 0.0
    outbox: int = 0
    state_bytes: int = 0
    counts: DispatchCounts

    @property
    def word(self) -> str:
        """ "ok", or one sentence for each thing that is wrong."""
        return " ".join(each for each in (self._of_owner(), self._of_copy()) if each) or "ok"

    def _of_owner(self) -> str:
        if self.is_owner and not self.is_live:
            return self.waits_for or "This worker becomes the owner of the dispatcher and reads its state."
        if self.is_owner or not self.is_copied:
            return ""
        if self.silent_seconds is None:
            return "No worker has been the owner of the dispatcher yet, so nobody is notified; see the log of each."
        if self.silent_seconds < SILENT_SECONDS:
            return ""
        return (
            f"No worker is the owner of the dispatcher, so nobody is notified: {self.owner} was, and has been silent "
            f"for {self.silent_seconds:.0f} s. Another worker takes over when the group has noticed; see their logs."
        )

    def _of_copy(self) -> str:
        if self.copy_problem and self.copy_problem != NOT_READ_YET:
            return f"This worker's copy of the dispatcher's state is old: {self.copy_problem}."
        if not self.is_copied:
            return "This worker reads the dispatcher's state."
        if self.copy_lag and self.behind_seconds >= BEHIND_SECONDS:
            return (
                f"This worker's copy of the dispatcher's state lacks {self.copy_lag} records, and has been behind for "
                f"{self.behind_seconds:.0f} s."
            )
        return ""
