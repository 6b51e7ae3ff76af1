"""The Kafka side of a worker alone, as a process of its own that tests may kill. It writes its status to a file.

    python -m testbed.worker_process '{"bootstrap_servers": …}'

Where the fault names a place, the process ends there without a farewell (SIGKILL), or stops there (SIGSTOP).
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import yaml

from agents.alerts.history_follower import HistoryStore
from agents.config import AgentsConfig, AuditConfig, Hooks, Outlets
from agents.kafka.access import KafkaAccess
from agents.kafka.topics import TopicNames
from agents.runtime import Runtime
from alert_sinks.ledger import MemoryLedger
from alert_sinks.sink import Destinations
from models.alert import Alert
from streams.alerting.core import Core
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rules import RuleSet
from streams.dispatch.config import DispatchConfig, default_config

STOPPED_AT_ONCE = 70
ROOT = Path(__file__).resolve().parents[1]


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the process. `fault_at` names a failpoint, `fault_on` which time it is passed."""

    bootstrap_servers: str
    prefix: str  # of all topics, and the monitor's id
    status_file: str
    partitions: int = 4
    session_timeout_seconds: float = 6.0  # a pause of half of it ends the process, and busy machines make pauses of 2 s
    rebalance_timeout_seconds: float = 6.0
    flush_interval_seconds: float = 0.2
    stalled_seconds: float = 30.0
    state_memory_bytes: int = 2**32  # of stored values; the rest is in files
    audit_seconds: float = 0.0  # 0: no audit checkpoints
    idle_follows_wall: bool = True  # no oracle knows at which moment an idle partition would follow the wall clock
    rules: str = ""  # a rules file as text; "": the one that is shipped
    grace_ms: int = 60_000
    fault_at: str = ""
    fault_on: int = 1
    fault_signal: int = signal.SIGKILL


class PartitionStatus(msgspec.Struct, frozen=True):
    """One partition of a worker."""

    phase: str
    generation: int
    position: int
    committed: int  # stored up to here
    problem: str


class Status(msgspec.Struct, frozen=True):
    """What the process says of itself. `at` is the wall clock in seconds."""

    at: float
    pid: int
    status: str
    started_seconds: float  # from the start of the process to `Runtime.start` having returned; 0 before
    flushes: int
    partitions: dict[int, PartitionStatus]


def names(prefix: str) -> TopicNames:
    """All topics of one monitor, shared with no other."""
    return TopicNames.of(prefix, f"{prefix}-events", f"{prefix}-alerts", f"{prefix}-letters", f"{prefix}-alert-letters")


def audited_names(prefix: str) -> TopicNames:
    """The same with a topic of audit checkpoints."""
    return msgspec.structs.replace(names(prefix), audit=f"{prefix}-audit")


def make_core(rules: str = "", grace_ms: int = 60_000) -> Core:
    """A core with these rules, or those that the monitor ships."""
    text = rules or (ROOT / "rules.yaml").read_text()
    return Core(RuleSet(parse_rules(yaml.safe_load(text))), grace_ms=grace_ms)


DISPATCH_CONFIG = default_config(escalate_after_ms=300)


QUIET_CONFIG = default_config()  # on-call after five minutes, which no test waits for


def quiet_config() -> DispatchConfig:
    """What is in force without files."""
    return QUIET_CONFIG


def dispatch_config() -> DispatchConfig:
    """The same, but on-call is soon notified."""
    return DISPATCH_CONFIG


def make_config(orders: Orders) -> AgentsConfig:
    """What the agents are given."""
    return AgentsConfig(
        monitor_id=orders.prefix,
        kafka=KafkaAccess(bootstrap_servers=orders.bootstrap_servers),
        topics=audited_names(orders.prefix) if orders.audit_seconds else names(orders.prefix),
        state_dir=Path(orders.status_file + ".state"),
        session_timeout_seconds=orders.session_timeout_seconds,
        rebalance_timeout_seconds=orders.rebalance_timeout_seconds,
        flush_interval_seconds=orders.flush_interval_seconds,
        events_partitions=orders.partitions,
        stalled_seconds=orders.stalled_seconds,
        state_memory_bytes=orders.state_memory_bytes,
        audit=AuditConfig(every_seconds=orders.audit_seconds, software="test") if orders.audit_seconds else None,
        dispatch=dispatch_config,
    )


def stop_at_once(reason: str) -> None:
    """As the worker does it."""
    print(f"stopping at once: {reason}", file=sys.stderr, flush=True)
    os._exit(STOPPED_AT_ONCE)


class Failpoint:
    """Sends the process a signal when it passes a place for the n-th time."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._passed = 0

    def __call__(self, place: str) -> None:
        if place == self._orders.fault_at:
            self._passed += 1
            if self._passed == self._orders.fault_on:
                os.kill(os.getpid(), self._orders.fault_signal)


async def _nothing_kept(alert: Alert, partition: int, offset: int) -> bool:
    return True


async def _nothing_known() -> dict[int, int]:
    return {}


NO_HISTORY = HistoryStore(_nothing_kept, _nothing_known)


async def run(orders: Orders) -> None:
    """Run until SIGTERM."""
    began, stopping = time.monotonic(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    runtime = Runtime(
        make_config(orders), make_core(orders.rules, orders.grace_ms),
        Outlets(Destinations(()), MemoryLedger(1000), NO_HISTORY), stop_at_once, lambda: time.time_ns() // 1_000_000,
        Hooks(failpoint=Failpoint(orders), idle_follows_wall=orders.idle_follows_wall),
    )  # fmt: skip
    started_seconds = 0.0

    async def start() -> None:
        nonlocal started_seconds
        await runtime.start()
        started_seconds = time.monotonic() - began

    starting = asyncio.create_task(start())
    parent = os.getppid()
    while not stopping.is_set():
        write_status(orders, status_of(runtime, started_seconds))
        if starting.done():
            starting.result()
        if os.getppid() != parent:
            os._exit(0)  # the parent process has ended
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), 0.05)
    await runtime.close()


def status_of(runtime: Runtime, started_seconds: float) -> Status:
    """How the runtime is."""
    return Status(
        time.time(),
        os.getpid(),
        runtime.status,
        started_seconds,
        runtime.engine.flusher.flushes,
        {
            owned.number: PartitionStatus(
                owned.phase.value, owned.generation, owned.position, owned.committed, owned.problem
            )
            for owned in runtime.engine.owned.values()
        },
    )


def write_status(orders: Orders, status: Status) -> None:
    """Whole or not at all."""
    Path(orders.status_file + ".new").write_bytes(msgspec.json.encode(status))
    os.replace(orders.status_file + ".new", orders.status_file)


def main(argument: str) -> None:
    """Run with these orders."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    raw: dict[str, Any] = json.loads(argument)
    asyncio.run(run(msgspec.convert(raw, Orders)))


if __name__ == "__main__":
    main(sys.argv[1])
