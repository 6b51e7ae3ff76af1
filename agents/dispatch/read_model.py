"""Every worker's copy of the dispatcher's state, fed by its changelog: it answers for all alerts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.dispatch.codecs import Outcome, Presence, decode_outcome, decode_presence
from agents.dispatch.decision_log import BESIDES, END, OUTBOX, OUTCOME, OWNER, WholeDecisions
from agents.engine.client_start import to_its_end
from agents.fetching.reading import stop
from agents.kafka.access import Kafka, client_options
from agents.kafka.refusals import words_of
from agents.retrying import Pauses, is_kafka_failure, retry
from models.alert import Alert
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import wire
from streams.dispatch.state import State
from streams.dispatch.storage import restored
from streams.dispatch.turn import shown
from streams.dispatch.views import Explained, explained

log = structlog.get_logger(__name__)

POLL_MS = 500
FETCH_MAX_WAIT_MS = 100
POLL_RECORDS = 2_000


class ReadModel:
    """What is stored, decision by decision. What follows from it is derived at the first question after a change."""

    def __init__(self, config: Callable[[], DispatchConfig], now_ms: Callable[[], int] = lambda: 0) -> None:
        self.owner: Presence | None = None  # as it said last
        self.owner_heard_ms = 0  # when that was true, by this worker's wall clock
        self.is_current = False  # what comes now was written just now
        self._now_ms = now_ms
        self.size_bytes = 0  # of the stored state
        self.outbox = 0  # notifications that are stored and not known to be sent
        self._config = config
        self._sizes: dict[bytes, int] = {}
        self._decisions = WholeDecisions()
        self._state: State | None = None  # None: something has changed since it was derived
        self._end: bytes | None = None
        self._waiting: dict[bytes, asyncio.Future[Outcome]] = {}

    def take(self, key: bytes, value: bytes | None) -> None:
        """One record of the changelog, in order."""
        changed = self._decisions.take(key, value)
        for name, new in changed.items():
            self._measure(name, new)
            if name == OWNER and new is not None:
                self.owner, now_ms = decode_presence(new), self._now_ms()
                self.owner_heard_ms = now_ms if self.is_current else min(self.owner.at_ms, now_ms)
            waiter = self._waiting.get(name)
            if waiter is not None and new is not None and not waiter.done():
                waiter.set_result(decode_outcome(new))
        is_sent_only = all(name[:1] in BESIDES or name == END for name in changed)
        if not is_sent_only or changed.get(END, self._end) != self._end:
            self._state, self._end = None, changed.get(END)

    def _measure(self, name: bytes, new: bytes | None) -> None:
        was = self._sizes.pop(name, 0)
        if new is not None:
            self._sizes[name] = len(name) + len(new)
        self.size_bytes += self._sizes.get(name, 0) - was
        if name[:1] == OUTBOX:
            self.outbox += (new is not None) - bool(was)

    def begin_anew(self) -> None:
        """The changelog is read from its beginning."""
        self._decisions, self._state = WholeDecisions(), None
        self.size_bytes, self.outbox, self._sizes, self.is_current = 0, 0, {}, False

    @contextmanager
    def awaited(self, act_id: str) -> Iterator[Callable[[float], Awaitable[Outcome]]]:
        """To be entered before an act is sent. What it gives waits, so many seconds, until this copy has what became
        of the act; it raises TimeoutError."""
        key = OUTCOME + act_id.encode()
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[key] = waiter

        async def outcome(seconds: float) -> Outcome:
            async with asyncio.timeout(seconds):
                return await waiter

        try:
            yield outcome
        finally:
            del self._waiting[key]
            waiter.cancel()

    def state(self) -> State:
        """The state at the time of the last decision, with all that follows from it. Read it, and change nothing.

        Raises NewerFormatError.
        """
        config = self._config()
        if self._state is None or self._state.config is not config:
            values = self._decisions.values
            kept = [(key, value) for key, value in values.items() if key[:1] not in BESIDES]
            state = restored(kept)
            wire(config, state)
            self._state = state
        return self._state

    def explained(self, alert_key: str) -> Explained | None:
        """An alert with all that is known of its notifications; None: it is unknown. Raises NewerFormatError."""
        return explained(self._config(), self.state(), alert_key)

    def firing(self) -> list[Alert]:
        """All alerts that fire, as people see them, by key. Raises NewerFormatError."""
        state = self.state()
        return [shown(state, live) for _, live in sorted(state.alerts.items()) if live.fires]


class ReadModelFollower:
    """Feeds a model with a consumer of its own, without a group. `status`: "ok", or what is wrong in a few words."""

    def __init__(
        self, topic: str, kafka: Kafka, model: ReadModel, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.status = "not read yet"
        self.caught_up = asyncio.Event()  # the changelog was read to its end once
        self.lag = 0  # records that the copy lacks
        self.read_at = 0.0  # monotonic: when it lacked none
        self._monotonic = monotonic
        self._tp = TopicPartition(topic, 0)
        self._kafka = kafka
        self._model = model

    async def run(self) -> None:
        """Follow for ever; failures are retried, from the beginning."""
        pauses = Pauses()

        def failed(error: BaseException) -> None:
            reason = words_of(error, self._kafka)
            if pauses.failures == 1:
                log.warning("the dispatcher's changelog cannot be read; retrying", error=reason)
            self.status = f"the dispatcher's changelog cannot be read: {reason.rstrip('.')}"

        await retry(lambda: self._follow(pauses), failed, pauses, is_retried=is_kafka_failure)

    async def _follow(self, pauses: Pauses) -> None:
        consumer = AIOKafkaConsumer(
            **client_options(self._kafka), enable_auto_commit=False, auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS, max_partition_fetch_bytes=8 * 1024 * 1024,
        )  # fmt: skip
        tp = self._tp
        try:
            await to_its_end(consumer.start())
            consumer.assign([tp])
            beginning, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
            consumer.seek(tp, beginning)
            self._model.begin_anew()
            self.status = "ok"
            pauses.reset()
            while True:
                polled = await consumer.getmany(tp, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
                for record in polled.get(tp, ()):
                    if record.key is not None:
                        self._model.take(record.key, record.value)
                await self._look(consumer, end)
        finally:
            await stop(consumer)

    async def _look(self, consumer: AIOKafkaConsumer, end: int) -> None:
        """An end that a broker names may be too low; those of fetches are right."""
        self.lag = max(0, max(end, consumer.highwater(self._tp) or 0) - await consumer.position(self._tp))
        if not self.lag:
            self.read_at = self._monotonic()
            self._model.is_current = True
            self.caught_up.set()

    @property
    def behind_seconds(self) -> float:
        """For how long the copy has lacked records, or the topic has not answered."""
        return self._monotonic() - self.read_at if self.read_at else 0.0
