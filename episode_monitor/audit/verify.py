"""Holds the events topic, and a copy of it, against the audit checkpoints: partition after partition, read only.

All ends are looked up at the beginning, so that it ends although events still come.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agents.fetching.reading import reader
from agents.kafka.access import KafkaAccess
from episode_monitor.audit.chain import Chain
from episode_monitor.audit.ledger import DatabaseLedger, Ledger, TopicLedger
from episode_monitor.audit.partition_check import CopyOf, Own, PartitionCheck
from episode_monitor.audit.reading import LineRecords, PartitionRecords
from episode_monitor.audit.state_check import StateReplay
from episode_monitor.audit.verify_report import PartitionReport, VerifyReport, first_broken
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.lines import lines_of_file
from episode_monitor.replay.ranges import Bounds, Position, Range
from episode_monitor.replay.run import Progress, ShowProgress
from episode_monitor.replay.source import NoSuchPartition
from episode_monitor.replay.topic_source import TopicSource
from streams.alerting.core import Core


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be verified. `copy` and `jsonl` exclude each other; `core` is None where states are not compared."""

    kafka: KafkaAccess
    monitor_id: str
    topic: str
    audit_topic: str
    database: str | None = None  # where the checkpoints are read instead of the audit topic
    partition: int | None = None
    until: Position | None = None  # only the records before it
    copy: str | None = None
    jsonl: Path | None = None
    keys: Mapping[str, Ed25519PublicKey] = {}
    core: Core | None = None
    due_before_ms: int = 0  # a checkpoint covers records written before it


class Topic(msgspec.Struct, frozen=True):
    """A topic as it was when it was looked up."""

    name: str
    consumer: Any
    bounds: dict[int, Bounds]

    def records(self, number: int) -> PartitionRecords:
        """Of one partition."""
        bounds = self.bounds[number]
        return PartitionRecords(self.consumer, self.name, number, bounds.first, bounds.end or bounds.first)

    async def beginning(self, number: int) -> int:
        """The offset of the first record that the partition has by now."""
        found = await self.consumer.beginning_offsets([TopicPartition(self.name, number)])
        return int(found[TopicPartition(self.name, number)])

    @property
    def size(self) -> int:
        """Offsets of all partitions."""
        return sum((each.end or each.first) - each.first for each in self.bounds.values())


class Verification:
    """`run` once."""

    def __init__(self, job: Job, show: ShowProgress = lambda progress: None) -> None:
        self._job = job
        self._show = show
        self._read = self._total = 0
        self._untils: dict[int, int | None] = {}
        self._stack = AsyncExitStack()

    async def run(self) -> VerifyReport:
        """Raises NoSuchPartition, BadRange, KafkaError, UnreadableFile, OSError, Failure."""
        job = self._job
        async with self._stack:
            also = "" if job.partition is None else "--partition and "
            copy = None if job.copy is None else await self._topic(job.copy, Range(job.partition), f"{also}--topic")
            ledger = await self._ledger()
            self._untils = await self._cut(f"{also}EVENTS_TOPIC")
            own = await self._topic(job.topic, Range(job.partition), f"{also}EVENTS_TOPIC")
            if copy is not None and not set(own.bounds) <= set(copy.bounds):
                raise NoSuchPartition(
                    f"{copy.name} has {len(copy.bounds)} partitions and {own.name} has {len(own.bounds)}; name the "
                    "partition that was copied with --partition."
                )
            self._total = own.size
            reports = [await self._audit(number, own, ledger, copy) for number in own.bounds]
        others = sorted(ledger.chains - {f"{job.monitor_id}/{job.topic}"})
        self._check_chains(reports, ledger.name, others)
        return self._report(reports, others)

    async def _topic(self, name: str, wanted: Range, named_by: str) -> Topic:
        bounds = await TopicSource(self._job.kafka, name, wanted, named_by).resolve()
        consumer = await self._stack.enter_async_context(reader(self._job.kafka, committed_only=True))
        return Topic(name, consumer, {each.partition: each for each in bounds})

    async def _cut(self, named_by: str) -> dict[int, int | None]:
        """Partition -> the offset before which its records are verified."""
        job = self._job
        if job.until is None:
            return {}
        bounds = await TopicSource(job.kafka, job.topic, Range(job.partition, None, job.until), named_by).resolve()
        return {each.partition: each.end for each in bounds}

    async def _ledger(self) -> Ledger:
        job = self._job
        if job.database is not None:
            opened = DatabaseLedger.opened(job.database, job.monitor_id, job.topic)
            return await self._stack.enter_async_context(opened)
        there = await self._topic(job.audit_topic, Range(), "AUDIT_TOPIC")
        firsts = [there.bounds[number].first for number in sorted(there.bounds)]
        return TopicLedger(job.audit_topic, job.monitor_id, job.topic, firsts, there.records)

    async def _audit(self, number: int, own: Topic, ledger: Ledger, copy: Topic | None) -> PartitionReport:
        job, bounds = self._job, own.bounds[number]
        theirs: CopyOf | None = None
        if job.jsonl is not None:
            theirs = CopyOf(LineRecords(lines_of_file(job.jsonl, sys.stdin.buffer)), has_keys=False)
        elif copy is not None:
            theirs = CopyOf(copy.records(number), has_keys=True)

        async def beginning() -> int:
            return await own.beginning(number)

        audit = PartitionCheck(
            number,
            Own(
                own.records(number),
                bounds.first,
                beginning,
                self._untils.get(number),
                bounds.end or bounds.first,
                job.due_before_ms,
            ),
            Chain(job.monitor_id, job.topic, number, job.keys, is_cut=ledger.is_cut(number), may_miss=ledger.may_miss),
            theirs,
            StateReplay(job.core, number) if job.core is not None and not bounds.first else None,
            self._count,
        )
        return await audit.run(ledger.entries(number))

    def _count(self, records: int) -> None:
        self._read += records
        self._show(Progress(self._read, self._read, self._total))

    def _check_chains(self, reports: list[PartitionReport], ledger: str, others: list[str]) -> None:
        job = self._job
        if any(report.checkpoints or report.chain_faults for report in reports):
            return
        where = "" if job.partition is None else f" of partition {job.partition}"
        more = (
            f" It has those of {', '.join(others)} (monitor/topic); check MONITOR_ID and EVENTS_TOPIC."
            if others
            else " A worker writes them where AUDIT_CHECKPOINT_SECONDS is not 0."
        )
        whose = f"monitor {job.monitor_id} and topic {job.topic}{where}"
        raise Failure(f"{ledger} has no audit checkpoints of {whose}.{more}", ExitCode.USAGE)

    def _report(self, reports: list[PartitionReport], others: list[str]) -> VerifyReport:
        job = self._job
        return VerifyReport(
            intact=all(report.is_intact for report in reports),
            checkpoints=sum(report.checkpoints for report in reports),
            first_broken=first_broken(reports),
            records=[each for report in reports for each in report.differences],
            monitor_id=job.monitor_id,
            topic=job.topic,
            copy=job.copy if job.jsonl is None else str(job.jsonl),
            partitions=reports,
            other_monitors=others,
        )
