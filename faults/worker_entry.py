"""A whole worker as a fault run starts it: the product's own, with faults that environment variables choose.

The variables are read only here; the product does not know them.

    TEST_WORKER    a name that its requests to receivers have in the header x-worker
    TEST_FAULT     where it dies by SIGKILL: a failpoint of the engine, AFTER_POST, IN_RECOVERY; or READING_STOPS
    TEST_FAULT_ON  at which passing of that place
    TEST_CLOCK     a file that says how many seconds the wall clock is ahead
    TEST_RECOVERY_SECONDS  by how long the recovery of a partition is prolonged
    TEST_DISPATCH  the plan of the dispatcher (`faults.dispatch_plan.Dispatch`), as JSON
"""

import asyncio
import ctypes
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer

import episode_monitor.worker as product
from agents.dispatch import input_reader
from agents.engine.changelog import PartitionLog, Progress
from agents.engine.stored_values import StoredValues
from agents.fetching.consumer_thread import Fetched
from alert_sinks.digest import Digest
from alert_sinks.sink import Attempt, Delivered, Outcome, Sink
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.observe.logs import configure
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings, SettingsError, load_settings
from episode_monitor.supervising.seat import Line
from episode_monitor.supervising.supervisor import Supervisor, Where
from faults.dispatch_plan import VARIABLE, Dispatch, planned
from models.alert import Alert

AFTER_POST = "after post"
IN_RECOVERY = "in recovery"
READING_STOPS = "reading stops"
ENGINE_PLACES = ("after emit", "after store", "after acknowledgement", "before commit")
AUDIT_PLACES = ("audit decided", "audit stored", "audit sent", "audit cleared")
DISPATCH_PLACES = ("dispatch decided", "dispatch stored", "dispatch sent", "dispatch cleared")
PLACES = (*ENGINE_PLACES, *AUDIT_PLACES, *DISPATCH_PLACES, AFTER_POST, IN_RECOVERY)
ROOT = Path(__file__).resolve().parents[1]
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


class Fault:
    """Kills the process when it passes a place for the n-th time."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.place = environment.get("TEST_FAULT", "")
        self._left = int(environment.get("TEST_FAULT_ON", "1"))

    def passed(self, place: str) -> bool:
        """Whether the place was passed at least n times."""
        if place != self.place:
            return False
        self._left -= 1
        return self._left <= 0

    def __call__(self, place: str) -> None:
        """A failpoint."""
        if self.passed(place):
            os.kill(os.getpid(), signal.SIGKILL)


class _DeadlySink:
    """A sink whose process may die before it records a delivery."""

    def __init__(self, sink: Sink, fault: Fault) -> None:
        self.name = sink.name
        self._sink = sink
        self._fault = fault

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        outcome = await self._sink.deliver(alert, attempt)
        if isinstance(outcome, Delivered):
            self._fault(AFTER_POST)
        return outcome

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        outcome: Outcome = await self._sink.deliver_digest(digest, attempt)  # type: ignore[attr-defined]
        if isinstance(outcome, Delivered):
            self._fault(AFTER_POST)
        return outcome

    async def aclose(self) -> None:
        await self._sink.aclose()


def _harm_dispatcher(worker: product.Worker, plan: Dispatch, fault: Fault) -> None:
    """Its failpoints, and the plan's times in place of those of the settings."""
    dispatching = worker.runtime.dispatching
    owner, model = dispatching.owner, dispatching.model
    in_force = planned(plan, owner._parts.config())
    owner._parts = dataclasses.replace(owner._parts, config=lambda: in_force, failpoint=fault)
    model._config = lambda: in_force
    if not plan.waits_for_past:
        reading = vars(input_reader)
        read = reading["read_mark"]
        reading["read_mark"] = lambda headers: msgspec.structs.replace(read(headers), is_behind=False)
        reading["LIVE_MS"] = 10**12


def _harm(worker: product.Worker, environment: Mapping[str, str]) -> None:
    """Put the faults into a worker that has not started."""
    fault, runtime = Fault(environment), worker.runtime
    worker.client.headers["x-worker"] = environment.get("TEST_WORKER", "")
    runtime.engine.emitter.failpoint = runtime.engine.flusher.failpoint = fault
    if runtime.engine.auditor is not None:
        runtime.engine.auditor.failpoint = fault
    for lanes in runtime.fanout._sinks.values():
        lanes.sink = _DeadlySink(lanes.sink, fault)
    accept, seconds = runtime.engine.accept, float(environment.get("TEST_RECOVERY_SECONDS", "0"))

    def accept_some(fetched: Fetched) -> None:
        if not fault.passed(READING_STOPS):
            accept(fetched)

    plan = msgspec.json.decode(environment.get(VARIABLE, "{}"), type=Dispatch)
    _harm_dispatcher(worker, plan, fault)
    runtime.engine.accept = accept_some  # type: ignore[method-assign]
    runtime._idle_clocks.run = _do_not_follow  # type: ignore[method-assign]
    read = PartitionLog.read

    async def slow_read(
        self: PartitionLog, consumer: AIOKafkaConsumer, values: StoredValues, progress: Progress
    ) -> None:
        await read(self, consumer, values, progress)
        fault(IN_RECOVERY)
        await asyncio.sleep(seconds)

    PartitionLog.read = slow_read  # type: ignore[method-assign, assignment]


async def _do_not_follow() -> None:
    """No idle partition follows the wall clock: the oracle could not know when."""


def _step_clock(path: str) -> None:
    """Let the wall clock follow the file, looked at once every tenth of a second; other clocks stay as they are."""
    wall, ahead_ns, look_at_ns = time.time_ns, 0, 0

    def stepped_ns() -> int:
        nonlocal ahead_ns, look_at_ns
        if time.monotonic_ns() >= look_at_ns:
            look_at_ns = time.monotonic_ns() + 100_000_000
            ahead_ns = int(float(Path(path).read_text()) * 1e9)
        return wall() + ahead_ns

    time.time_ns = stepped_ns
    time.time = lambda: stepped_ns() / 1e9


def main(environment: dict[str, str], log: Path) -> None:
    """Run the worker. Ends with the product's exit codes."""
    os.setsid()  # a shell that ends sends SIGCONT to its stopped jobs, which would wake a frozen worker too early
    _end_with_parent()
    with log.open("ab", buffering=0) as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    run(environment)


def run(environment: Mapping[str, str], line: Line | None = None) -> None:
    """A worker, one of several processes of one (`line` is to its supervisor), or their supervisor."""
    if "TEST_CLOCK" in environment:
        _step_clock(environment["TEST_CLOCK"])
    try:
        settings = load_settings(environment)
        configure(settings.log_level, settings.log_format, process=None if line is None else line.seat.number)
        is_supervisor = line is None and settings.worker_processes != "1"
        code = _supervise(settings, environment) if is_supervisor else _work(settings, environment, line)
    except SettingsError as error:
        print(error, file=sys.stderr)
        code = ExitCode.USAGE
    except Failure as failure:
        print(failure, file=sys.stderr)
        code = failure.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


def _work(settings: Settings, environment: Mapping[str, str], line: Line | None) -> int:
    class HarmedWorker(product.Worker):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            _harm(self, environment)

    product.Worker = HarmedWorker  # type: ignore[misc]
    return uvloop.run(product.run_worker(settings, core_from(settings), line))


def _supervise(settings: Settings, environment: Mapping[str, str]) -> int:
    """The product's own supervisor; its processes have the faults of `environment` as well."""
    os.environ.update({**environment, "PYTHONPATH": str(ROOT)})
    where = Where(host=settings.monitoring_host, port=settings.monitoring_port, public_url=settings.public_url)
    command = (sys.executable, "-P", "-m", "faults.seated_entry")
    return Supervisor(where, int(settings.worker_processes), lambda: None, command).run()


def _end_with_parent() -> None:
    """Even while it is stopped, on Linux; elsewhere as far as `daemon` does it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
