"""Every worker's copy of the dispatcher's state, fed by its changelog: it answers for all alerts.

While the changelog is read from its beginning the copy before answers; from then on it is kept record by record.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from agents.dispatch.codecs import Outcome, Presence, decode_change, decode_outcome, decode_presence
from agents.dispatch.decision_log import BESIDES, CHANGE, END, OUTBOX, OUTCOME, OWNER, Decisions, WholeDecisions
from models.alert import Alert
from streams.dispatch.active import ActiveList
from streams.dispatch.config import DispatchConfig
from streams.dispatch.copying import StateCopy
from streams.dispatch.outputs import Change
from streams.dispatch.state import State
from streams.dispatch.storage import everything, restoring
from streams.dispatch.turn import shown
from streams.dispatch.views import Explained, explained


class ReadModel:
    """The copy. `now_ms` is the wall clock."""

    def __init__(self, config: Callable[[], DispatchConfig], now_ms: Callable[[], int] = lambda: 0) -> None:
        self.owner: Presence | None = None  # as it said last
        self.version = 0  # rises with each change that people see; positions and the clock are none
        self.owner_heard_ms = 0  # when that was true, by this worker's wall clock
        self._now_ms = now_ms
        self._config = config
        self._copy: StateCopy | None = None
        self._decisions = Decisions()
        self._read: WholeDecisions | None = WholeDecisions()  # while everything is read
        self._stored = Stored()
        self.is_awaited = asyncio.Event()  # somebody waits for what became of an act
        self._waiting: dict[bytes, asyncio.Future[Outcome]] = {}
        self._changes: list[Change] = []

    @property
    def outbox(self) -> int:
        """Notifications that are stored and not known to be sent."""
        return self._stored.outbox

    @property
    def size_bytes(self) -> int:
        """Of what is stored."""
        return self._stored.size_bytes

    # --- the changelog

    def begin_anew(self) -> None:
        """The changelog is read from its beginning."""
        self._read, self._stored = WholeDecisions(), Stored()

    def take(self, key: bytes, value: bytes | None) -> None:
        """One record of the changelog, in order. Raises NewerFormatError."""
        for _ in self.taking([(key, value)]):
            pass

    def taking(self, records: Iterable[tuple[bytes, bytes | None]]) -> Iterator[None]:
        """Several in steps, between which everything may be asked. Whole decisions among them are applied as one: what
        a later one changes again is derived once."""
        reading = self._read or self._decisions
        decisions = [changed for key, value in records if (changed := reading.take(key, value))]
        if not decisions:
            return
        if self._read is None and self._copy is not None:
            newest = {name: new for changed in decisions for name, new in changed.items() if name[:1] not in BESIDES}
            yield from self._copy.apply(newest)
            self.version += any(name != END for name in newest)
        for changed in decisions:
            self._note(changed)

    def all_read(self) -> Iterator[None]:
        """Everything was read: derive the copy, in steps. Raises NewerFormatError."""
        if self._read is None:
            return
        values = self._read.values
        yield from self._derive((key, value) for key, value in values.items() if key[:1] not in BESIDES)
        self._decisions.torn, self._read = self._read.torn, None
        for name in values.keys() & self._waiting.keys():
            self._answer(name, values[name])

    def reconfiguring(self) -> Iterator[None]:
        """Derive the copy anew where another configuration is in force, in steps; nothing may be taken meanwhile."""
        copy = self._copy
        if copy is not None and self._read is None and copy.config is not self._config():
            yield from self._derive(everything(copy.state))

    def _derive(self, records: Iterable[tuple[bytes, bytes]]) -> Iterator[None]:
        state = State()
        yield from restoring(state, records)
        copy = StateCopy(self._config(), state)
        yield from copy.wiring()
        self._copy = copy
        self.version += 1

    def _note(self, changed: Mapping[bytes, bytes | None]) -> None:
        for name, new in changed.items():
            self._stored.put(name, new)
            if new is not None and self._read is None:
                self._answer(name, new)
            if new is not None and name[:1] == CHANGE and (change := decode_change(new)) is not None:
                self._changes.append(change)
        value = changed.get(OWNER)
        if value is not None:
            self.owner, now_ms = decode_presence(value), self._now_ms()
            self.owner_heard_ms = min(self.owner.at_ms, now_ms) if self._read is not None else now_ms

    def take_changes(self) -> list[Change]:
        """Changes in the lives of alerts that were read since the last call; some more than once."""
        found, self._changes = self._changes, []
        return found

    def _answer(self, name: bytes, value: bytes) -> None:
        waiter = self._waiting.get(name)
        if waiter is not None and not waiter.done():
            waiter.set_result(decode_outcome(value))

    @contextmanager
    def awaited(self, act_id: str) -> Iterator[Callable[[float], Awaitable[Outcome]]]:
        """To be entered before an act is sent. What it gives waits, so many seconds, until this copy has what became
        of the act; it raises TimeoutError."""
        key = OUTCOME + act_id.encode()
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[key] = waiter
        self.is_awaited.set()

        async def outcome(seconds: float) -> Outcome:
            async with asyncio.timeout(seconds):
                return await waiter

        try:
            yield outcome
        finally:
            del self._waiting[key]
            waiter.cancel()
            if not self._waiting:
                self.is_awaited.clear()

    # --- questions

    def _current(self) -> StateCopy:
        if self._copy is None:
            for _ in self.all_read():
                pass
        if self._copy is None:
            raise RuntimeError("the dispatcher's changelog was not read")
        return self._copy

    def state(self) -> State:
        """The state at the time of the last decision, with all that follows from it; it changes with the next one. Read
        it, and change nothing."""
        return self._current().state

    def active(self) -> ActiveList:
        """The active alerts in order; it changes with the next decision."""
        return self._current().active

    def explained(self, alert_key: str) -> Explained | None:
        """An alert with all that is known of its notifications; None: it is unknown."""
        copy = self._current()
        return explained(copy.config, copy.state, alert_key)

    def firing(self) -> list[Alert]:
        """All alerts that fire, as people see them, by key."""
        state = self.state()
        return [shown(state, live) for _, live in sorted(state.alerts.items()) if live.fires]


class Stored:
    """How much is stored."""

    def __init__(self) -> None:
        self.size_bytes = self.outbox = 0
        self._sizes: dict[bytes, int] = {}

    def put(self, name: bytes, new: bytes | None) -> None:
        """A record was stored, or removed."""
        was = self._sizes.pop(name, 0)
        if new is not None:
            self._sizes[name] = len(name) + len(new)
        self.size_bytes += self._sizes.get(name, 0) - was
        if name[:1] == OUTBOX:
            self.outbox += (new is not None) - bool(was)
