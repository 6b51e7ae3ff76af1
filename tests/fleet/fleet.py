"""Workers in one process: real partitions without Kafka, real questions, real HTTP between them.

The fleet topic is a `Bus`, which hands every record to every reader at once; other tests put a broker in its place.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpx
import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector

from agents.dispatch.status import DispatchStatus
from agents.engine.ownership import Change, Owned, PartitionPhase
from agents.engine.record_counts import RecordCounts
from agents.engine.waits import Wait
from agents.fleet_topic.fleet_view import Audits, FleetView
from agents.fleet_topic.publisher import FleetPublisher, Identity
from agents.fleet_topic.reader import FleetReader
from episode_monitor.fleet.ask import Fleet as Asked
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.outgoing import Outgoing, Waiting
from episode_monitor.fleet.peer_client import PeerClient
from episode_monitor.fleet.split_watch import SplitWatch
from episode_monitor.observe.deliveries import DeliveryTimes
from episode_monitor.observe.loop_lag import LoopLag
from episode_monitor.observe.process_view import ProcessView
from episode_monitor.observe.switched_off import refuse
from episode_monitor.observe.worker_state import Probe, WorkerState
from episode_monitor.storage.alert_deliveries import MemoryAlertDeliveries
from episode_monitor.storage.audit import MemoryAuditLog
from episode_monitor.storage.history import AlertHistory, MemoryAlertHistory
from episode_monitor.web.app import create_web_app
from episode_monitor.web.context import WebContext
from episode_monitor.web.peer_routes import peer_router
from episode_monitor.web.server import HttpServer, serve
from episode_monitor.web.settings import WebSettings
from models.alert import Alert
from streams.alerting.core import Core
from tests.fleet.questions import NoFiles
from tests.streams_views.making import START_MS, Log, make_core
from tests.web.fake_desk import FakeDesk

LONG_AGO = -1e9
PATIENCE_SECONDS = 60.0  # longer than a worker waits for others (10 s), which httpx does not by default
ASKED_OFTEN = 10


class Clock:
    """A wall clock that stands still until it is set."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


class Bus:
    """Stands for the fleet topic: a producer that hands each record to all readers."""

    def __init__(self) -> None:
        self.readers: list[FleetReader] = []
        self.values: list[bytes] = []
        self.failing: Exception | None = None

    async def send(self, topic: str, value: bytes | None, key: bytes | None, /) -> "asyncio.Future[object]":
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if self.failing is not None:
            done.set_exception(self.failing)
            return done
        assert value is not None
        self.values.append(value)
        for reader in self.readers:
            reader.take(value, len(self.values) - 1)
        done.set_result(None)
        return done


class BareEngine:
    """The engine's part that the read side uses, with real partitions and without Kafka."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.owned: dict[int, Owned] = {}
        self.former = RecordCounts()
        self.auditor: Audits | None = None
        self.flushes = 0
        self.flush_seconds = 0.0
        self.bytes_written = 0
        self.written: list[tuple[int, bytes]] = []
        self.end_is_known = True
        self.told: list[Alert] = []
        self.is_awaited = False
        self.behind = 0  # of each partition
        self.times_asked = 0  # when a broker last answered
        self.was_asked_often = asyncio.Event()
        self.on_flush: Callable[[], None] = lambda: None

    @property
    def changelog(self) -> "BareEngine":
        return self

    progress = flusher = emitter = changelog

    def is_caught_up(self, owned: Owned, quiet_seconds: float, /) -> bool:
        return self.end_is_known and (not quiet_seconds or time.monotonic() - owned.taken_at >= quiet_seconds)

    def lag(self, owned: Owned, /) -> int:
        return self.behind

    def answered_at(self, owned: Owned, /) -> float | None:
        self.times_asked += 1
        if self.times_asked == ASKED_OFTEN:
            self.was_asked_often.set()
        return time.time() if self.end_is_known else None

    async def emit(self, change: Change, /) -> None:
        owned = change.owned
        self.told, owned.partition.emits = [*self.told, *owned.partition.emits], []

    def waiting(self, owned: Owned, /) -> int | None:
        return 0 if self.end_is_known else None

    async def flush(self) -> None:
        for owned in self.owned.values():
            async with owned.locked():
                if owned.partition.is_dirty:
                    changes = owned.partition.collect()
                    for key, value in changes.writes:
                        assert value is not None
                        owned.store.put(key, value)
                        self.written.append((owned.number, key))
        self.flushes += 1
        self.on_flush()


class Worker:
    """One worker with its HTTP server."""

    def __init__(self, fleet: "Fleet", name: str, history: AlertHistory) -> None:
        self.name = name
        self.fleet = fleet
        self.engine = BareEngine(fleet.core)
        self.told: list[Alert] = []
        self.tell_failing: Exception | None = None
        self.rows: dict[str, int] = {}
        self.dispatching: DispatchStatus | None = None
        self.reader = FleetReader("fleet", "nowhere:1", lambda: fleet.partitions, fleet.clock)
        fleet.bus.readers.append(self.reader)
        self.view = FleetView(self.engine, self.reader, lambda: fleet.partitions, fleet.clock, name)
        self.audit = MemoryAuditLog()
        self.own = LocalState(
            self.view, self._tell, lambda partition: self.publisher.mark_changed(partition), history, self.audit
        )
        self.own.files = NoFiles()
        self.own.deliveries = MemoryAlertDeliveries()
        self.model = Asked(self.own, PeerClient(fleet.client))
        self.splits = SplitWatch(self.model)
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        LoopLag(self.registry)
        DeliveryTimes(self.registry)
        self.broker, self.database = "ok", "ok"
        self.waits: list[Wait] = []
        self.outgoing = Outgoing(sinks=[Waiting("slack", 2, 95.4, "HTTP 503")])
        probes = [Probe("broker", lambda: self.broker, True), Probe("database", lambda: self.database, False)]
        self.state = WorkerState(
            self.view,
            probes,
            "1.2.3",
            lambda: [("slack", "delivered", 3)],
            lambda: self.waits,
            outgoing=lambda: self.outgoing,
            rows=lambda: self.rows,
            dispatching=lambda: self.dispatching,
        )
        self.process = ProcessView(self.view, self.state, self.registry, fleet.max_projects)
        self.token = f"word-of-{name}"
        self.settings = b"same"
        self.server: HttpServer | None = None

    async def _tell(self, change: Change, alerts: Iterable[Alert]) -> None:
        if self.tell_failing is not None:
            raise self.tell_failing
        self.told.extend(alerts)

    async def serve(self) -> None:
        context = WebContext(
            fleet=self.model, process=self.process, jobs=refuse, drift_of=refuse, settings=WebSettings(),
            audit=self.audit.note, now_ms=self.fleet.clock, alert_desk=lambda: FakeDesk(self.model),
        )  # fmt: skip
        app = create_web_app(context, registry=self.registry, extra_routers=[peer_router(self.own, self.token)])
        self.server = await serve(app, "127.0.0.1", 0)
        self.publisher = FleetPublisher(
            "fleet", self.fleet.bus, self.view,
            Identity(worker_id=self.name, url=self.url, token=self.token, settings=self.settings),
            self.fleet.clock, self.fleet.max_projects,
        )  # fmt: skip

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    def own_partition(self, number: int, generation: int = 1, phase: PartitionPhase = PartitionPhase.LIVE) -> Log:
        """Give the worker an empty partition."""
        if number in self.engine.owned:
            self.engine.former.add(self.engine.owned[number].counts)
        owned = Owned("events", number, generation, self.fleet.core, 1000)
        owned.phase = phase
        owned.taken_at = time.monotonic() + 1000  # not idle
        self.engine.owned[number] = owned
        return Log(owned.partition)

    def go_idle(self) -> None:
        """Nothing has come for long."""
        for owned in self.engine.owned.values():
            owned.taken_at = LONG_AGO

    async def publish(self) -> None:
        """Tell the fleet of all partitions."""
        for number in self.engine.owned:
            self.publisher.mark_changed(number)
        await self.publisher.publish_due(time.monotonic())

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        """Ask as a user does."""
        return await self.fleet.client.get(f"{self.url}{path}", params=parameters)

    async def post(self, path: str, body: object) -> httpx.Response:
        """Act as a user does."""
        return await self.fleet.client.post(f"{self.url}{path}", json=body)


class Fleet:
    """Workers of one monitor. `partitions` is how many the events topic has."""

    def __init__(self, partitions: int, core: Core | None = None, max_projects: int = 100) -> None:
        self.partitions = partitions
        self.core = core or make_core()
        self.max_projects = max_projects
        self.clock = Clock()
        self.bus = Bus()
        self.client = httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS)
        self.workers: list[Worker] = []

    async def __aenter__(self) -> "Fleet":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()  # first, for servers wait for their connections
        await asyncio.gather(*(worker.server.stop() for worker in self.workers if worker.server is not None))

    async def worker(self, name: str, history: AlertHistory | None = None) -> Worker:
        """Another worker, serving."""
        worker = Worker(self, name, history or MemoryAlertHistory())
        await worker.serve()
        self.workers.append(worker)
        return worker

    async def publish(self) -> None:
        """All workers tell of all their partitions."""
        for worker in self.workers:
            await worker.publish()


Json = dict[str, Any]


def json(response: httpx.Response, status: int = 200) -> Json:
    """The body of an answer of this status."""
    assert response.status_code == status, response.text
    body: Json = msgspec.json.decode(response.content)
    return body


def code(response: httpx.Response, status: int) -> str:
    """The problem code of an answer of this status."""
    return str(json(response, status)["code"])
