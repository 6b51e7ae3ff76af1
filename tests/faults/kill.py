"""Kills two workers again and again while events flow, then compares what they left with a run that nothing disturbed.

    python -m tests.faults.kill --rounds 3 --kills 10 --seed 7 [--broker host:port] [--embedded]

Workers die by SIGKILL at random moments and at every failpoint of the engine. Afterwards every project's state, every
partition's totals and every alert transition must be what a single undisturbed run over the same records gives; every
dead letter must be there (on Apache Kafka: once).
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from aiokafka import AIOKafkaProducer

from agents.topics import ensure_topics
from episode_monitor.demo.embedded import EmbeddedBroker
from tests.faults.feed import Feed, Record
from tests.faults.verdict import Plan, Report, compare
from tests.support.apache_kafka import ApacheKafka
from tests.support.worker_handle import WorkerHandle
from tests.support.worker_process import Orders, Status, names

PLACES = ("after emit", "after store", "after acknowledgement", "before commit")
SETTLE_SECONDS = 90.0


class Round:
    """One monitor, two workers, one feed."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.report = Report()
        self._rnd = random.Random(plan.seed)
        self._names = names(plan.prefix)
        orders = Orders(
            bootstrap_servers=plan.bootstrap_servers, prefix=plan.prefix, status_file="", partitions=plan.partitions,
            session_timeout_seconds=plan.session_timeout_seconds,
        )  # fmt: skip
        self.workers = [WorkerHandle(folder, name, orders) for name in ("a", "b")]
        self._began_ms = 0
        self._ends: dict[int, int] = {}
        self._planned: dict[str, str] = {}  # worker -> the failpoint it is to die at
        self._killing_is_over = False

    async def run(self) -> Report:
        """Feed, kill, settle, compare."""
        await ensure_topics(self.plan.bootstrap_servers, self._names, self.plan.partitions, None)
        self._began_ms = time.time_ns() // 1_000_000
        with self.workers[0], self.workers[1]:
            for worker in self.workers:
                self._start(worker)
            feeding = asyncio.create_task(self._feed())
            await self._kill()
            self._killing_is_over = True
            await feeding
            await self._settle()
            for worker in self.workers:
                await worker.stop()
        await compare(self.plan, self._names, self._began_ms, self.report)
        return self.report

    # --- faults

    def _start(self, worker: WorkerHandle) -> None:
        place = "" if self._killing_is_over else self._rnd.choice(("", *PLACES))
        times = self._rnd.randint(1, 40) if place in ("", "after emit") else self._rnd.randint(1, 12)
        self._planned[worker.name] = place
        worker.start(fault_at=place, fault_on=times)

    def _revive(self) -> None:
        """Start again whoever has died by itself."""
        for worker in self.workers:
            if worker.returncode is not None:
                by_itself = "stopped by itself" if worker.returncode > 0 else self._planned[worker.name]
                self.report.deaths[by_itself] += 1
                self._start(worker)

    async def _kill(self) -> None:
        while self.report.deaths.total() < self.plan.kills:
            until = time.monotonic() + self._rnd.uniform(0.5, 5.0)
            while time.monotonic() < until:
                await asyncio.sleep(0.1)
                self._revive()
            if self._rnd.random() < 0.6:
                worker = self._rnd.choice(self.workers)
                worker.kill9()
                self.report.deaths["at random"] += 1
                await asyncio.sleep(self._rnd.uniform(0, 1))
                self._start(worker)

    # --- records

    async def _feed(self) -> None:
        transactional = f"{self.plan.prefix}-feed" if self.plan.transactions else None
        producer = AIOKafkaProducer(
            bootstrap_servers=self.plan.bootstrap_servers, acks="all", linger_ms=5, transactional_id=transactional
        )
        await producer.start()
        records = list(Feed(self.plan.seed, self.plan.records, self._began_ms).records())
        steps = max(1, int(self.plan.seconds * 10))
        try:
            for step in range(steps):
                piece = records[len(records) * step // steps : len(records) * (step + 1) // steps]
                await self._send(producer, piece)
                await asyncio.sleep(0.1)
        finally:
            await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, piece: list[Record]) -> None:
        if not self.plan.transactions:
            await self._send_all(producer, piece)
            return
        if self._rnd.random() < 0.2:
            await producer.begin_transaction()
            await self._send_all(producer, self._rnd.sample(piece, min(len(piece), 20)), counts=False)
            await producer.abort_transaction()
        await producer.begin_transaction()
        await self._send_all(producer, piece)
        await producer.commit_transaction()

    async def _send_all(self, producer: AIOKafkaProducer, piece: list[Record], *, counts: bool = True) -> None:
        sent = [
            await producer.send(self._names.events, record.value, record.key)
            if record.value is not None or record.key is not None
            else None
            for record in piece
        ]
        for future in sent:
            if future is not None:
                metadata = await future
                if counts:
                    end = metadata.offset + 1
                    self._ends[metadata.partition] = max(self._ends.get(metadata.partition, 0), end)

    async def _settle(self) -> None:
        """Wait until everything is taken and stored."""
        for worker in self.workers:
            if self._planned[worker.name] and worker.returncode is None:
                worker.kill9()  # its fault lies still before it
                self.report.deaths["at the end"] += 1
            if worker.returncode is not None:
                self._start(worker)
        give_up_at = time.monotonic() + SETTLE_SECONDS
        while not self._is_settled():
            if time.monotonic() > give_up_at:
                self.report.wrong.append(f"not settled: ends {self._ends}, {[w.status() for w in self.workers]}")
                return
            self._revive()
            await asyncio.sleep(0.2)

    def _is_settled(self) -> bool:
        stored: dict[int, int] = {}
        for worker in self.workers:
            status = worker.status() if worker.returncode is None else None
            if status is None or not _is_fresh(status):
                return False
            for number, partition in status.partitions.items():
                if partition.phase != "live" or partition.committed != partition.position:
                    return False
                stored[number] = max(stored.get(number, 0), partition.committed)
        return all(stored.get(number, 0) >= end for number, end in self._ends.items())


def _is_fresh(status: Status) -> bool:
    return time.time() - status.at < 1.0


async def run_rounds(
    make_plan: Callable[[int], Plan], rounds: int, *, tell: Callable[[str], None] = lambda line: None
) -> list[Report]:
    """Run rounds one after the other; the workers' logs are kept where something is wrong."""
    reports = []
    for number in range(rounds):
        folder = Path(tempfile.mkdtemp(prefix="episode-monitor-faults-"))
        plan = make_plan(number)
        report = await Round(plan, folder).run()
        reports.append(report)
        tell(f"round {number + 1}, seed {plan.seed}: {report}")
        if report.wrong:
            tell(f"the workers' logs: {folder}")
        else:
            _remove(folder)
    return reports


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def main() -> None:
    """Run what the command line says; exit code 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=10, help="in each round")
    parser.add_argument("--records", type=int, default=20_000, help="in each round")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long the records of a round flow")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--broker", help="host:port of an Apache Kafka that runs already")
    parser.add_argument("--embedded", action="store_true", help="on the embedded broker instead of Apache Kafka")
    options = parser.parse_args()

    def make_plan(bootstrap_servers: str) -> Callable[[int], Plan]:
        return lambda number: Plan(
            bootstrap_servers=bootstrap_servers,
            prefix=f"faults-{options.seed + number}-{time.time_ns() // 1_000_000}",
            seed=options.seed + number,
            kills=options.kills,
            records=options.records,
            seconds=options.seconds,
            transactions=not options.embedded,
            letters_once=not options.embedded,
            session_timeout_seconds=6.0 if options.embedded else 3.0,
        )

    def tell(line: str) -> None:
        print(line, flush=True)

    def run(bootstrap_servers: str) -> list[Report]:
        return asyncio.run(run_rounds(make_plan(bootstrap_servers), options.rounds, tell=tell))

    if options.broker:
        reports = run(options.broker)
    else:
        with EmbeddedBroker() if options.embedded else ApacheKafka() as broker:
            reports = run(broker.bootstrap_servers)
    deaths = sum(report.deaths.total() for report in reports)
    wrong = sum(bool(report.wrong) for report in reports)
    tell(f"{len(reports)} rounds, {deaths} deaths, {wrong} rounds wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
