"""Plays faults of the infrastructure: brokers, the network to them, the changelog, PostgreSQL, receivers, clocks.

Each scenario starts its own servers, injects its fault while events flow, and ends it; then all work must finish and
the oracle checks. `python -m faults.infra_all NAME …` plays some, without a name all.
"""

import asyncio
import contextlib
import logging
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec
import structlog

from faults.dispatch_plan import Dispatch
from faults.plan import Plan
from faults.runner import RoundReport
from faults.stage import Stage
from testbed.apache_kafka import ApacheKafka

PLAY_SECONDS = 200.0


class Ground(msgspec.Struct, kw_only=True):
    """The infrastructure of one round. `workers_servers`: the broker's address for workers, where it is another one.
    `parts`: what the scenario injects its faults into."""

    bootstrap_servers: str
    workers_servers: str = ""
    environment: dict[str, str] = {}
    parts: Any = None


class InfraStage(Stage):
    """A stage on its ground. `afterwards`: further checks, run when all has ended."""

    def __init__(self, plan: Plan, folder: Path, ground: Ground) -> None:
        super().__init__(plan, folder)
        self.ground = ground
        self.afterwards: list[Callable[[], Awaitable[list[str]]]] = []

    def _settings(self, receiver_url: str) -> dict[str, str]:
        servers = self.ground.workers_servers or self.ground.bootstrap_servers
        # An unreachable broker must not look like a stuck worker.
        settings = {"KAFKA_BOOTSTRAP_SERVERS": servers, "STALLED_SECONDS": "20", **self.ground.environment}
        return super()._settings(receiver_url) | settings

    async def status(self, name: str) -> str:
        """What a worker reports of its broker; "" where it does not answer."""
        _, body = await self.ask(self.workers[name], "/readyz")
        return str(body["parts"]["broker"]) if body else ""

    async def until_status(self, name: str, is_it: Callable[[str], bool], what: str, patience_seconds: float) -> None:
        """Wait until a worker reports that of its broker; a violation where it does not in time."""
        give_up_at = time.monotonic() + patience_seconds
        while not is_it(await self.status(name)):
            if time.monotonic() > give_up_at:
                self.wrong.append(f"Within {patience_seconds:.0f} s worker {name} did not report {what}.")
                return
            await asyncio.sleep(0.05)

    async def caught_up(self, name: str, patience_seconds: float = 60.0) -> None:
        """Wait until a worker has no lag; a violation where it has one for too long."""
        give_up_at = time.monotonic() + patience_seconds
        while (answer := await self.ask(self.workers[name], "/readyz"))[1] is None or answer[1]["lag"] != 0:
            if time.monotonic() > give_up_at:
                self.wrong.append(f"Within {patience_seconds:.0f} s worker {name} did not catch up: {answer}.")
                return
            await asyncio.sleep(0.05)


Play = Callable[[InfraStage], Awaitable[None]]
MakeGround = Callable[[Path, str], AbstractAsyncContextManager[Ground]]


class InfraScenario(msgspec.Struct, frozen=True):
    """`ground(folder, broker)` starts the infrastructure; `broker` is shared by the scenarios that do not harm it.
    `seconds`: how long records flow. `letters_once`: no worker loses its partitions while it runs with dead letters
    still to send, of which its successor would write a second one. `dispatch`: None: the default, and no people."""

    name: str
    ground: MakeGround
    play: Play
    seconds: float = 8.0
    records: int = 1_200
    does: str = ""
    letters_once: bool = True
    dispatch: Dispatch | None = None


INFRA_SCENARIOS: dict[str, InfraScenario] = {}


def scenario(
    name: str,
    ground: MakeGround,
    seconds: float = 8.0,
    records: int = 1_200,
    *,
    letters_once: bool = True,
    dispatch: Dispatch | None = None,
) -> Callable[[Play], Play]:
    """Register a scenario under its name."""

    def register(play: Play) -> Play:
        does = (play.__doc__ or "").strip()
        INFRA_SCENARIOS[name] = InfraScenario(name, ground, play, seconds, records, does, letters_once, dispatch)
        return play

    return register


@contextlib.asynccontextmanager
async def on_shared_broker(folder: Path, broker: str) -> Any:
    """For scenarios that do not harm the broker."""
    yield Ground(bootstrap_servers=broker)


async def play_infra(name: str, seed: int, folder: Path, broker: str) -> RoundReport:
    """One round of a scenario: fault, end of the fault, rest, verdict."""
    what, began, report = INFRA_SCENARIOS[name], time.monotonic(), RoundReport(name, seed)
    stage: InfraStage | None = None
    try:
        async with what.ground(folder, broker) as ground:
            plan = Plan(
                bootstrap_servers=ground.bootstrap_servers, prefix=f"{name}-{seed}-{time.time_ns() // 1_000_000}-",
                seed=seed, seconds=what.seconds, records=what.records, dispatch=what.dispatch or Dispatch(),
                has_people=what.dispatch is not None,
            )  # fmt: skip
            stage = InfraStage(plan, folder, ground)
            async with asyncio.timeout(PLAY_SECONDS), stage.entered():
                await what.play(stage)
                await stage.settle()
                await stage.end()
            oracle = stage.judge(await stage.collect(), letters_once=what.letters_once)
            stage.wrong += await asyncio.to_thread(oracle.verdict)
            for check in stage.afterwards:
                stage.wrong += await check()
            report.counts = dict(oracle.counts)
    except TimeoutError:
        report.wrong.append(f"The round did not end within {PLAY_SECONDS:.0f} s.")
    if stage is not None:
        report.wrong += stage.wrong
        report.deaths = {why: count for why, count in stage.deaths.items() if count}
        report.figures = stage.figures
    report.seconds = time.monotonic() - began
    return report


async def play_all(names: list[str], seed: int, rounds: int, broker: str, write: Callable[[str], None]) -> int:
    """Play these; returns how many rounds had violations. Their logs are kept."""
    wrong = 0
    for number in range(rounds):
        for name in names:
            folder = Path(tempfile.mkdtemp(prefix="episode-monitor-infra-"))
            report = await play_infra(name, seed + number, folder, broker)
            write(str(report))
            for sentence in report.wrong:
                write(f"    {sentence}")
            if report.wrong:
                wrong += 1
                write(f"    The workers' logs: {folder}")
            else:
                await asyncio.to_thread(shutil.rmtree, folder)
    return wrong


def play_named(names: Sequence[str], seed: int, rounds: int, broker: str | None, write: Callable[[str], None]) -> int:
    """The same on a shared broker, started here if none is given."""
    for name in ("uvicorn.error", "aiokafka"):  # their errors are expected here
        logging.getLogger(name).setLevel(logging.CRITICAL)
        logging.getLogger(name).propagate = False
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with contextlib.ExitStack() as stack:
        servers = broker or stack.enter_context(ApacheKafka()).bootstrap_servers
        return asyncio.run(play_all(list(names), seed, rounds, servers, write))
