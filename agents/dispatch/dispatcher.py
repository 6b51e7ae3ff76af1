"""Decides, stores, and only then sends: a notification is sent because it is stored, until it is known to be sent.

The end of the process before a decision is stored undoes it, and nothing of it was sent. The end after that sends the
same notifications again, with the same ids. Neither needs transactions of the broker.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from agents.alerts.history_follower import HistoryStore
from agents.dispatch.change_outbox import ChangeOutbox
from agents.dispatch.codecs import (
    Outcome,
    Presence,
    decode_notification,
    decode_outcome,
    encode_notification,
    encode_outcome,
    encode_presence,
)
from agents.dispatch.decision_log import CHANGE, END, OUTBOX, OUTCOME, OWNER, DecisionLog
from agents.dispatch.dispatch_counts import DispatchCounts, has_empty_shift
from agents.dispatch.timed import Timed
from agents.engine.emitter import Failpoint
from agents.time_slices import Slice, in_slices
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide, wiring
from streams.dispatch.inputs import Acknowledge, SetSilence, Tick
from streams.dispatch.outputs import Decision
from streams.dispatch.state import META, State
from streams.dispatch.storage import restoring, take_changes

log = structlog.get_logger(__name__)

OUTCOMES_KEPT_MS = 60_000  # a worker waits for the outcome of an act for less
PRESENCE_MS = 5_000  # so often the owner stores that it is there

Send = Callable[[bytes, bytes], Awaitable["asyncio.Future[object]"]]
"""Queue a notification by key and value; the future is done when the broker has it."""


@dataclass(frozen=True, kw_only=True)
class DispatcherParts:
    """What it works with. `config` returns the configuration in force, always the same object until it changes;
    `worker` is the address of this worker."""

    log: DecisionLog
    send: Send
    config: Callable[[], DispatchConfig]
    now_ms: Callable[[], int]
    failpoint: Failpoint = lambda name: None
    worker: str = ""
    history: HistoryStore | None = None


class Dispatcher:
    """The owner's copy of the state. Everything it does is one after the other."""

    def __init__(self, parts: DispatcherParts, counts: DispatchCounts | None = None) -> None:
        self.state = State()
        self.counts = counts or DispatchCounts()
        self.deadline_ms: int | None = None  # when a tick is wanted
        self._parts = parts
        self.changes = ChangeOutbox(parts.history, parts.failpoint, self.counts)
        self._outbox: dict[bytes, bytes] = {}  # stored, and not known to be sent
        self._sent: list[bytes] = []  # stored in the outbox, and sent
        self._outcomes: dict[bytes, int] = {}
        self._present_ms = 0  # when it stored last that it is there
        self._sequence = 0

    @property
    def outbox(self) -> int:
        """Notifications that are stored and not known to be sent."""
        return len(self._outbox)

    async def recover(self, values: Mapping[bytes, bytes], torn: Mapping[bytes, bytes | None]) -> None:
        """Take up what is stored; overwrite what was cut off; send what may not have been sent. Raises KafkaError,
        NewerFormatError."""
        stored: dict[bytes, bytes] = {}
        kinds: dict[bytes, dict[bytes, bytes]] = {OUTBOX: {}, OUTCOME: {}, OWNER: {}, CHANGE: {}}
        for key, value in values.items():
            kinds.get(key[:1], stored)[key] = value
        self.state = State()
        await in_slices(_all_of(restoring(self.state, stored.items()), wiring(self._parts.config(), self.state)))
        self._outbox = dict(sorted(kinds[OUTBOX].items()))
        self._outcomes = {key: decode_outcome(value).at_ms for key, value in kinds[OUTCOME].items()}
        self._sequence = 1 + max((int(key[1:], 16) for key in self._outbox), default=-1)
        self.changes.recover(kinds[CHANGE])
        await self._write({key: values.get(key) for key in torn})
        self.counts.repeated += len(self._outbox)
        await self._send()
        await self.take([Timed(Tick(), self.state.meta.clock_ms)])  # derives what is not stored, and the next deadline

    async def take(self, inputs: Sequence[Timed]) -> None:
        """Decide on these inputs, store, send. Raises KafkaError, ProducerFenced; after that this one is of no use."""
        changes: dict[bytes, bytes | None] = {}
        one = Slice()
        for timed in inputs:
            await one.step()
            self._decide(timed, changes)
        self._parts.failpoint("dispatch decided")
        changes |= take_changes(self.state)
        if not changes.keys() <= {END} or self._sent or any(timed.given.position for timed in inputs):
            await self._write(changes)
            self._parts.failpoint("dispatch stored")
        await self._send()

    def is_due(self, now_ms: int) -> bool:
        """Whether a tick is wanted: a deadline has passed, or another configuration is in force."""
        if self.state.config is not self._parts.config():
            return True
        return self.deadline_ms is not None and self.deadline_ms <= now_ms

    async def settle(self) -> None:
        """To be called when nothing else is to be done: store that all was sent, that this worker is there; forget old
        outcomes."""
        now_ms = self._parts.now_ms()
        old = [key for key, at_ms in self._outcomes.items() if now_ms - at_ms > OUTCOMES_KEPT_MS]
        if self._sent or old or self.changes.has_done:
            await self._write(dict.fromkeys(old))
            for key in old:
                del self._outcomes[key]
            self._parts.failpoint("dispatch cleared")
        elif now_ms - self._present_ms >= PRESENCE_MS:
            await self._write({})

    def _decide(self, timed: Timed, changes: dict[bytes, bytes | None]) -> None:
        decision = decide(self._parts.config(), self.state, timed.given, timed.at_ms)
        self.deadline_ms = decision.deadline_ms
        self.counts.inputs += 1
        if decision.is_repetition:
            return
        self.counts.decided(decision)
        for each in decision.notifications:
            if has_empty_shift(each):
                log.error("a shift of the on-call schedule is empty", receiver=each.receiver,
                          person=each.person or None, note=each.note)  # fmt: skip
        if timed.act_id:
            key = OUTCOME + timed.act_id.encode()
            changes[key] = self._outcome(key, decision)
        if not timed.is_known:
            changes |= self._put_out(decision)
            is_of_core = isinstance(timed.given, Acknowledge | SetSilence) and not timed.act_id
            if not is_of_core:  # the history has it by its transition
                changes |= self.changes.put(decision.changes)

    def _outcome(self, key: bytes, decision: Decision) -> bytes:
        now_ms = self._outcomes[key] = self._parts.now_ms()
        return encode_outcome(Outcome(now_ms, decision.refusal.value if decision.refusal else ""))

    def _put_out(self, decision: Decision) -> dict[bytes, bytes]:
        added = {}
        for notification in decision.notifications:
            added[OUTBOX + b"%016x" % self._sequence] = encode_notification(notification)
            self._sequence += 1
        self._outbox |= added
        return added

    async def _write(self, changes: Mapping[bytes, bytes | None]) -> None:
        sent, self._sent = [*self._sent, *self.changes.take_done()], []
        self.state.touch(META, "")
        end, now_ms = dict(take_changes(self.state))[END], self._parts.now_ms()
        is_due = now_ms - self._present_ms >= PRESENCE_MS
        presence = {OWNER: encode_presence(Presence(self._parts.worker, now_ms))} if is_due else {}
        await self._parts.log.write([*dict.fromkeys(sent).items(), *changes.items(), *presence.items()], end or b"")
        self._present_ms = now_ms if is_due else self._present_ms
        self.changes.stored()

    async def _send(self) -> None:
        """Send what is stored, in order."""
        if not self._outbox:
            return
        acknowledgements = []
        for value in self._outbox.values():
            notification = decode_notification(value)
            receiver = notification.receiver if notification else ""
            acknowledgements.append(await self._parts.send(receiver.encode(), value))
            if notification is not None:
                self.counts.sent(notification)
        await asyncio.gather(*acknowledgements)
        self._parts.failpoint("dispatch sent")
        self._sent, self._outbox = [*self._sent, *self._outbox], {}


def _all_of(*parts: Iterator[None]) -> Generator[None, None, None]:
    for each in parts:
        yield from each
