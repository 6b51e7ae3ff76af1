"""What an auditor is given of a range of time: findings, alerts, acts of people, repairs and audit checkpoints.

Findings come from a replay of the topic, checkpoints from their topic, and the rest from a running worker.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from agents.fetching.reading import reader
from agents.kafka.access import KafkaAccess
from episode_monitor.audit.due import due_before_ms
from episode_monitor.audit.export_files import Exported
from episode_monitor.audit.reading import PartitionRecords
from episode_monitor.audit.verify_report import OffsetRange
from episode_monitor.exits import Failure
from episode_monitor.replay.ranges import Moment, Range
from episode_monitor.replay.report import Report, merged
from episode_monitor.replay.run import ShowProgress
from episode_monitor.replay.source import NoSuchPartition
from episode_monitor.replay.topic_source import TopicSource
from episode_monitor.replay.work import Work, do
from models.audit_checkpoint import AuditCheckpoint, checkpoint_key, decode_audit_checkpoint
from models.times import epoch_ms, rfc3339
from streams.alerting.core import Core
from streams.project.state_digest import rules_digest

PAGE_ROWS: Final = 1_000
_PLAN: Final = "rp_"  # how the id of a repair plan begins

Ask = Callable[[str, Mapping[str, Any]], Awaitable[Any]]  # path and parameters -> JSON, None: not known


class ExportJob(msgspec.Struct, frozen=True, kw_only=True):
    """From `since_ms` (None: the beginning) to before `until_ms` (None: to `now_ms`, when it is made)."""

    kafka: KafkaAccess
    monitor_id: str
    topic: str
    audit_topic: str
    core: Core
    software: str
    since_ms: int | None
    until_ms: int | None
    now_ms: int
    checkpoint_seconds: int

    def has(self, moment: str) -> bool:
        """Whether an RFC 3339 time is in the range."""
        at_ms = _ms(moment)
        return (self.since_ms or 0) <= at_ms and (self.until_ms is None or at_ms < self.until_ms)

    @property
    def asked(self) -> tuple[str | None, str]:
        """The range as RFC 3339."""
        until_ms = self.now_ms if self.until_ms is None else self.until_ms
        return None if self.since_ms is None else rfc3339(self.since_ms), rfc3339(until_ms)


async def collect(job: ExportJob, ask: Ask, show: ShowProgress | None) -> Exported:
    """All of it. Raises KafkaError, NoSuchPartition, Failure."""
    notes: list[str] = []
    since, until = job.asked
    audit = await _pages(ask, "/audit", "entries", {"from": since, "to": until})
    acts, kept_in = audit.rows, audit.last["kept_in"]
    if kept_in == "memory":
        notes.append(
            "MONITOR_DATABASE_URL is not set: alerts and acts are those that the workers which run now remember."
        )
    alerts = (await _pages(ask, "/alerts/history", "transitions", {"since": since, "until": until})).rows
    repairs = await _repairs(ask, acts, notes)
    checkpoints = await _checkpoints(job, notes)
    report, due = await _replay(job, show), await _due(job)
    findings = [each for each in msgspec.to_builtins(report.findings) if _overlaps(job, each)]
    if report.findings_total > len(report.findings):
        notes.append(f"Of {report.findings_total} findings of the replay the first {len(report.findings)} are here.")
    rows = {"findings": findings, "alerts": alerts, "acts": acts, "repairs": repairs}
    return Exported(
        jsonl={name: [msgspec.json.encode(each) for each in found] for name, found in rows.items()}
        | {"checkpoints": [value for value, _ in checkpoints]},
        csv={
            "findings": findings,
            "alerts": [{**each["alert"], **each} for each in alerts],
            "acts": acts,
            "repairs": [{**plan, **change} for plan in repairs for change in plan["changes"]],
            "checkpoints": [msgspec.to_builtins(each) for _, each in checkpoints],
        },
        about=_about(job, report, kept_in, notes) | {"due": msgspec.to_builtins(due)},
    )


def _about(job: ExportJob, report: Report, kept_in: str, notes: list[str]) -> dict[str, Any]:
    since, until = job.asked
    return {
        "monitor_id": job.monitor_id,
        "topic": job.topic,
        "range": {"from": since, "to": until},
        "software": job.software,
        "rules_digest": rules_digest(job.core),
        "kept_in": kept_in,
        "replayed": {
            "from": msgspec.to_builtins(report.begin), "to": msgspec.to_builtins(report.end),
            "events": report.events, "state_hash": report.state_hash, "is_complete": report.is_complete,
        },
        "notes": [*notes, *report.warnings],
    }  # fmt: skip


class _Rows(msgspec.Struct):
    """All pages of a list; `last`: the last page."""

    rows: list[Any]
    last: Any


async def _pages(ask: Ask, path: str, name: str, asked: Mapping[str, Any]) -> _Rows:
    """Oldest first."""
    rows: list[Any] = []
    cursor: str | None = None
    while True:
        page = await ask(path, {**asked, "limit": PAGE_ROWS, "cursor": cursor})
        rows += page[name]
        cursor = page["next_cursor"]
        if cursor is None:
            return _Rows(rows[::-1], page)


async def _repairs(ask: Ask, acts: Iterable[Mapping[str, Any]], notes: list[str]) -> list[Any]:
    """The plans that acts of the range name, as they are now."""
    named = (name for act in acts for name in (act["target"], act["request"].get("plan_id")) if isinstance(name, str))
    found = []
    for plan_id in dict.fromkeys(name for name in named if name.startswith(_PLAN)):
        try:
            plan = await ask(f"/repair-plans/{quote(plan_id, safe='')}", {})
        except Failure as failure:
            notes.append(f"Repair plan {plan_id} is not here: {failure}")
            continue
        if plan is not None:
            found.append(plan)
    return found


async def _checkpoints(job: ExportJob, notes: list[str]) -> list[tuple[bytes, AuditCheckpoint]]:
    """Written in the range, by partition of the events; as their topic has them."""
    found: list[tuple[bytes, AuditCheckpoint]] = []
    prefix = checkpoint_key(job.monitor_id, job.topic, 0)[:-1]
    try:
        bounds = await TopicSource(job.kafka, job.audit_topic, Range(), "AUDIT_TOPIC").resolve()
    except NoSuchPartition as error:
        notes.append(f"No audit checkpoints are here. {error}")
        return []
    async with reader(job.kafka, committed_only=True) as consumer:
        for each in bounds:
            records = PartitionRecords(consumer, job.audit_topic, each.partition, each.first, each.end or each.first)
            while batch := await records.next():
                for record in batch:
                    value, key = record.value, record.key
                    if value is None or key is None or not key.startswith(prefix):
                        continue
                    said = decode_audit_checkpoint(value)
                    if not isinstance(said, AuditCheckpoint):
                        notes.append(f"A checkpoint of {job.audit_topic} is not here. {said.reason}")
                    elif job.has(said.at):
                        found.append((value, said))
    return sorted(found, key=lambda one: one[1].partition)


async def _replay(job: ExportJob, show: ShowProgress | None) -> Report:
    end = None if job.until_ms is None else Moment(job.until_ms)
    source = TopicSource(job.kafka, job.topic, Range(None, None, end))
    done = await do(job.core, source, Work(await source.resolve()), show, lambda: False)
    return merged(job.core, done.outcomes, of_source=source.warnings)


async def _due(job: ExportJob) -> list[OffsetRange]:
    """What was written in the range, early enough for a checkpoint of the range to cover it."""
    until_ms = due_before_ms(job.now_ms if job.until_ms is None else job.until_ms, job.checkpoint_seconds)
    since = None if job.since_ms is None else Moment(job.since_ms)
    if until_ms <= (job.since_ms or 0):
        return []
    bounds = await TopicSource(job.kafka, job.topic, Range(None, since, Moment(until_ms))).resolve()
    return [
        OffsetRange(partition=each.partition, offset_from=each.first, offset_to=each.end)
        for each in bounds
        if each.end is not None and each.end > each.first
    ]


def _overlaps(job: ExportJob, finding: Mapping[str, Any]) -> bool:
    """Whether it was there at any time of the range."""
    closed = finding["closed_at"]
    return job.since_ms is None or closed is None or _ms(closed) >= job.since_ms


def _ms(moment: str) -> int:
    return epoch_ms(datetime.fromisoformat(moment))
