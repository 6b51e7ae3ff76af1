"""Carries out a plan over HTTP and reports what it did.

A healthy project has one caller at a time, so whatever conflicts there is not the driver's doing.
"""

import asyncio
import random
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

from .plan import Arrivals, Injection, Plan, ProjectPlan

OPEN_REQUESTS_MAX = 64
ANSWER_SECONDS = 75.0  # an ordered delay is at most 60 s
UNREACHABLE_PAUSE_SECONDS = 0.5
START_PAUSE_SECONDS = 0.25


class ServiceAway(Exception):
    """The project service did not become healthy in time."""


@dataclass
class Counts:
    """What became of one project's requests."""

    created: int = 0
    failed: int = 0
    conflicted: int = 0  # endings that lost at least one race on the way
    retries: int = 0
    deleted: int = 0
    unreachable: int = 0  # no answer, or one that is none of the service's


@dataclass
class Report:
    """What was done. `injected` lists the troubles that the service accepted, with the second of its acceptance."""

    seconds: float = 0.0
    injected: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    projects: dict[str, Counts] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON types, with a sum over all projects."""
        total = Counts()
        for counts in self.projects.values():
            for name, value in asdict(counts).items():
                setattr(total, name, getattr(total, name) + value)
        return {**asdict(self), "total": asdict(total)}


def say_on_stderr(line: str) -> None:
    """Progress for people."""
    print(line, file=sys.stderr, flush=True)


async def drive(
    service_url: str,
    plan: Plan,
    *,
    seed: int,
    seconds: float | None = None,
    stop: asyncio.Event | None = None,
    wait_seconds: float = 60.0,
    drain_seconds: float = 10.0,
    say: Callable[[str], None] = say_on_stderr,
) -> Report:
    """Runs `plan` until `seconds` have passed or `stop` is set, then ends all trouble. Raises ServiceAway.

    The same seed gives the same gaps and choices in each project; how they interleave is up to the network.
    """
    stop = stop or asyncio.Event()
    # Shorter than a server keeps an idle connection, or a request would now and then meet one that is just closing.
    limits = httpx.Limits(max_connections=OPEN_REQUESTS_MAX, keepalive_expiry=2.0)
    async with httpx.AsyncClient(
        base_url=service_url, timeout=ANSWER_SECONDS, limits=limits, trust_env=False
    ) as client:
        await _wait_until_healthy(client, service_url, wait_seconds, say)
        return await _Drive(client, plan, seed, stop, say).run(seconds, drain_seconds)


async def _wait_until_healthy(
    client: httpx.AsyncClient, url: str, wait_seconds: float, say: Callable[[str], None]
) -> None:
    reason = ""
    try:
        async with asyncio.timeout(wait_seconds):
            while True:
                try:
                    answer = await client.get("/healthz")
                    if answer.status_code == 200:
                        return
                    now = f"it answers {answer.status_code}: {answer.text[:200]}"
                except httpx.HTTPError as error:
                    now = f"{type(error).__name__}"
                if now != reason:
                    say(f"waiting for the project service at {url}: {now}")
                    reason = now
                await asyncio.sleep(START_PAUSE_SECONDS)
    except TimeoutError as error:
        raise ServiceAway(
            f"The project service at {url} is not healthy after {wait_seconds:.0f} s: {reason}."
        ) from error


class _Drive:
    def __init__(
        self, client: httpx.AsyncClient, plan: Plan, seed: int, stop: asyncio.Event, say: Callable[[str], None]
    ):
        self._client = client
        self._plan = plan
        self._seed = seed
        self._stop = stop
        self._say = say
        self._slots = asyncio.Semaphore(OPEN_REQUESTS_MAX)
        self._bursts_are_on = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self.report = Report(projects={project.project_id: Counts() for project in plan.projects})

    async def run(self, seconds: float | None, drain_seconds: float) -> Report:
        """Everything at once until the end; then open requests get `drain_seconds`, and the troubles are cleared."""
        arrivals = [asyncio.create_task(self._inject())]
        arrivals += [asyncio.create_task(self._drive_project(project)) for project in self._plan.projects]
        for task in arrivals:
            task.add_done_callback(self._stop_on_error)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), seconds)
            await _cancel(arrivals)
            if self._open:
                await asyncio.wait(self._open, timeout=drain_seconds)
        finally:
            await _cancel([*arrivals, *self._open])
            await self._clear_trouble()
        if self._fault is not None:
            raise self._fault
        self.report.seconds = round(self._now(), 3)
        return self.report

    def _stop_on_error(self, task: asyncio.Task[None]) -> None:
        """A bug here, such as an answer of unknown shape, ends the drive instead of thinning the traffic."""
        self._open.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._fault = fault
            self._stop.set()

    async def _inject(self) -> None:
        for injection in sorted(self._plan.injections, key=lambda one: one.at_seconds):
            await self._sleep_until(injection.at_seconds)
            await self._inject_one(injection)
        if self._plan.injections and self._plan.trouble_ends_at_seconds is not None:
            await self._sleep_until(self._plan.trouble_ends_at_seconds)
            await self._clear_trouble()

    async def _inject_one(self, injection: Injection) -> None:
        if injection.kind == "hot":
            self._bursts_are_on.set()  # callers at the same moment collide even where the service refuses to help
        try:
            answer = await self._client.post("/admin/trouble", json=injection.order)
        except httpx.HTTPError as error:
            problem = f"{type(error).__name__}"
        else:
            problem = "" if answer.status_code == 200 else f"{answer.status_code} {answer.text[:200]}"
        if problem:
            self.report.refused.append(f"{injection.kind} for {injection.project_id}: {problem}")
            self._say(f"{self._now():6.1f} s  the service refused the trouble {injection.kind}: {problem}")
            return
        self.report.injected.append({"at_seconds": round(self._now(), 3), **injection.order})
        options = ", ".join(f"{name} {value}" for name, value in injection.options.items())
        self._say(f"{self._now():6.1f} s  {injection.project_id}: {injection.kind} ({options})")

    async def _clear_trouble(self) -> None:
        self._bursts_are_on.clear()
        if not self.report.injected:
            return
        for project_id in dict.fromkeys(one["project_id"] for one in self.report.injected):
            try:
                await self._client.delete("/admin/trouble", params={"project_id": project_id}, timeout=5.0)
            except httpx.HTTPError:
                self._say(f"the service is gone; {project_id} keeps its trouble until it restarts")
                return
        self._say(f"{self._now():6.1f} s  all trouble is over")

    async def _drive_project(self, project: ProjectPlan) -> None:
        chance = random.Random(f"{self._seed}/{project.project_id}")
        match project.arrivals:
            case Arrivals.ONE_CALLER:
                await self._one_caller(project, chance)
            case Arrivals.PACED:
                await self._paced(project, chance)
            case Arrivals.BURSTS:
                await self._bursts(project, chance)

    async def _one_caller(self, project: ProjectPlan, chance: random.Random) -> None:
        at_seconds = 0.0
        while True:
            # A caller that was kept waiting does not catch up: that would make a burst of what should be calm.
            at_seconds = max(at_seconds + chance.expovariate(project.rate_per_second), self._now())
            await self._sleep_until(at_seconds)
            await asyncio.wait({self._begin(project, chance)})

    async def _paced(self, project: ProjectPlan, chance: random.Random) -> None:
        at_seconds = chance.random() / project.rate_per_second
        while True:
            await self._sleep_until(at_seconds)
            self._begin(project, chance)
            at_seconds = max(at_seconds + 1 / project.rate_per_second, self._now())

    async def _bursts(self, project: ProjectPlan, chance: random.Random) -> None:
        while True:
            if self._bursts_are_on.is_set():
                await asyncio.wait({self._begin(project, chance) for _ in range(self._plan.burst_callers)})
                await asyncio.sleep(self._plan.burst_callers / project.rate_per_second)
                continue
            try:
                await asyncio.wait_for(self._bursts_are_on.wait(), chance.expovariate(project.rate_per_second))
            except TimeoutError:
                await asyncio.wait({self._begin(project, chance)})

    def _begin(self, project: ProjectPlan, chance: random.Random) -> asyncio.Task[None]:
        """One creation as a task of its own: it may outlive the caller that began it."""
        task = asyncio.create_task(self._create(project, chance))
        self._open.add(task)
        task.add_done_callback(self._stop_on_error)
        return task

    async def _create(self, project: ProjectPlan, chance: random.Random) -> None:
        counts = self.report.projects[project.project_id]
        undo = chance.random() < project.undo_ratio
        trace = f"00-{chance.getrandbits(128) or 1:032x}-{chance.getrandbits(64) or 1:016x}-01"
        body = {"title": f"Draft {chance.randrange(1_000_000)}"}
        path = f"/projects/{project.project_id}/episodes"
        answer = await self._ask(counts, "POST", path, trace, json=body)
        if answer is None:
            return
        told = answer.json()
        counts.conflicted += told["had_conflict"]
        counts.retries += told["retry_count"]
        if answer.status_code == 503:
            counts.failed += 1
            return
        counts.created += 1
        if undo:
            gone = await self._ask(counts, "DELETE", f"{path}/{told['id']}", trace)
            counts.deleted += gone is not None

    async def _ask(
        self, counts: Counts, method: str, path: str, traceparent: str, **options: Any
    ) -> httpx.Response | None:
        """An answer that ends an operation, or None after a pause when there was none."""
        async with self._slots:
            try:
                answer = await self._client.request(method, path, headers={"traceparent": traceparent}, **options)
            except httpx.HTTPError:
                answer = None
        if answer is not None and (answer.is_success or _is_failed_creation(answer)):
            return answer
        counts.unreachable += 1
        await asyncio.sleep(UNREACHABLE_PAUSE_SECONDS)
        return None

    def _now(self) -> float:
        return self._loop.time() - self._start

    async def _sleep_until(self, at_seconds: float) -> None:
        await asyncio.sleep(max(0.0, at_seconds - self._now()))


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _is_failed_creation(answer: httpx.Response) -> bool:
    if answer.status_code != 503 or "problem+json" not in answer.headers.get("content-type", ""):
        return False
    return bool(answer.json().get("code") == "creation_failed")
