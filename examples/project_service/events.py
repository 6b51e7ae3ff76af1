"""The events this service tells Kafka: made here, queued here, and sent in the order in which they were made.

`sequence` rises with every event of this process, and `source` names the process, so a restart never repeats a pair.
"""

import asyncio
import itertools
import time
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, UnknownError, for_code
from aiokafka.partitioner import DefaultPartitioner

from .settings import Settings

log = structlog.get_logger(__name__)

CHUNK_EVENTS = 100  # the largest possible event is under 5 kB, so a chunk always fits into one batch
BATCH_MAX_BYTES = 512 * 1024
CONNECT_PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
REQUEST_TIMEOUT_MS = 10_000  # after it the chunk goes to a new producer, which looks for the topic again
STALE_SECONDS = 5.0  # an event that has waited this long means that the broker does not take any
ERROR_MAX_CHARACTERS = 200
TOPIC_ALREADY_EXISTS = 36  # the Kafka protocol's error code


@dataclass(frozen=True, slots=True)
class _Record:
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    since: float  # monotonic seconds


class EventSender:
    """A queue in front of one producer. `emit` never waits and `run` never gives up."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._waiting: deque[_Record] = deque()
        self._news = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._sequence = itertools.count(1)
        self._partition_of = DefaultPartitioner()
        self.connected = asyncio.Event()
        self.fault: str | None = f"waits for Kafka at {settings.kafka_bootstrap_servers}"
        started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self.source = f"{settings.instance_name}@{started}-{uuid.uuid4().hex[:8]}"

    @property
    def waiting(self) -> int:
        """How many events the broker has not acknowledged yet."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the service should refuse work, because its events would have nowhere to go."""
        return len(self._waiting) >= self._settings.events_waiting_max

    @property
    def state(self) -> str:
        """`ok`, or one sentence of what is wrong."""
        if self.fault is not None:
            return self.fault
        waited = time.monotonic() - self._waiting[0].since if self._waiting else 0.0
        return "ok" if waited < STALE_SECONDS else f"{len(self._waiting)} events have waited for {waited:.0f} s"

    def emit(
        self, event_type: str, project_id: str, operation_id: str, *, traceparent: str | None = None, **fields: Any
    ) -> None:
        """Queues one event; fields that are None are left out. The order of calls is the order in the partition."""
        if isinstance(fields.get("error"), str):
            fields["error"] = fields["error"][:ERROR_MAX_CHARACTERS]
        event = {
            "event_id": uuid.uuid4().hex,
            "type": event_type,
            "project_id": project_id,
            "operation_id": operation_id,
            "occurred_at": rfc3339(datetime.now(UTC)),
            **{name: value for name, value in fields.items() if value is not None},
            "source": self.source,
            "sequence": next(self._sequence),
            "schema_version": 1,
        }
        headers = [] if traceparent is None else [("traceparent", traceparent.encode())]
        self._waiting.append(_Record(project_id.encode(), msgspec.json.encode(event), headers, time.monotonic()))
        self._drained.clear()
        self._news.set()

    async def run(self) -> None:
        """Sends until cancelled. After any failure the same events go again, in the same order, by a new producer."""
        pauses = iter(CONNECT_PAUSES_SECONDS)
        while True:
            try:
                producer = await self._connect()
                pauses = iter(CONNECT_PAUSES_SECONDS)
                try:
                    await self._pump(producer)
                finally:
                    await _stop(producer)
            except Exception as error:  # whatever it was, the events that wait are worth another try
                self.fault = f"waits for Kafka at {self._settings.kafka_bootstrap_servers}: {error!r}"
                pause = next(pauses, CONNECT_PAUSES_SECONDS[-1])
                log.warning("waiting for kafka", reason=repr(error), events=len(self._waiting), again_in_seconds=pause)
                await asyncio.sleep(pause)

    async def flush(self) -> None:
        """Waits until nothing waits, at most the setting's time, and says what was left."""
        if self._waiting:
            log.info("sending what is left before the end", events=len(self._waiting))
        try:
            await asyncio.wait_for(self._drained.wait(), self._settings.flush_seconds)
        except TimeoutError:
            log.error("events lost at shutdown: the broker did not take them in time", events=len(self._waiting))

    async def _pump(self, producer: AIOKafkaProducer) -> None:
        while True:
            while not self._waiting:
                self._drained.set()
                self._news.clear()
                await self._news.wait()
            chunk = list(itertools.islice(self._waiting, CHUNK_EVENTS))
            await self._send(producer, chunk)
            for _ in chunk:
                self._waiting.popleft()

    async def _send(self, producer: AIOKafkaProducer, chunk: list[_Record]) -> None:
        """One batch a partition: a batch lands whole or not at all, so no event overtakes another of its project."""
        topic = self._settings.events_topic
        partitions = sorted(await producer.partitions_for(topic))
        builders: dict[int, Any] = defaultdict(producer.create_batch)
        for record in chunk:
            builder = builders[self._partition_of(record.key, partitions, partitions)]
            if builder.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
                raise RuntimeError("a chunk of events did not fit into a batch: CHUNK_EVENTS is too large")
        acknowledged = [await producer.send_batch(batch, topic, partition=at) for at, batch in builders.items()]
        landed = asyncio.gather(*acknowledged, return_exceptions=True)  # all must be known before a retry
        while not (await asyncio.wait({landed}, timeout=STALE_SECONDS))[0]:
            log.warning("kafka does not take events", events=len(self._waiting))
        for result in landed.result():
            if isinstance(result, BaseException):
                raise result

    async def _connect(self) -> AIOKafkaProducer:
        await ensure_topic(self._settings)
        producer = await _started_producer(self._settings)
        self.fault = None
        self.connected.set()
        log.info("kafka is there", topic=self._settings.events_topic, source=self.source)
        return producer


async def ensure_topic(settings: Settings) -> None:
    """Creates the events topic where it is missing; an existing one keeps its own number of partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    try:
        await admin.start()
        if settings.events_topic in await admin.list_topics():
            return
        topic = NewTopic(settings.events_topic, settings.events_partitions, settings.events_replication)
        response = await admin.create_topics([topic])
        for _, code, *_ in response.topic_errors:
            if code not in (0, TOPIC_ALREADY_EXISTS):
                raise for_code(code)(f"cannot create the topic {settings.events_topic}")
    finally:
        await admin.close()


async def _started_producer(settings: Settings) -> AIOKafkaProducer:
    if settings.events_idempotence == "off":
        return await _start(settings, idempotent=False)
    try:
        return await _start(settings, idempotent=True)
    except UnknownError:
        # The small embedded broker knows no producer ids in this protocol version and says just "unknown error".
        if settings.events_idempotence == "required":
            raise
        log.warning("the broker gives no producer id; a repeated send may be written twice, with the same event_id")
        return await _start(settings, idempotent=False)


async def _start(settings: Settings, *, idempotent: bool) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        client_id=settings.instance_name,
        acks="all",
        enable_idempotence=idempotent,
        max_batch_size=BATCH_MAX_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        await producer.start()
    except BaseException:
        await _stop(producer)
        raise
    return producer


async def _stop(producer: AIOKafkaProducer) -> None:
    """An idempotent producer would wait for a lost broker for ever."""
    try:
        await asyncio.wait_for(producer.stop(), 2.0)
    except (TimeoutError, KafkaError):
        log.warning("the producer did not stop in peace")


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds: `2025-10-09T08:53:20.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
