"""Changes in the lives of alerts (acts of people, escalation, expiry) on their way to the history.

A change is stored with its decision and removed when the history has it, so that an end at any point loses none. It is
known by alert, reason and time: appended again, it is there already.
"""

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from agents.alerts.history_follower import HistoryStore
from agents.dispatch.codecs import decode_change, encode_change
from agents.dispatch.decision_log import CHANGE
from agents.dispatch.dispatch_counts import DispatchCounts
from agents.engine.emitter import Failpoint
from streams.dispatch.outputs import Change

log = structlog.get_logger(__name__)

WAITING_MAX = 10_000  # while the history is away; then the oldest are lost
SHOWN_MAX = 1_000  # kept for copies of the history in memory, which end with their process
TOGETHER = 500
PAUSE_SECONDS = 1.0  # while the history is away


class ChangeOutbox:
    """The owner's. `history` None keeps nothing."""

    def __init__(
        self, history: HistoryStore | None, failpoint: Failpoint, counts: DispatchCounts | None = None
    ) -> None:
        self.lost = 0
        self._counts = counts or DispatchCounts()
        self._history = history
        self._failpoint = failpoint
        self._staged: dict[bytes, bytes] = {}
        self._waiting: dict[bytes, bytes] = {}
        self._done: list[bytes] = []
        self._news = asyncio.Event()
        self._sequence = 0

    @property
    def has_done(self) -> bool:
        """Whether something stored is to be removed."""
        return bool(self._done)

    @property
    def _is_shared(self) -> bool:
        return self._history is not None and self._history.newest_only is None

    def recover(self, stored: Mapping[bytes, bytes]) -> None:
        """Take up what is stored."""
        self._waiting = dict(sorted(stored.items()))
        self._sequence = 1 + max((int(key[1:], 16) for key in stored), default=-1)
        self._news.set()

    def put(self, changes: Iterable[Change]) -> dict[bytes, bytes]:
        """The records to store with the decision."""
        added = {}
        if self._history is not None:
            for change in changes:
                added[CHANGE + b"%016x" % self._sequence] = encode_change(change)
                self._sequence += 1
        self._staged |= added
        return added

    def stored(self) -> None:
        """What was put is stored: from now on it may be appended."""
        if self._staged:
            self._waiting |= self._staged
            self._staged = {}
            self._bound()
            self._news.set()

    def _bound(self) -> None:
        over = len(self._waiting) - (WAITING_MAX if self._is_shared else SHOWN_MAX)
        for key in list(self._waiting)[: max(0, over)]:
            self._remove(key)
            if self._is_shared:
                self.lost += 1
                self._counts.changes_lost += 1
                if self.lost == 1 or self.lost % 1000 == 0:
                    log.error("a change of an alert is not in the history: too many wait", lost_so_far=self.lost)

    def _remove(self, key: bytes) -> None:
        if self._waiting.pop(key, None) is not None:
            self._done.append(key)

    def take_done(self) -> list[bytes]:
        """What the next write removes."""
        done, self._done = self._done, []
        return done

    async def run(self) -> None:
        """Append what is stored, for ever. A history that is away is asked again."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._is_shared and self._waiting:
                if not await self._append():
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _append(self) -> bool:
        history = self._history
        if history is None:
            return True
        try:
            await history.last_offsets()  # it answers: what is queued while it is away would be queued again and again
            batch = list(self._waiting.items())[:TOGETHER]
            changes = [(key, decode_change(value)) for key, value in batch]
            taken = await asyncio.gather(*(history.append_change(one) for _, one in changes if one is not None))
        except Exception as error:
            log.debug("the alert history cannot be written", error=str(error))
            return False
        self._failpoint("dispatch kept")
        if not all(taken):
            return False
        for key, _ in batch:
            self._remove(key)
        return True
