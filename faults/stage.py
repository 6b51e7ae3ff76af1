"""The stage of a scenario: a monitor with topics of its own on a shared broker, its workers, a real receiver of alerts,
a producer of events, a reader of the views, and a supervisor that restarts dead workers."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from aiokafka.admin import NewPartitions
from aiokafka.errors import RequestTimedOutError

from agents.kafka.topics import TopicNames, ensure_dispatch_topics, ensure_topics
from episode_monitor.dispatch.loading import dispatch_config
from episode_monitor.settings.alerting_files import read_files
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import load_settings
from episode_monitor.web.server import serve
from examples.receiver.app import create_app as create_receiver
from examples.receiver.settings import ReceiverSettings
from faults.dispatch_plan import planned
from faults.evidence import CONSUMER_OFFSETS, Answer, Evidence, Received, admin_client, collect, end_offsets
from faults.feed import PROJECTS, Feed
from faults.oracle import Oracle
from faults.people import People
from faults.plan import Plan, worker_settings
from faults.sending import Sender
from faults.settling import settled
from faults.skew import skewed
from faults.workers import WorkerProcess
from streams.alerting.core import Core
from streams.dispatch.config import DispatchConfig
from testbed.hashes import PLACES

SETTLE_SECONDS = 60.0
CRASHED = 70  # the exit code of a worker that ended itself
SHUT_OUT = "local member_id was not recognized"  # aiokafka's words in the worker's log
VIEWS = "/monitoring/episodes/integrity"


class Stage:
    """One monitor. To be entered before anything else; leaving it ends all of its processes."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.rnd = random.Random(plan.seed)
        self.partitions = plan.partitions  # of the events, until some are added
        self.topics = TopicNames.of(
            plan.prefix, f"{plan.prefix}events", f"{plan.prefix}alerts", f"{plan.prefix}letters",
            f"{plan.prefix}alert-letters", f"{plan.prefix}audit",
        )  # fmt: skip
        self.evidence = Evidence(wall_ms=time.time_ns() // 1_000_000)
        self.workers: dict[str, WorkerProcess] = {}
        self.deaths: Counter[str] = Counter()
        self.wrong: list[str] = []  # violations found by the scenario itself
        self.figures: dict[str, float] = {}
        self.woken: dict[str, float] = {}  # zombie -> when it was woken, in seconds of the wall clock
        # Of the next worker that the supervisor restarts.
        self.next_fault: Callable[[], tuple[str, int]] = lambda: ("", 1)
        self.receiver_url = ""
        self.feeding: asyncio.Task[None]
        self.released = 1.0  # the share of the records that may flow; the rest waits for the scenario
        self._environment: dict[str, str] = {}
        self._commits_from: dict[int, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._client = httpx.AsyncClient(trust_env=False, timeout=5.0)
        self.look_every_seconds = 0.1
        self.looks_at_fleet = True  # not where several processes answer, whose copies differ by a second

    @property
    def core(self) -> Core:
        """The workers' rules and settings."""
        return core_from(load_settings({**self._environment, "MONITORING_PORT": "8002"}))

    @property
    def dispatch(self) -> DispatchConfig:
        """What the workers' dispatcher decides by."""
        settings = load_settings({**self._environment, "MONITORING_PORT": "8002"})
        files = read_files(settings, settings.alerting_path, settings.oncall_path)
        return planned(self.plan.dispatch, dispatch_config(files))

    def judge(self, evidence: Evidence, *, letters_once: bool = True) -> Oracle:
        """The oracle of this round."""
        return Oracle(
            self.core, self.topics, evidence, letters_once=letters_once, dispatch=self.dispatch,
            waits_for_past=self.plan.dispatch.waits_for_past, has_versions=self.plan.has_versions,
        )  # fmt: skip

    def configure(self, receiver_url: str) -> None:
        """Workers get their settings with this receiver; core and dispatch are of them, too."""
        self.receiver_url = receiver_url
        self._environment = self._settings(receiver_url)

    @asynccontextmanager
    async def entered(self) -> AsyncIterator["Stage"]:
        """Topics, receiver and feed; no worker yet."""
        plan = self.plan
        await self._make_topics()
        self._commits_from = await end_offsets(plan.bootstrap_servers, CONSUMER_OFFSETS)
        receiver = create_receiver(ReceiverSettings(host="127.0.0.1", port=0, journal_max=100_000))
        server = await serve(receiver, "127.0.0.1", 0)
        self.configure(server.url)
        self.feeding = asyncio.create_task(self._feed())
        works = [self._supervise(), self._look(), *([People(self).act()] if plan.has_people else [])]
        self._tasks = [asyncio.create_task(work) for work in works]
        try:
            yield self
            self.evidence.received = [
                Received(entry.message_id, entry.status, entry.body, entry.headers.get("x-worker", ""),
                         datetime.fromisoformat(entry.received_at).timestamp())
                for entry in receiver.state.journal.since(0)
            ]  # fmt: skip
        finally:
            for task in (*self._tasks, self.feeding):
                task.cancel()
            await asyncio.gather(*self._tasks, self.feeding, return_exceptions=True)
            for worker in self.workers.values():
                await worker.kill9()
            await server.stop()
            await self._client.aclose()

    def _settings(self, receiver_url: str) -> dict[str, str]:
        return worker_settings(self.plan, self.topics, receiver_url)

    # --- workers

    async def start(
        self, *names: str, fault: str = "", on: int = 1, environment: Mapping[str, str] | None = None,
        tree: Path | None = None,
    ) -> None:  # fmt: skip
        """Start workers, new ones or those that have ended. `tree`: of another version, whose code they run."""
        for name in names:
            worker = self.workers.get(name)
            if worker is None:
                worker = self.workers[name] = WorkerProcess(name, self.folder, self._environment)
            worker.tree = tree
            worker.start(fault, on, **(environment or {}))

    async def kill(self, name: str, why: str = "at random") -> None:
        """Kill -9; the supervisor does not restart it."""
        if self.workers[name].is_running:
            await self.workers[name].kill9()
            self.deaths[why] += 1

    async def stop(self, name: str) -> None:
        """SIGTERM; anything but a clean end is a violation."""
        self.deaths["SIGTERM"] += 1
        await self._ask_to_end(self.workers[name])

    async def _ask_to_end(self, worker: WorkerProcess) -> None:
        # Before it listens, a signal ends it as any process.
        while worker.is_running and (await self.ask(worker, "/livez"))[0] != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        code = await worker.stop()
        if code != 0:
            self.wrong.append(f"Worker {worker.life} was asked to end and ended with {code} instead of 0.")

    def running(self) -> list[WorkerProcess]:
        """All that run now."""
        return [worker for worker in self.workers.values() if worker.is_running]

    async def live(self, *names: str) -> None:
        """Wait until these workers own all partitions, live, each at least one."""
        give_up_at = time.monotonic() + SETTLE_SECONDS
        while True:
            shares = [await self.live_partitions(name) for name in names]
            if all(shares) and sum(shares) == self.partitions:
                return
            if time.monotonic() > give_up_at:
                self.wrong.append(f"The workers {', '.join(names)} did not share all partitions in time: {shares}.")
                return
            await asyncio.sleep(0.02)

    async def live_partitions(self, name: str) -> int:
        """How many partitions a worker has recovered."""
        status, body = await self.ask(self.workers[name], "/readyz")
        return int(body["recovery"]["partitions_live"]) if status in (200, 503) and body else 0

    async def ask(self, worker: WorkerProcess, path: str) -> tuple[int, Any]:
        """Status and JSON; status 0 without an answer."""
        try:
            answer = await self._client.get(worker.url + path)
            return answer.status_code, answer.json()
        except (httpx.HTTPError, ValueError):
            return 0, None

    async def _supervise(self) -> None:
        """Restart the workers that have died."""
        while True:
            await asyncio.sleep(0.05)
            for worker in self.workers.values():
                if worker.wanted and not worker.is_running:
                    by_itself = worker.returncode == CRASHED
                    self.deaths["stopped by itself" if by_itself else worker.fault or "unplanned"] += 1
                    if worker.returncode not in (CRASHED, -9):
                        self.wrong.append(f"Worker {worker.life} ended by itself with {worker.returncode}.")
                    worker.start(*self.next_fault())

    async def _feed(self) -> None:
        plan = self.plan
        feed = Feed(
            plan.seed, plan.records, self.evidence.wall_ms, projects=plan.projects, calm=plan.calm,
            ahead_ms=plan.ahead_ms,
        )  # fmt: skip
        place = partial(_place, partitions=plan.partitions) if plan.keeps_places else None
        sender = Sender(
            plan.bootstrap_servers, self.topics.events, self.evidence, self.rnd, place, lambda: self.released
        )
        records = skewed(feed.records(), self.evidence.wall_ms) if plan.is_skewed else feed.records()
        await sender.run(list(records), plan.seconds, plan.styles, f"{plan.prefix}feed")

    async def add_partitions(self, count: int) -> None:
        """Add partitions to the events' topic."""
        self.partitions += count
        async with admin_client(self.plan.bootstrap_servers) as client:
            await client.create_partitions({self.topics.events: NewPartitions(self.partitions)})

    async def behave(self, step: dict[str, Any] | None) -> None:
        """Set how the receiver answers from now on; None: as usual."""
        if step is None:
            await self._client.delete(f"{self.receiver_url}/behaviour")
        else:
            await self._client.post(f"{self.receiver_url}/behaviour", json=step)

    # --- views

    async def _look(self) -> None:
        """Ask running workers for projects and for the fleet, again and again, and keep the answers."""
        rnd = random.Random(self.plan.seed)
        while True:
            await asyncio.sleep(self.look_every_seconds)
            for worker in self.running():
                project = "" if rnd.random() < 0.2 and self.looks_at_fleet else f"proj_{rnd.randrange(PROJECTS):03d}"
                life, asked = worker.life, time.time()
                status, body = await self.ask(worker, f"{VIEWS}/{f'project/{project}' if project else 'summary'}")
                if worker.life == life:
                    self.evidence.answers.append(Answer(life, project, status, body, time.time(), asked))

    # --- the end

    async def settle(self) -> None:
        """End the faults, and wait until all events are applied and stored, and all alerts delivered."""
        self.next_fault = lambda: ("", 1)
        await self.feeding
        await settled(self, SETTLE_SECONDS)

    async def end(self) -> None:
        """Ask all workers to end; those whose fault has not happened yet are killed."""
        wanted = [worker for worker in self.workers.values() if worker.wanted]
        for worker in wanted:
            worker.wanted = False
        await asyncio.gather(*(self._ask_to_end(worker) for worker in wanted if not worker.fault))

    async def _make_topics(self) -> None:
        """A broker that has just started may take longer than a client waits; what it made by then is there."""
        plan = self.plan
        for attempt in range(5):
            try:
                await ensure_topics(plan.bootstrap_servers, self.topics, plan.partitions, 1)
                await ensure_dispatch_topics(plan.bootstrap_servers, self.topics, plan.partitions, 1)
                return
            except RequestTimedOutError:
                if attempt == 4:
                    raise

    async def collect(self) -> Evidence:
        """All evidence."""
        frozen = {life.partition(".")[0] for life in self.woken}  # by the scenario: they must send nothing more
        self.evidence.shut_out = [
            name for name, worker in self.workers.items() if name not in frozen and SHUT_OUT in worker.log_text()
        ]
        return await collect(
            self.evidence, self.plan.bootstrap_servers, self.topics, commits_from=self._commits_from,
            group=self.plan.prefix,
        )  # fmt: skip

    def zombies(self) -> list[str]:
        """Alerts that a frozen worker posted after it woke."""
        return [
            f"The zombie {one.worker} posted {one.message_id} {one.at - self.woken[one.worker]:.3f} s after it woke."
            for one in self.evidence.received
            if one.at > self.woken.get(one.worker, one.at)
        ]

    async def remove(self) -> None:
        """Delete the topics, so that they do not pile up on the broker."""
        async with admin_client(self.plan.bootstrap_servers) as client:
            await client.delete_topics(self.topics.all)


def _place(key: bytes, partitions: int) -> int:
    return PLACES["murmur2"](key, partitions)
