"""The one owner of the dispatcher in the fleet: the worker that has the partition of the acts topic.

What is in doubt is read back: after every failure the log is claimed and read anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ProducerFenced

from agents.alerts.history_follower import HistoryStore
from agents.dispatch.decision_log import DecisionLog
from agents.dispatch.dispatch_counts import DispatchCounts
from agents.dispatch.dispatcher import Dispatcher, DispatcherParts
from agents.dispatch.input_reader import POLL_MS, InputReader, Sources, until_stopped
from agents.dispatch.timed import Timed, of_removed_rules
from agents.engine.changelog import StateIsUnreadable
from agents.engine.emitter import Failpoint
from agents.engine.producer import Producer
from agents.fetching.reading import consumer_of, started
from agents.kafka.access import Kafka
from agents.kafka.refusals import words_of
from agents.retrying import Pauses, is_kafka_failure, retry
from streams.dispatch.config import DispatchConfig
from streams.dispatch.inputs import Tick
from streams.dispatch.state import State

log = structlog.get_logger(__name__)

FETCH_MAX_WAIT_MS = 100


@dataclass(frozen=True, kw_only=True)
class OwnerParts:
    """`known_to` returns, by partition of the alerts topic, before which offset all was notified without a dispatcher.
    `stop` ends the process at once. `worker` is this worker's address."""

    kafka: Kafka
    producer: Producer
    config: Callable[[], DispatchConfig]
    sources: Callable[[], Sources]
    known_to: Callable[[], Awaitable[Mapping[int, int]]]
    stop: Callable[[str], None]
    handover_seconds: float
    failpoint: Failpoint = lambda name: None
    worker: str = ""
    rules: Callable[[], frozenset[str]] | None = None  # ids of those in force; alerts of others end. None: of none
    history: HistoryStore | None = None


class DispatchOwner:
    """Owns the dispatcher from `assign` to `revoke`. `problem`: one sentence of what it waits for, "" if it runs."""

    def __init__(self, parts: OwnerParts) -> None:
        self.problem = ""
        self.is_live = False
        self.counts = DispatchCounts()
        self.dispatcher: Dispatcher | None = None  # of this worker, while it is the owner and live
        self._parts = parts
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._rules: frozenset[str] | None = None
        self._rules_since_ms = parts.sources().now_ms()  # when this worker took them over

    @property
    def is_assigned(self) -> bool:
        """Whether this worker is to be the owner; it may not be live yet."""
        return self._running is not None and not self._running.done()

    @property
    def state(self) -> State | None:
        """The state of the owner; None where another worker is."""
        return self.dispatcher.state if self.dispatcher is not None and self.is_live else None

    def assign(self) -> None:
        """Be the owner until `revoke`."""
        self._stopping = asyncio.Event()
        self._running = asyncio.create_task(self._guarded(self._stopping))

    async def revoke(self, *, at_the_end: bool = False) -> None:
        """Own nothing. When this returns nothing more is written; where that cannot be had in time the process stops,
        unless it is about to end."""
        running, self._running = self._running, None
        if running is None:
            return
        self._stopping.set()
        done, _ = await asyncio.wait({running}, timeout=self._parts.handover_seconds)
        if not done:
            running.cancel()
            await asyncio.wait({running})
            if not at_the_end:
                self._parts.stop("what the dispatcher was storing did not end before it went to another worker")

    async def _guarded(self, stopping: asyncio.Event) -> None:
        pauses = Pauses()

        def failed(error: BaseException) -> None:
            is_unreadable = isinstance(error, StateIsUnreadable)
            reason = str(error) if is_unreadable else words_of(error, self._parts.kafka)
            if pauses.failures == 1:
                waits_for = "an operator" if is_unreadable else "Kafka"
                log.warning(f"the dispatcher waits for {waits_for}", reason=reason)
            self.problem = f"The dispatcher waits: {reason.rstrip('.')}."

        try:
            await retry(lambda: self._own(stopping, pauses), failed, pauses, is_retried=_is_retried)
        except ProducerFenced:
            log.warning("another worker is the owner of the dispatcher")
        except Exception as error:
            log.exception("the dispatcher failed")
            self._parts.stop(f"the dispatcher failed: {error!r}")
        finally:
            self.is_live, self.dispatcher = False, None

    async def _recovered(self, dispatcher: Dispatcher, decisions: DecisionLog, consumer: AIOKafkaConsumer) -> None:
        """Raises KafkaError; StateIsUnreadable for records that no worker wrote, or a newer version."""
        stored = await decisions.read(consumer)
        try:
            await dispatcher.recover(stored.values, stored.torn)
        except (ValueError, TypeError, LookupError, msgspec.MsgspecError) as error:
            raise StateIsUnreadable(
                f"{self._parts.sources().topics.dispatch} has a record that this version cannot read "
                f"({type(error).__name__}: {str(error)[:200].rstrip('.')}). Use the version that wrote it; or delete "
                f"the topic, and the alerts and acts that their topics still have are decided anew."
            ) from error

    async def _own(self, stopping: asyncio.Event, pauses: Pauses) -> None:
        parts, sources = self._parts, self._parts.sources()
        self.is_live, self.dispatcher = False, None
        decisions = DecisionLog(sources.topics.dispatch, parts.producer)
        consumer = consumer_of(
            parts.kafka, isolation_level="read_committed", fetch_max_wait_ms=FETCH_MAX_WAIT_MS, retry_backoff_ms=20
        )
        try:
            await decisions.claim()
            async with started(consumer):
                dispatcher = Dispatcher(self._dispatcher_parts(decisions, sources), self.counts)
                known_to = await parts.known_to()
                await self._recovered(dispatcher, decisions, consumer)
                reader, meta = InputReader(sources, consumer, self.counts), dispatcher.state.meta
                behind = {live.record.behind for live in dispatcher.state.alerts.values() if live.record.behind}
                await reader.begin(meta.positions, known_to, behind)
                await self._end_removed(dispatcher)
                self.problem, self.is_live, self.dispatcher = "", True, dispatcher
                pauses.reset()
                log.info("the dispatcher is live", alerts=len(dispatcher.state.alerts))
                await self._run(dispatcher, reader, stopping)
        finally:
            await decisions.close()

    async def _run(self, dispatcher: Dispatcher, reader: InputReader, stopping: asyncio.Event) -> None:
        keeping = asyncio.create_task(dispatcher.changes.run())
        try:
            while not stopping.is_set():
                await self._turn(dispatcher, reader, stopping)
                if keeping.done():
                    keeping.result()
            await dispatcher.settle()
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _end_removed(self, dispatcher: Dispatcher) -> None:
        """End the alerts whose rules a restart or a reload has removed."""
        rules, now_ms = self._parts.rules, self._parts.sources().now_ms()
        if rules is None:
            return
        if self._rules is not None and self._rules != rules():
            self._rules_since_ms = now_ms
        self._rules = rules()
        if ended := of_removed_rules(dispatcher.state, self._rules, self._rules_since_ms, now_ms):
            await dispatcher.take(ended)

    def _dispatcher_parts(self, decisions: DecisionLog, sources: Sources) -> DispatcherParts:
        parts, topic = self._parts, sources.topics.notifications

        async def send(key: bytes, value: bytes) -> "asyncio.Future[object]":
            return await decisions.producer.send(topic, value, key)

        return DispatcherParts(
            log=decisions, send=send, config=parts.config, now_ms=sources.now_ms, failpoint=parts.failpoint,
            worker=parts.worker, history=parts.history,
        )  # fmt: skip

    async def _turn(self, dispatcher: Dispatcher, reader: InputReader, stopping: asyncio.Event) -> None:
        """What has come, and then what is due. Before all that waits was read, time is that of the records."""
        if self._parts.rules is not None and self._parts.rules() != self._rules:
            await self._end_removed(dispatcher)
        now_ms, due_ms = self._parts.sources().now_ms, dispatcher.deadline_ms
        wait_ms = POLL_MS if due_ms is None or not reader.is_at_end else due_ms - now_ms()
        inputs = await until_stopped(reader, wait_ms, stopping)
        if reader.is_at_end and dispatcher.is_due(now_ms()) and not stopping.is_set():
            inputs = [*inputs, Timed(Tick(), now_ms())]
        if inputs:
            await dispatcher.take(inputs)
        else:
            await dispatcher.settle()


def _is_retried(error: BaseException) -> bool:
    """Tracking goes on while an operator has something to do."""
    return not isinstance(error, ProducerFenced) and (isinstance(error, StateIsUnreadable) or is_kafka_failure(error))
