"""The events that this service sends to Kafka with the client library, by a queue or an outbox.

With the outbox, changes of rows are written to the outbox in the transaction that makes them. Conflicts and failures
change no row and always go by the queue.
"""

import asyncio
import itertools
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from episode_monitor_client import (
    ClientSettings,
    EpisodeEvent,
    EpisodeMonitorClient,
    Outbox,
    OutboxRelay,
    security_options,
)
from episode_monitor_client.sender import Sender

from .settings import Settings

log = structlog.get_logger(__name__)

CONNECT_PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
TOPIC_ALREADY_EXISTS = 36  # the Kafka protocol's error code
QUEUE_ROOM_EVENTS = 1000  # beyond the limit at which work is refused, for what is under way then


class Events:
    """The way to Kafka. `tell` never waits; `tell_within` is part of the caller's transaction."""

    def __init__(self, settings: Settings):
        """Raises SettingsError where the environment says something wrong of how to log in to Kafka."""
        self._settings = settings
        self._client_settings = ClientSettings(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            topic=settings.events_topic,
            source=settings.instance_name,
            idempotence=settings.events_idempotence,
            queue_max=settings.events_waiting_max + QUEUE_ROOM_EVENTS,
            flush_seconds=settings.flush_seconds,
            producer_options={"linger_ms": settings.events_linger_ms, **security_options()},
        )
        self._sender = Sender(self._client_settings)
        self._client = EpisodeMonitorClient(self._client_settings, self._sender)
        self._outbox = Outbox(settings.instance_name) if settings.events_delivery == "outbox" else None
        self._relay = OutboxRelay(settings.database_url, self._client_settings)
        self._stop_relay = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._fault: str | None = f"waits for Kafka at {settings.kafka_bootstrap_servers}"

    @property
    def source(self) -> str:
        """Whom this process is known by in the events of its queue."""
        return self._sender.source

    @property
    def is_connected(self) -> bool:
        """Whether Kafka was ever there."""
        return self._sender.is_connected

    @property
    def queued(self) -> int:
        """How many events of the queue the broker has not acknowledged yet."""
        return self._sender.stats().waiting

    @property
    def is_full(self) -> bool:
        """Whether the service should refuse work, because its events would have nowhere to go."""
        return self.queued >= self._settings.events_waiting_max

    @property
    def state(self) -> str:
        """`ok`, or one sentence of what is wrong."""
        return self._fault or self._sender.stats().fault or "ok"

    async def waiting(self, pool: Any) -> int:
        """How many events Kafka has not got yet, of the queue and of the outbox."""
        in_outbox = 0
        if self._outbox is not None and pool is not None:
            async with pool.acquire() as connection:
                in_outbox = (await self._outbox.stats(connection)).waiting
        return self.queued + in_outbox

    def start(self) -> None:
        """Begins to look for Kafka."""
        self._tasks = [asyncio.create_task(self._open())]
        if self._outbox is not None:
            self._tasks.append(asyncio.create_task(self._relay.run(self._stop_relay)))

    async def stop(self) -> None:
        """Sends what waits in the queue, as long as the setting allows, and ends. The outbox keeps its own."""
        if self.queued:
            log.info("sending what is left before the end", events=self.queued)
        await asyncio.to_thread(self._client.close, None if self.is_connected else 0.0)
        self._stop_relay.set()
        if len(self._tasks) > 1:
            await asyncio.wait(self._tasks[1:], timeout=5.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def prepare(self, connection: Any) -> None:
        """Makes the tables of the outbox, where there is to be one."""
        if self._outbox is not None:
            await self._outbox.create_tables(connection)

    async def tell_within(self, connection: Any, event: EpisodeEvent) -> None:
        """Last in the transaction that makes the event true. Without an outbox it does nothing; see `tell_after`."""
        if self._outbox is not None:
            await self._outbox.add(connection, event)

    def tell_after(self, event: EpisodeEvent) -> None:
        """After that transaction has been committed. With an outbox it does nothing."""
        if self._outbox is None:
            self.tell(event)

    def tell(self, event: EpisodeEvent) -> None:
        """Queues an event that changes no rows."""
        self._client.emit(event)

    async def _open(self) -> None:
        for pause in itertools.chain(CONNECT_PAUSES_SECONDS, itertools.repeat(CONNECT_PAUSES_SECONDS[-1])):
            try:
                await ensure_topic(self._settings)
                break
            except Exception as error:  # whatever it was, another try costs little and a dead task says nothing
                where = self._settings.kafka_bootstrap_servers
                self._fault = f"waits for Kafka at {where}: {error!r}"
                log.warning("waiting for kafka", address=where, reason=repr(error), again_in_seconds=pause)
                await asyncio.sleep(pause)
        self._fault = None
        self._client.start()


async def ensure_topic(settings: Settings) -> None:
    """Creates the events topic where it is missing; an existing one keeps its own number of partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers, **security_options())
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
