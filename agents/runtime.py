"""Everything of one worker that speaks to Kafka, started and stopped as one. It waits for no database and no sink."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog
from aiokafka.errors import KafkaError
from faust.contrib.asgi import bind_to_running_loop

from agents.app import MonitorApp, create_app
from agents.config import AgentsConfig
from agents.deliver import AppendHistory, Delivery, Token
from agents.engine.changelog import Changelog
from agents.engine.engine import Engine, Failpoint
from agents.engine.fence import Fence
from agents.engine.producer import Producer
from agents.engine.watchdog import Watchdog
from agents.engine.writer import Writer
from agents.topics import TopicMismatch, ensure_topics
from alert_sinks.courier import Courier, Destinations
from alert_sinks.ledger import Ledger
from models.alert import Alert
from models.alert_codec import encode_alert
from streams.core import Core

log = structlog.get_logger(__name__)

IDLE_MS = 2_000  # an idle partition's clock follows the wall clock at this distance
IDLE_LOOK_SECONDS = 0.5
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
STOP_SECONDS = 10.0


class Runtime:
    """One worker's Kafka side. `status` is "ok" or one sentence of what it waits for."""

    def __init__(
        self,
        config: AgentsConfig,
        core: Core,
        destinations: Destinations,
        ledger: Ledger,
        append_history: AppendHistory,
        events_partitions: int,
        replication_factor: int | None,
        stop: Callable[[str], None],
        now_ms: Callable[[], int],
        failpoint: Failpoint = lambda name: None,
    ) -> None:
        """`stop` ends the process at once, `now_ms` is the wall clock."""
        self.config = config
        self.status = f"waiting for Kafka at {config.bootstrap_servers}"
        self.partitions = 0  # of the events topic; 0 until it is known
        self.producer = Producer(config.bootstrap_servers)
        self.fence = Fence(config.session_timeout_seconds, stop)
        self.writer = Writer(self.producer, config.topics.alerts, config.topics.dead_letters)
        self.changelog = Changelog(config.topics.changelog, config.bootstrap_servers, self.producer)
        self.engine = Engine(
            config.topics.events, core, self.changelog, self.writer, self.fence, stop, now_ms, config.cached_projects,
            failpoint,
        )  # fmt: skip
        self.courier: Courier[Token] = Courier(
            destinations, ledger, on_done=self._done, on_dead_letter=self._bury_alert
        )
        self.delivery = Delivery(config.topics.alerts, self.courier.accept, self.courier.forget, append_history)
        self.watchdog = Watchdog(self.engine, config.stalled_seconds, stop)
        self.app: MonitorApp | None = None
        self._events_partitions = events_partitions
        self._replication_factor = replication_factor
        self._stop = stop
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Wait for Kafka, make the topics, start the producer and the agents. Raises TopicMismatch."""
        await self._until_there(self._prepare)
        self.app = create_app(self.config, self.engine, self.delivery)
        bind_to_running_loop(self.app)
        self.app.finalize()
        for work in (self.fence.run(), self._flush_regularly(), self._keep_time(), self.watchdog.run(),
                     self.delivery.write_history()):  # fmt: skip
            self._tasks.append(self._supervised(work))
        await self.app.start()
        self._tasks.append(self._supervised(self._watch_app(self.app)))
        self.status = "ok"

    async def _prepare(self) -> None:
        counts = await ensure_topics(
            self.config.bootstrap_servers, self.config.topics, self._events_partitions, self._replication_factor
        )
        self.partitions = counts[self.config.topics.events]
        await self.producer.start()

    async def _until_there(self, work: Callable[[], Awaitable[None]]) -> None:
        for attempt in range(1_000_000_000):
            try:
                await work()
                return
            except TopicMismatch:
                raise
            except (KafkaError, OSError) as error:
                if attempt == 0:
                    log.warning("Kafka is away; waiting for it", servers=self.config.bootstrap_servers,
                                error=str(error) or type(error).__name__)  # fmt: skip
                self.status = f"Waiting for Kafka at {self.config.bootstrap_servers}: {error or type(error).__name__}."
                await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])

    def _supervised(self, work: Awaitable[None]) -> asyncio.Task[None]:
        """A task that must not end: if it does, the process does."""

        async def run() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.exception("a part of the worker failed")
                self._stop(f"a part of the worker failed: {error!r}")

        return asyncio.create_task(run())

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(self.config.flush_interval_seconds)
            await self.engine.flush()

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(IDLE_LOOK_SECONDS)
            await self.engine.run_idle_clocks(IDLE_MS)

    async def _watch_app(self, app: MonitorApp) -> None:
        await app.wait_until_stopped()
        if app.crash_reason is not None:
            self._stop(f"Faust has stopped: {app.crash_reason!r}")

    # --- what others do through it

    async def tell(self, alerts: Iterable[Alert]) -> None:
        """Send transitions that a person caused."""
        await self.writer.tell(alerts)

    def _done(self, token: Token) -> None:
        self.delivery.done(token)

    async def _bury_alert(self, alert: Alert, sink: str, reason: str) -> None:
        headers = [("dl_sink", sink.encode()), ("dl_reason", reason.encode())]
        topic = self.config.topics.alert_dead_letters
        await (await self.producer.send(topic, encode_alert(alert), alert.alert_key.encode(), headers))

    # --- the end

    async def close(self) -> None:
        """Store what was taken, leave the group, let deliveries under way end."""
        self.status = "stopping"
        if self.app is not None:
            await self.engine.flush()
            self.engine.revoke()
            try:
                await asyncio.wait_for(self.app.stop(), STOP_SECONDS)
            except TimeoutError:
                log.warning("Faust did not stop in time", seconds=STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.courier.aclose()
        await self.producer.stop()
