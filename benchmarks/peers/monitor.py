"""This project's worker with its whole work: numbers, rates, latencies, rules, alerts, changelog acknowledged."""

import asyncio
import contextlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from benchmarks import rig
from benchmarks.peers import kafka_side
from benchmarks.peers.contender import CannotRun, Contender, Counts, Ending, Expected, Job, Runs
from benchmarks.peers.progress import Progress
from episode_monitor.demo.programs import Program
from tools import compile_core

PROJECTS_CHECKED = 2000
SETTLE_SECONDS = 30.0
RECOVERY_SECONDS = 300.0
LOOK_SECONDS = 0.1  # asked each 0.02 s, the answers alone took a worker 4 % of its time


def get(url: str) -> bytes:
    """The body of an answer. Raises OSError."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def sums_of(url: str) -> dict[str, float]:
    """A worker's metrics, each summed over its labels, those of operations by `success`. Raises OSError."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(get(f"{url}/metrics").decode()):
        for sample in family.samples:
            success = sample.labels.get("success")
            name = f"{sample.name}:{success}" if success else sample.name
            sums[name] = sums.get(name, 0.0) + sample.value
    return sums


class Workers:
    """Progress is asked of the workers; the last look at which nothing was applied is the beginning."""

    def __init__(self, job: Job, programs: list[Program]) -> None:
        self.programs = programs
        self._events = job.events
        self._looked_at = time.time()
        self._asked_at = 0.0
        self.first_at: float | None = None
        self.last_at: float | None = None
        self._progress = Progress()

    def pids(self) -> Iterator[int]:
        """The workers'."""
        return (program.pid for program in self.programs if program.pid is not None)

    def look(self) -> None:
        """Ask for the lag, and only when there is none how many events were applied."""
        if any(not program.is_running for program in self.programs):
            raise CannotRun("a worker ended: " + self.programs[0].log.read_text()[-400:])
        if time.monotonic() - self._asked_at < LOOK_SECONDS:
            return
        self._asked_at = time.monotonic()
        lags = [lag for lag in (rig.left(program.url) for program in self.programs) if lag is not None]
        if not lags:
            self._looked_at = time.time()
            return
        left = sum(lags)
        if len(lags) == len(self.programs):
            self._progress.add(0, self._events - left, time.time())
        if self.first_at is None and 0 < left < self._events:
            self.first_at = self._looked_at
        if left == 0 and self.last_at is None:
            with contextlib.suppress(OSError):
                applied = sum(sums_of(each.url).get("episode_monitor_events_total", 0.0) for each in self.programs)
                if applied >= self._events:
                    self.last_at = time.time()
                    self.first_at = self.first_at or self._looked_at
        if self.first_at is None and left in (0, self._events):
            self._looked_at = time.time()

    def taken_at(self, events: int) -> float | None:
        """As the lags told."""
        return self._progress.reached_at(events)

    def ask_to_stop(self) -> None:
        """Not needed: workers commit by themselves."""

    def have_ended(self) -> bool:
        """Never by themselves."""
        return False


class Monitor(Contender):
    """`episode-monitor worker`, compiled core, settings as they come; but the hot project may have all its episodes."""

    name, title, ending = "monitor", "this monitor (whole work)", Ending.COMMITTED

    def __init__(self) -> None:
        self.urls: list[str] = []  # of the workers that run

    def prepare(self) -> None:
        """The core compiled. Without a compiler it would measure something else."""
        if compile_core.main() != 0:
            raise CannotRun("the core could not be compiled; see ./run compile.")

    @contextmanager
    def open(self, job: Job) -> Iterator[Runs]:
        """One process a worker."""
        with contextlib.ExitStack() as stack:
            programs = []
            for _ in range(job.workers):
                programs.append(stack.enter_context(self._worker(job)))
            self.urls = [program.url for program in programs]
            yield Workers(job, programs)

    settings: Mapping[str, str] = {"MAX_EPISODES": "10000000"}

    def _worker(self, job: Job) -> Program:
        return rig.worker(
            job.servers, job.name, EVENTS_TOPIC=job.topic, ALERTS_TOPIC=f"{job.name}-alerts",
            DEAD_LETTERS_TOPIC=f"{job.name}-dead", ALERT_DEAD_LETTERS_TOPIC=f"{job.name}-alert-dead",
            EVENTS_PARTITIONS=str(job.partitions), **self.settings,
        )  # fmt: skip

    def check(self, job: Job, expected: Expected) -> str:
        """Sums of the whole fleet by its metrics, and the highest numbers of many projects one by one."""
        wanted = {
            "episode_monitor_projects": float(len(expected.counts)),
            "episode_operations_total:false": float(sum(counts.failed for counts in expected.counts.values())),
            "episode_creation_conflicts_total": float(sum(counts.conflicted for counts in expected.counts.values())),
        }
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:  # what one owner publishes reaches the others a moment later
            sums = sums_of(self.urls[0])
            wrong = {name: sums.get(name, 0.0) for name, value in wanted.items() if sums.get(name, 0.0) != value}
            if not wrong:
                return self._wrong_numbers(expected.counts)
            if time.monotonic() > deadline:
                return f"its metrics say {wrong} and should say { {name: wanted[name] for name in wrong} }"
            time.sleep(0.2)

    def _wrong_numbers(self, expected: Mapping[str, Counts]) -> str:
        seen, cursor = 0, ""
        while seen < min(PROJECTS_CHECKED, len(expected)):
            page = json.loads(get(f"{self.urls[0]}/monitoring/episodes/integrity/projects?limit=200{cursor}"))
            for row in page["projects"]:
                highest = expected[row["project_id"]].highest
                if row["max_number"] != highest:
                    return f"{row['project_id']} has the highest number {row['max_number']} and should have {highest}"
            seen += len(page["projects"])
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={urllib.parse.quote(page['next_cursor'])}"
        return "" if seen >= min(PROJECTS_CHECKED, len(expected)) else f"only {seen} of {len(expected)} are listed"

    def more(self, job: Job, projects: int) -> dict[str, float]:
        """Starts a worker again on what the last run stored: its recovery beside a bare fetch of the same log, and what
        the plan for a large fleet is reckoned from."""
        changelog, fleet = f"{job.name}-state-changelog", f"{job.name}-fleet"
        limit = asyncio.run(kafka_side.fetch_records_per_second(job.servers, changelog))
        with self._worker(job) as worker:
            rig.until(lambda: rig.left(worker.url) is not None, RECOVERY_SECONDS, "the recovery")
            recovery = json.loads(get(f"{worker.url}/readyz"))["recovery"]
        state = asyncio.run(kafka_side.latest_values(job.servers, changelog))
        sizes = asyncio.run(kafka_side.longest_values(job.servers, fleet)).values()
        return {
            "recovery_records": recovery["records_read"],
            "recovery_seconds": recovery["seconds"],
            "recovery_records_per_second": round(recovery["records_read"] / max(recovery["seconds"], 0.001)),
            "bare_fetch_records_per_second": round(limit),
            "state_bytes_per_project": round(sum(len(key) + len(value) for key, value in state.items()) / projects),
            "fleet_record_bytes": round(sum(sizes) / max(len(sizes), 1)),
        }
