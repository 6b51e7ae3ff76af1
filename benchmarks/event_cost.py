"""`python -m benchmarks.event_cost`: what an event costs a worker, part by part and without a broker.

Batches of format 2, as a broker answers them, are parsed, decoded, taken by an `Owned` with its audit, and stored. Of
each part the fastest fifth of all pieces is shown, which other work on the machine disturbs least. Instructions, which
it does not disturb at all:

    valgrind --tool=callgrind --instr-atstart=no python -m benchmarks.event_cost --callgrind --events 2000 --before 2000
    callgrind_annotate --inclusive=yes callgrind.out.PID.N
"""

from episode_monitor import compiled

IS_COMPILED = compiled.activate()  # before anything of the core is imported
# ruff: noqa: E402

import argparse
import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from agents.engine.allowance import Allowance
from agents.engine.ownership import Owned, PartitionPhase
from agents.engine.partition_audit import AuditOptions, PartitionAudit
from agents.fetching.batches import PartitionBatches
from agents.fetching.taken_records import FetchedBytes
from benchmarks.peers.equal.shape import TroubledShape
from examples.load_driver.events import START_MS, episode_events
from models.codec import decode_event
from streams.alerting.core import Core
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rules import RuleSet

BATCH, PIECE = 500, 50  # records; a piece is what a worker with four partitions takes at once
FLUSH_EVERY = 25_000
RULES = (Path(__file__).resolve().parents[1] / "rules.yaml").read_text()
NOW_MS = START_MS + 86_400_000


class Parts:
    """Seconds by part; with `callgrind`, its counters are dumped under the name of the part."""

    def __init__(self, *, callgrind: bool) -> None:
        self.seconds: dict[str, list[float]] = {}
        self._callgrind = callgrind

    @contextmanager
    def counted(self, name: str) -> Iterator[None]:
        """Instructions of this part alone."""
        self._control("-i", "on")
        yield
        self._control("-d", name)
        self._control("-i", "off")

    def timed(self, name: str, work: Callable[[], object]) -> None:
        """One piece of it."""
        began = time.perf_counter()
        work()
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)

    def lowest_fifth(self, name: str, events: int) -> float:
        """Microseconds an event, where each piece had so many."""
        pieces = sorted(self.seconds[name])
        return round(pieces[len(pieces) // 5] / events * 1e6, 2)

    def _control(self, *arguments: str) -> None:
        if self._callgrind:
            subprocess.run(["callgrind_control", *arguments, str(os.getpid())], check=True, capture_output=True)


def traffic(events: int, projects: int, *, troubled: bool) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each: the load driver's, or those of `./run bench peers --work equal`."""
    if troubled:
        return TroubledShape("equal", "", projects, conflict_ratio=0.04).records(max(events, 1500 * projects))
    return episode_events(1, projects, events, interval_ms=1000 / projects)


def batches(stream: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[int, bytes]]:
    """First offset and bytes of each batch of one partition."""
    offset = 0
    while records := list(islice(stream, BATCH)):
        builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, 0, 2**24)
        for at, (key, value) in enumerate(records):
            builder.append(at, NOW_MS, key, value, [])
        yield offset, offset.to_bytes(8, "big") + bytes(builder.build())[8:] + bytes(64)
        offset += len(records)


def parse(offset: int, raw: bytes) -> list[Any]:
    """The records, as the fetcher of the worker gives them."""
    tp = TopicPartition("events", 0)
    return PartitionBatches(tp, FetchedBytes(raw), None, offset, None, None, True, 1).take(BATCH)


async def owned_partition() -> Owned:
    """A live partition with the shipped rules and an audit."""
    core = Core(RuleSet(parse_rules(yaml.safe_load(RULES))))
    options = AuditOptions(monitor_id="m", topic="audit", every_seconds=60, software="", now_ms=lambda: NOW_MS)
    audit = PartitionAudit(options, "events", 0, core, Allowance(0.005, 0.2, 30.0), lambda name: None)
    owned = Owned("events", 0, 1, core, 20_000, audit=audit)
    await owned.recover(owned.new_store())
    owned.begin_at(0, set())
    owned.phase = PartitionPhase.LIVE
    return owned


async def flush(owned: Owned) -> int:
    """Store everything; how many bytes that wrote."""
    owned.cut(0)
    collected = await owned.collect()
    owned.stored(collected)
    owned.partition.emits.clear()
    return sum(len(key) + len(value or b"") for key, value in [*collected.state, *collected.closing])


async def measure(before: int, events: int, stream: Iterator[tuple[bytes, bytes]], *, callgrind: bool) -> None:
    """Take `before` events of the stream unseen, then measure with so many more."""
    owned, parts, written, since = await owned_partition(), Parts(callgrind=callgrind), 0, 0
    measured = []
    for offset, raw in batches(islice(stream, before + events)):
        if offset >= before:
            measured.append((offset, raw))
            continue
        owned.take(parse(offset, raw), lambda: NOW_MS)
        since += BATCH
        if since >= FLUSH_EVERY:
            await flush(owned)
            since = 0
    await flush(owned)
    with parts.counted("parse"):
        for offset, raw in measured:
            parts.timed("parse", partial(parse, offset, raw))
    records = [record for offset, raw in measured for record in parse(offset, raw)]
    pieces = [records[at : at + PIECE] for at in range(0, len(records) - PIECE + 1, PIECE)]
    with parts.counted("decode"):
        for piece in pieces:
            parts.timed("decode", partial(decoded, piece))
    with parts.counted("take"):
        for piece in pieces:
            parts.timed("take", partial(owned.take, piece, lambda: NOW_MS))
    with parts.counted("flush"):
        written = await flush(owned)
    print(
        f"core {'compiled' if IS_COMPILED else 'not compiled'}; microseconds an event: "
        f"parse {parts.lowest_fifth('parse', BATCH)}, take {parts.lowest_fifth('take', PIECE)}, of that decode "
        f"{parts.lowest_fifth('decode', PIECE)}; a flush of {events} events wrote {written / events:.1f} bytes an event"
    )


def decoded(records: list[Any]) -> list[object]:
    """What is decoded of them."""
    return [decode_event(record.key, record.value, record.headers, NOW_MS) for record in records]


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.event_cost")
    parser.add_argument("--events", type=int, default=20_000, help="that are measured (default 20000)")
    parser.add_argument("--before", type=int, default=100_000, help="taken before (default 100000)")
    parser.add_argument("--projects", type=int, default=250, help="of the partition (default 250)")
    parser.add_argument("--troubled", action="store_true", help="conflicts, failures, gaps … as in equal work")
    parser.add_argument("--callgrind", action="store_true", help="dump valgrind's counters after each part")
    options = parser.parse_args()
    stream = traffic(options.before + options.events, options.projects, troubled=options.troubled)
    asyncio.run(measure(options.before, options.events, stream, callgrind=options.callgrind))


if __name__ == "__main__":
    main()
