"""Creates the Faust app: broker, transport and its agents. All decisions are in the core."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import faust
import structlog
from faust.tables.manager import TableManager
from faust.types import TP
from faust.types.transports import ConsumerT
from yarl import URL

from agents.config import AgentsConfig
from agents.dispatch.notification_consumer import NotificationConsumer
from agents.dispatch.notification_reads import NotificationReads
from agents.dispatch.owner import DispatchOwner
from agents.engine.engine import Engine
from agents.fetching.consumer_thread import Fetched
from agents.fetching.transport import Consumer, RecordBatch, Transport
from agents.supervised import vital

log = structlog.get_logger(__name__)

MAX_POLL_RECORDS = 2_000
COMMIT_SECONDS = 2.0
METADATA_MAX_AGE_MS = 3_000  # so soon added partitions are seen, and dealt out
BUFFERED_BATCHES = 1_000  # an agent only puts a batch where its turn will come, so that none waits for another


class NoTables(TableManager):
    """Faust waits a second for tables to be declared; there are none."""

    async def on_start(self) -> None:
        """Skip the wait for tables."""
        await self._update_channels()
        await self.recovery.start()


class MonitorApp(faust.App):
    """A Faust app whose consumer asks the engine and the consumer of notifications where to read and what to commit."""

    engine: Engine
    notifications: NotificationConsumer
    notification_reads: NotificationReads
    dispatch_owner: DispatchOwner
    stop_process: Callable[[str], None]
    alerts_partitions: frozenset[int] = frozenset()  # of the alerts topic, whose history this worker stores
    is_leaving = False  # for good: what is dealt out now is for others
    _assigning: "asyncio.Future[None] | None" = None  # the latest assignment of notifications

    def _create_directories(self) -> None:
        """Creates none: state is not on disk, and a failure to create one would look like an unavailable Kafka."""

    def _new_consumer(self) -> ConsumerT:
        consumer = super()._new_consumer()
        assert isinstance(consumer, Consumer)
        consumer.commit_position = self.commit_position
        consumer.out_of_range = self.out_of_range
        self.engine.assignment.consumer = self.notification_reads.group = consumer
        self.notifications.tracks.reader = self.notification_reads
        return consumer

    def commit_position(self, tp: TP) -> int | None:
        """What Faust may commit; None: nothing. Positions of notifications are committed beside it."""
        return self.engine.commit_position(tp) if tp.topic == self.engine.assignment.events_topic else None

    def out_of_range(self, fetched: Fetched) -> None:
        """A partition of events has no record at its position."""
        self.engine.out_of_range(fetched)

    def notifications_out_of_range(self, fetched: Fetched) -> None:
        """A partition of notifications has no record at its position."""
        self.supervise(self.notifications.tracks.out_of_range(fetched))

    async def leave_partitions(self, *, at_the_end: bool = False) -> None:
        """Store and commit if the partitions are still this worker's, then own none."""
        self.is_leaving = self.is_leaving or at_the_end
        if self._assigning is not None:  # it would read on what is no longer ours
            self._assigning.cancel()
            await asyncio.wait([self._assigning])
        consumer = self.engine.assignment.consumer
        self.notification_reads.forget()
        if consumer is not None:
            consumer.forget()
            if consumer.is_member and self.engine.owned:
                await self.engine.hand_over()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(COMMIT_SECONDS):
                        await consumer.commit()
            if consumer.is_member:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(COMMIT_SECONDS):
                        await self.notifications.commit()
        await self.dispatch_owner.revoke(at_the_end=at_the_end)
        self.alerts_partitions = frozenset()
        self.notifications.revoke()
        await self.engine.revoke(at_the_end=at_the_end)

    def assign_notifications(self, partitions: list[int], generation: int) -> None:
        """Deliver those of these partitions until they are revoked."""
        self._assigning = self.supervise(self.notifications.tracks.assign(partitions, generation))

    def supervise(self, work: Coroutine[Any, Any, None]) -> "asyncio.Future[None]":
        """Run work whose failure ends the process."""
        supervised: asyncio.Future[None] = self.add_future(vital(work, self.stop_process))
        return supervised


def create_app(
    config: AgentsConfig, engine: Engine, reads: NotificationReads, stop_process: Callable[[str], None],
    dispatch_owner: DispatchOwner,
) -> MonitorApp:  # fmt: skip
    """The app with both agents registered. Start it on the running loop. `stop_process` ends the process at once."""
    servers = [URL(f"kafka://{server.strip()}") for server in config.kafka.bootstrap_servers.split(",")]
    app = MonitorApp(
        config.monitor_id,
        broker=servers,
        broker_credentials=config.kafka.faust_credentials(),
        autodiscover=False,
        web_enabled=False,
        store="memory://",
        datadir=config.state_dir,
        TableManager=NoTables,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        broker_max_poll_records=MAX_POLL_RECORDS,
        broker_session_timeout=config.session_timeout_seconds,
        broker_rebalance_timeout=config.rebalance_timeout_seconds,
        broker_heartbeat_interval=min(3.0, config.session_timeout_seconds / 3),
        broker_commit_interval=0.5,
        consumer_metadata_max_age_ms=METADATA_MAX_AGE_MS,
        broker_request_timeout=max(40.0, config.session_timeout_seconds + 1),
        consumer_group_instance_id=config.group_instance_id,
        stream_wait_empty=False,
        stream_buffer_maxsize=BUFFERED_BATCHES,
        reply_create_topic=False,
    )
    app.engine, app.notifications, app.stop_process = engine, reads.notifications, stop_process
    app.notification_reads, app.dispatch_owner = reads, dispatch_owner
    reads.out_of_range = app.notifications_out_of_range
    app.transport = Transport(servers, app)
    _register(app, config)
    return app


def _register(app: MonitorApp, config: AgentsConfig) -> None:
    topics, engine, owner = config.topics, app.engine, app.dispatch_owner

    @app.agent(_raw(app, topics.events), name="track", concurrency=1)
    async def track(stream: Any) -> None:
        await _hand_over(app, stream, engine.accept)

    _deal_out(app, topics.notifications)
    _deal_out(app, topics.alerts)  # to store their history
    _deal_out(app, topics.acts)  # its partition makes a worker the owner of the dispatcher

    @app.on_partitions_revoked.connect
    async def revoked(*_: Any, **__: Any) -> None:
        await app.leave_partitions()

    @app.on_partitions_assigned.connect
    async def assigned(*args: Any, **__: Any) -> None:
        partitions: set[TP] = args[1]
        generation = app.consumer_generation_id
        if app.is_leaving:
            return
        engine.assign(_of(partitions, topics.events), generation)
        app.assign_notifications(_of(partitions, topics.notifications), generation)
        app.alerts_partitions = frozenset(_of(partitions, topics.alerts))
        if _of(partitions, topics.acts):
            owner.assign()


def _raw(app: MonitorApp, topic: str) -> Any:
    return app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def _deal_out(app: MonitorApp, topic: str) -> None:
    """Have the group deal out a topic's partitions; its records are read without Faust."""

    @app.agent(_raw(app, topic), name=f"deal-out-{topic}", concurrency=1)
    async def dealt_out(stream: Any) -> None:
        async for _ in stream.noack().events():
            app.stop_process(f"records of {topic} came although nobody reads them here")


def _of(partitions: set[TP], topic: str) -> list[int]:
    return sorted(tp.partition for tp in partitions if tp.topic == topic)


async def _hand_over(app: MonitorApp, stream: Any, accept: Callable[[Fetched], None]) -> None:
    """An agent's body lets no exception escape: Faust would continue after the failed record."""
    try:
        async for event in stream.noack().events():
            message = event.message
            assert isinstance(message, RecordBatch)
            accept(message.fetched)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        log.exception("an agent failed")
        app.stop_process(f"an agent failed: {error!r}")
