"""An engine on a desk: real partitions and a producer that writes down what it is asked to send, in which order.

Nothing is acknowledged before the test says so, unless it lets the producer do it by itself.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import msgspec
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.alerts.alert_headers import Mark, read_mark
from agents.engine.changelog import Changelog
from agents.engine.clock import run_clock
from agents.engine.dead_letter_backoff import DeadLetterBackoff
from agents.engine.engine import Engine, EngineOptions, EngineParts
from agents.engine.flusher import LET_BY_SECONDS
from agents.engine.idle import IdleClocks
from agents.engine.ownership import Owned
from agents.engine.producer import Producer
from agents.engine.recovery import Recovery
from agents.engine.stall_guard import StallGuard
from agents.engine.stored_values import StoredValues
from agents.engine.writer import Writer
from agents.fetching.consumer_thread import Fetched
from agents.fetching.transport import Consumer
from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor
from testbed.worker_process import make_core

EVENTS, ALERTS, LETTERS, CHANGELOG = "events", "alerts", "letters", "changelog"
NOW_MS = 1_800_000_000_000  # of the wall clock


class FakeRecord(NamedTuple):
    """The part of a consumer's record that is looked at."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = NOW_MS
    headers: tuple[tuple[str, bytes], ...] = ()


class Batch:
    """Records of one batch."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None]] = []

    def append(self, *, key: bytes, value: bytes | None, timestamp: int | None) -> object:
        self.records.append((key, value))
        return object()

    def record_count(self) -> int:
        return len(self.records)


class Sent(NamedTuple):
    """What was handed to the producer."""

    what: str
    answer: "asyncio.Future[Any]"


class Metadata(NamedTuple):
    """What a broker answers."""

    offset: int


class RecordingProducer:
    """`journal` says what was sent: "alert", "letter", "state 0", "closing 0". Numbers are partitions."""

    can_claim = False

    def __init__(self) -> None:
        self.journal: list[str] = []
        self.written: dict[int, dict[bytes, bytes | None]] = {}
        self.answers_at_once = False
        self.marks: list[Mark] = []  # of the alerts
        self.fails_to_send: str | None = None
        self.gate: asyncio.Event | None = None  # sending waits for it
        self._waiting: list[Sent] = []

    async def claim(self, name: str) -> "RecordingProducer":
        return self

    def create_batch(self) -> Batch:
        return Batch()

    async def send(self, topic: str, value: bytes | None, key: bytes | None, headers: object = ()) -> Any:
        if topic == ALERTS:
            self.marks.append(read_mark(cast(Any, headers)))
        return await self._send("alert" if topic == ALERTS else "letter")

    async def send_batch(self, batch: Batch, topic: str, partition: int) -> Any:
        assert topic == CHANGELOG
        is_closing = any(key == changelog_keys.CURSOR for key, _ in batch.records)
        answer = await self._send(f"{'closing' if is_closing else 'state'} {partition}")
        self.written.setdefault(partition, {}).update(batch.records)
        return answer

    async def _send(self, what: str) -> "asyncio.Future[Any]":
        if self.gate is not None:
            await self.gate.wait()
        if self.fails_to_send == what:
            raise KafkaError(f"cannot send {what}")
        self.journal.append(what)
        sent = Sent(what, asyncio.get_running_loop().create_future())
        if self.answers_at_once:
            sent.answer.set_result(Metadata(7))
        else:
            self._waiting.append(sent)
        return sent.answer

    async def acknowledge(self, what: str) -> None:
        """Wait until it was sent, and answer for all of its kind that wait."""
        await self.seen(what)
        await self._answer(what, lambda answer: answer.set_result(Metadata(7)))

    async def refuse(self, what: str) -> None:
        """Wait until it was sent, and answer with an error."""
        await self.seen(what)
        await self._answer(what, lambda answer: answer.set_exception(KafkaError(f"no {what}")))

    async def seen(self, what: str) -> None:
        """Wait until it was sent and waits for its answer."""
        async with asyncio.timeout(10):
            while not any(sent.what == what for sent in self._waiting):  # noqa: ASYNC110 - a fake's own patience
                await asyncio.sleep(0)

    async def _answer(self, what: str, answer: "Callable[[asyncio.Future[Any]], None]") -> None:
        for sent in [sent for sent in self._waiting if sent.what == what]:
            self._waiting.remove(sent)
            answer(sent.answer)
        await turns()


async def turns() -> None:
    """Return when nothing can go on without time, input or output: the loop has nothing ready but this, and no flush
    lets others by, as one does after a slice that a busy machine has made long."""
    loop: Any = asyncio.get_running_loop()
    for _ in range(100_000):
        await asyncio.sleep(0)
        if not loop._ready:
            soon = loop.time() + LET_BY_SECONDS
            if all(each.cancelled() or each.when() > soon for each in loop._scheduled):
                return
            await asyncio.sleep(LET_BY_SECONDS)
    raise AssertionError("something goes on for ever")


class FakeConsumer:
    """Says where it was told to read, and what it would know of the log."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.wanted: set[TP] = set()
        self.end_offset: int | None = None
        self.answered: float | None = None

    async def begin(self, tp: TP, offset: int) -> int:
        self.begun.append((tp.partition, offset))
        self.wanted.add(tp)
        return len(self.begun)

    def want(self, tp: TP) -> None:
        self.wanted.add(tp)

    def do_not_want(self, tp: TP) -> None:
        self.wanted.discard(tp)

    def is_wanted(self, tp: TP) -> bool:
        return tp in self.wanted

    def end(self, tp: TP) -> int | None:
        return self.end_offset

    def answered_at(self, tp: TP) -> float | None:
        return self.answered


class NoRecovery:
    """Gives every partition its log, and the values and clock that the test has for it."""

    def __init__(self, changelog: Changelog) -> None:
        self.values: dict[bytes, bytes] = {}
        self._changelog = changelog

    async def recover(self, owned: Owned) -> None:
        owned.log = await self._changelog.claim(owned.number)
        await owned.recover(StoredValues(self.values))
        await run_clock(owned.partition, owned.partition.clock_ms)


class Desk:
    """The engine and all around it. `stops` holds the reasons for which the process would have ended."""

    def __init__(
        self, *, session_timeout_seconds: float = 10.0, backoff: Callable[[], DeadLetterBackoff] = DeadLetterBackoff
    ) -> None:
        self.producer = RecordingProducer()
        self.consumer = FakeConsumer()
        self.stops: list[str] = []
        self.passed: list[str] = []
        self.now_ms = NOW_MS
        self.seconds = 1000.0  # of the clock that the stall_guard looks at
        producer = cast(Producer, self.producer)
        self.stall_guard = StallGuard(session_timeout_seconds, self.stops.append, lambda: self.seconds)
        self.changelog = Changelog(CHANGELOG, producer)
        self.recovery = NoRecovery(self.changelog)
        self.writer = Writer(producer, ALERTS, LETTERS, "monitor")
        self.engine = Engine(
            EVENTS,
            EngineParts(
                core=make_core(), changelog=self.changelog, recovery=cast(Recovery, self.recovery), writer=self.writer,
                stall_guard=self.stall_guard, stop=self.stops.append, now_ms=lambda: self.now_ms,
            ),
            EngineOptions(handover_seconds=0.2, backoff=backoff, failpoint=self.passed.append),
        )  # fmt: skip
        self.engine.assignment.consumer = cast(Consumer, self.consumer)
        self.steady_ms: int | None = None  # None: it goes with the clock on the wall
        self.idle = IdleClocks(self.engine, lambda: self.now_ms, 2000, self._steady)

    def _steady(self) -> int:
        return self.now_ms if self.steady_ms is None else self.steady_ms

    async def own(self, *partitions: int) -> None:
        """Own them, live."""
        self.engine.assign(partitions, generation=1)
        await turns()
        assert all(self.engine.owned[number].is_live for number in partitions)

    async def take(
        self,
        partition: int,
        *records: FakeRecord,
        start: int | None = None,
        next_offset: int | None = None,
        reading: int | None = None,
    ) -> None:
        """Bring records as one poll would, and let the engine do what it can with them."""
        owned = self.engine.owned[partition]
        if start is None:
            start = min([owned.position, *(record.offset for record in records)])
        end = next_offset if next_offset is not None else records[-1].offset + 1
        number = owned.reading if reading is None else reading
        self.engine.accept(Fetched(self.engine.assignment.tp(partition), number, start, end, list(records)))
        await turns()

    async def lose(self, partition: int, *, reading: int | None = None) -> None:
        """Say that the log has nothing where the partition is read."""
        owned = self.engine.owned[partition]
        number = owned.reading if reading is None else reading
        self.engine.out_of_range(
            Fetched(self.engine.assignment.tp(partition), number, owned.position, owned.position, [])
        )

    def committed(self, partition: int) -> int | None:
        """What may be committed."""
        return self.engine.commit_position(self.engine.assignment.tp(partition))

    async def close(self) -> None:
        """End whatever still runs."""
        self.producer.answers_at_once = True
        for sent in list(self.producer._waiting):
            if not sent.answer.done():
                sent.answer.set_result(Metadata(7))
        await self.engine.revoke()


def event(offset: int, project: str, kind: str = "episode.created", **fields: object) -> FakeRecord:
    """A valid record."""
    wire: dict[str, object] = {
        "event_id": f"ev-{offset}",
        "type": kind,
        "project_id": project,
        "occurred_at": NOW_MS + offset,
    }
    if kind == "episode.created":
        wire |= {"episode_id": f"ep-{offset}", "episode_number": 1}
    return FakeRecord(offset, project.encode(), json.dumps(wire | fields).encode())


def failure(offset: int, project: str, **fields: object) -> FakeRecord:
    """A failed creation: the failure rate of its project crosses its threshold at once."""
    return event(offset, project, "episode.creation_failed", **fields)


def useless(offset: int) -> FakeRecord:
    """A record for the dead letters."""
    return FakeRecord(offset, b"p", b"useless")


def cursor_of(desk: Desk, partition: int) -> Cursor:
    """The cursor that was written last."""
    raw = desk.producer.written[partition][changelog_keys.CURSOR]
    assert raw is not None
    return msgspec.msgpack.decode(raw, type=Cursor)
