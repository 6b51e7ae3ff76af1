"""Plays faults of what a monitor stands on: brokers, the way to them, the changelog, PostgreSQL, receivers, clocks.

Each scenario makes its own ground, does its harm while events flow, and heals it; then everything must come to rest and
the oracle judges. `python -m faults.infra_all NAME …` plays some, without a name all.
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
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from faults.evidence import Sent
from faults.feed import Record
from faults.oracle import Oracle
from faults.plan import Plan
from faults.runner import RoundReport
from faults.stage import Stage
from testbed.apache_kafka import ApacheKafka

PLAY_SECONDS = 200.0


class Ground(msgspec.Struct, kw_only=True):
    """What a monitor stands on. `workers_servers`: how workers reach the broker, where that is another way than ours.
    `parts`: whatever the scenario will harm."""

    bootstrap_servers: str
    workers_servers: str = ""
    environment: dict[str, str] = {}
    parts: Any = None


class InfraStage(Stage):
    """A stage on its ground. `afterwards` are asked, when all has ended, what else is wrong."""

    def __init__(self, plan: Plan, folder: Path, ground: Ground) -> None:
        super().__init__(plan, folder)
        self.ground = ground
        self.afterwards: list[Callable[[], Awaitable[list[str]]]] = []

    def _settings(self, receiver_url: str) -> dict[str, str]:
        servers = self.ground.workers_servers or self.ground.bootstrap_servers
        # A broker that is away must not be taken for a worker that is stuck.
        settings = {"KAFKA_BOOTSTRAP_SERVERS": servers, "STALLED_SECONDS": "20", **self.ground.environment}
        return super()._settings(receiver_url) | settings

    async def _send_all(self, producer: AIOKafkaProducer, piece: list[Record], *, counts: bool = True) -> list[Sent]:
        """As ever, but a broker that dies may leave the producer without an answer."""
        sent: list[Sent] = []
        useful = [record for record in piece if record.key is not None or record.value is not None]
        futures = [await producer.send(self.topics.events, record.value, record.key) for record in useful]
        answers = await asyncio.gather(*futures, return_exceptions=True)
        for record, answer in zip(useful, answers, strict=True):
            if isinstance(answer, KafkaError):
                self.evidence.unsure.add(record.value or b"")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                sent.append(Sent(answer.partition, answer.offset, record.key, record.value))
        self.evidence.acknowledged += sent
        return sent

    async def status(self, name: str) -> str:
        """What a worker says of its broker; "" where nobody answers."""
        _, body = await self.ask(self.workers[name], "/readyz")
        return str(body["parts"]["broker"]) if body else ""

    async def until_status(self, name: str, is_it: Callable[[str], bool], what: str, patience_seconds: float) -> None:
        """Wait until a worker says that of its broker; a violation where it does not in time."""
        give_up_at = time.monotonic() + patience_seconds
        while not is_it(await self.status(name)):
            if time.monotonic() > give_up_at:
                self.wrong.append(f"Within {patience_seconds:.0f} s worker {name} did not say {what}.")
                return
            await asyncio.sleep(0.05)

    async def caught_up(self, name: str, patience_seconds: float = 60.0) -> None:
        """Wait until a worker has taken all there is; a violation where it has not in time."""
        give_up_at = time.monotonic() + patience_seconds
        while (answer := await self.ask(self.workers[name], "/readyz"))[1] is None or answer[1]["lag"] != 0:
            if time.monotonic() > give_up_at:
                self.wrong.append(f"Within {patience_seconds:.0f} s worker {name} did not catch up: {answer}.")
                return
            await asyncio.sleep(0.05)


Play = Callable[[InfraStage], Awaitable[None]]
MakeGround = Callable[[Path, str], AbstractAsyncContextManager[Ground]]


class InfraScenario(msgspec.Struct, frozen=True):
    """`ground(folder, broker)` makes what it stands on; `broker` is shared, for those that leave it whole.
    `seconds`: how long records flow. `letters_once`: no worker loses its partitions while it runs with dead letters
    still to send, of which its successor would write a second one."""

    name: str
    ground: MakeGround
    play: Play
    seconds: float = 8.0
    records: int = 1_200
    does: str = ""
    letters_once: bool = True


INFRA_SCENARIOS: dict[str, InfraScenario] = {}


def scenario(
    name: str, ground: MakeGround, seconds: float = 8.0, records: int = 1_200, *, letters_once: bool = True
) -> Callable[[Play], Play]:
    """Register a scenario under its name."""

    def register(play: Play) -> Play:
        does = (play.__doc__ or "").strip()
        INFRA_SCENARIOS[name] = InfraScenario(name, ground, play, seconds, records, does, letters_once)
        return play

    return register


@contextlib.asynccontextmanager
async def on_shared_broker(folder: Path, broker: str) -> Any:
    """For what leaves the broker whole."""
    yield Ground(bootstrap_servers=broker)


async def play_infra(name: str, seed: int, folder: Path, broker: str) -> RoundReport:
    """One round of a scenario: harm, healing, rest, verdict."""
    what, began, report = INFRA_SCENARIOS[name], time.monotonic(), RoundReport(name, seed)
    stage: InfraStage | None = None
    try:
        async with what.ground(folder, broker) as ground:
            plan = Plan(
                bootstrap_servers=ground.bootstrap_servers, prefix=f"{name}-{seed}-{time.time_ns() // 1_000_000}-",
                seed=seed, seconds=what.seconds, records=what.records,
            )  # fmt: skip
            stage = InfraStage(plan, folder, ground)
            async with asyncio.timeout(PLAY_SECONDS), stage.entered():
                await what.play(stage)
                await stage.settle()
                await stage.end()
            oracle = Oracle(stage.core, stage.topics, await stage.collect(), letters_once=what.letters_once)
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


async def play_all(names: list[str], seed: int, rounds: int, broker: str, tell: Callable[[str], None]) -> int:
    """Play these; answers how many went wrong. Logs are kept where something did."""
    wrong = 0
    for number in range(rounds):
        for name in names:
            folder = Path(tempfile.mkdtemp(prefix="episode-monitor-infra-"))
            report = await play_infra(name, seed + number, folder, broker)
            tell(str(report))
            for sentence in report.wrong:
                tell(f"    {sentence}")
            if report.wrong:
                wrong += 1
                tell(f"    The workers' logs: {folder}")
            else:
                await asyncio.to_thread(shutil.rmtree, folder)
    return wrong


def play_named(names: Sequence[str], seed: int, rounds: int, broker: str | None, tell: Callable[[str], None]) -> int:
    """Play scenarios by their names, on a shared broker of their own if none is given; answers how many went wrong."""
    for name in ("uvicorn.error", "aiokafka"):  # they are right, and it is what was meant to happen
        logging.getLogger(name).setLevel(logging.CRITICAL)
        logging.getLogger(name).propagate = False
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with contextlib.ExitStack() as stack:
        servers = broker or stack.enter_context(ApacheKafka()).bootstrap_servers
        return asyncio.run(play_all(list(names), seed, rounds, servers, tell))
