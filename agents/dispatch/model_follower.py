"""Reads the dispatcher's changelog into a worker's copy, with a consumer of its own and without a group."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.alerts.history_follower import HistoryStore
from agents.dispatch.read_model import ReadModel
from agents.fetching.reading import NEWS_MAX_WAIT_MS, consumer_of, started
from agents.kafka.access import Kafka
from agents.kafka.refusals import words_of
from agents.retrying import Pauses, is_kafka_failure, retry
from agents.time_slices import Slice

log = structlog.get_logger(__name__)

NOT_READ_YET = "not read yet"
POLL_MS = 500
POLL_RECORDS = 2_000
REST_SECONDS = 0.1  # the copy is that much behind at the most
AGAIN_SECONDS = 3_600.0  # after such an outage all is read: compaction may have dropped what says that a record is gone


class _Unreadable(Exception):
    """A record cannot be read, or not be applied; everything is read again."""


class ReadModelFollower:
    """`status`: "ok", or what is wrong in a few words. A `history` in memory gets the changes that are read."""

    def __init__(
        self, topic: str, kafka: Kafka, model: ReadModel, history: HistoryStore | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.status = NOT_READ_YET
        self.caught_up = asyncio.Event()  # the changelog was read to its end once
        self.lag = 0  # records that the copy lacks
        self.read_at = 0.0  # monotonic: when it lacked none
        self._tp = TopicPartition(topic, 0)
        self._kafka = kafka
        self._model = model
        self._monotonic = monotonic
        self._history = history if history is not None and history.newest_only is not None else None  # of this process
        self._next_offset: int | None = None  # None: from the beginning

    @property
    def behind_seconds(self) -> float:
        """For how long the copy has lacked records, or the topic has not answered."""
        return self._monotonic() - self.read_at if self.read_at else 0.0

    async def run(self) -> None:
        """Follow for ever; failures are retried from where it was."""
        pauses = Pauses()

        def failed(error: BaseException) -> None:
            reason = words_of(error, self._kafka) if is_kafka_failure(error) else str(error)
            if pauses.failures == 1:
                log.warning("the dispatcher's changelog cannot be read; retrying", error=reason)
            self.status = f"the dispatcher's changelog cannot be read: {reason.rstrip('.')}"

        def is_retried(error: BaseException) -> bool:
            return is_kafka_failure(error) or isinstance(error, _Unreadable)

        await retry(lambda: self._follow(pauses), failed, pauses, is_retried=is_retried)

    async def _follow(self, pauses: Pauses) -> None:
        async with started(consumer_of(self._kafka, fetch_max_wait_ms=NEWS_MAX_WAIT_MS)) as consumer:
            end = await self._begin(consumer)
            while True:
                await self._take(consumer)
                await self._look(consumer, end)
                if not self.lag:
                    self.status = "ok"
                    pauses.reset()
                    await self._rest()

    async def _rest(self) -> None:
        """Let several decisions come together, unless somebody waits for one: a poll costs more than what it brings."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_SECONDS):
                await self._model.is_awaited.wait()

    async def _begin(self, consumer: AIOKafkaConsumer) -> int:
        """Where it was, or at the beginning; the end that the broker names."""
        tp = self._tp
        beginning: int = (await consumer.beginning_offsets([tp]))[tp]
        end: int = (await consumer.end_offsets([tp]))[tp]
        start = self._next_offset
        if start is None or not beginning <= start <= end or self.behind_seconds > AGAIN_SECONDS:
            start, self._next_offset = beginning, None
            self._model.begin_anew()
        consumer.assign([tp])
        consumer.seek(tp, start)
        return end

    async def _take(self, consumer: AIOKafkaConsumer) -> None:
        polled = await consumer.getmany(self._tp, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        one, known = Slice(), self._next_offset is not None
        await self._in_steps(self._model.reconfiguring(), one)
        self._next_offset = None  # until all of these are in
        records = [(record.key, record.value) for record in polled.get(self._tp, ()) if record.key is not None]
        await self._in_steps(self._model.taking(records), one)
        for change in self._model.take_changes():
            if self._history is not None:
                await self._history.append_change(change)
        self._next_offset = await consumer.position(self._tp) if known else None

    async def _in_steps(self, steps: Iterator[None], one: Slice) -> None:
        try:
            for _ in steps:
                await one.step()
        except Exception as error:  # bytes that no worker wrote, or a newer version: this worker goes on without a copy
            log.warning("the dispatcher's state cannot be read", error=repr(error))
            raise _Unreadable(f"it has a record that cannot be read ({type(error).__name__}: {error})") from error

    async def _look(self, consumer: AIOKafkaConsumer, end: int) -> None:
        """An end that a broker names may be too low; those of fetches are right."""
        position: int = await consumer.position(self._tp)
        self.lag = max(0, max(end, consumer.highwater(self._tp) or 0) - position)
        if self.lag:
            return
        await self._in_steps(self._model.all_read(), Slice())
        self._next_offset, self.read_at = position, self._monotonic()
        self.caught_up.set()
