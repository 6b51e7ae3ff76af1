"""One replay: every record through the decoding and the step that the worker uses, and what came of it.

The same records give the same report, hash and ids, wherever and whenever they are taken.
"""

from collections import Counter
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Any

import msgspec

from agents.engine.stored_values import StoredValues
from agents.fetching.record_parsing import UnreadableBatch
from episode_monitor.replay.source import ReplayBatch, Replayed
from models.alert import Alert, AlertStatus
from models.codec import decode_event
from models.dead_letter import Malformed
from models.event import Event
from streams.alerting import rule_types
from streams.alerting.core import Core
from streams.base import changelog_keys
from streams.partition.partition import Partition
from streams.project.fingerprint import fingerprint
from streams.project.step import NO_CLOCK

UNKNOWN_TIME_MS = NO_CLOCK
MAX_ALERTS = 10_000  # transitions kept; all are counted
MAX_SPLITS = 100  # named; all are counted
MOST_DECODED = 20_000  # projects whose states are kept as objects; beyond that they are packed as if to be stored


class Report(msgspec.Struct, frozen=True):
    """What a replay found. `alerts` are the transitions in the order in which they became due, the first 10 000."""

    records: int
    applied: int
    tombstones: int
    dead_letters: dict[str, int]  # by reason
    projects: int
    projects_with_findings: int
    split_projects: int  # in several partitions: counted once, and without findings or alerts about numbers
    split: dict[str, list[int]]  # the first 100 of them -> partitions
    episodes: int
    gaps: int
    duplicates: int
    state_hash: str
    firings: dict[str, int]  # by rule
    transitions: int
    alerts: list[dict[str, Any]]


def _written_ms(record: Replayed) -> int:
    """When the record was written. Where it does not say so, nothing in it lies in the future."""
    timestamp: int | None = record.timestamp
    return UNKNOWN_TIME_MS if timestamp is None or timestamp < 0 else timestamp


def _reason(record: object, malformed: Malformed) -> str:
    """As the worker's dead letter names it."""
    return (record.reason if isinstance(record, UnreadableBatch) else malformed.reason).value


class Replay:
    """Takes records and collects the alerts. Partitions are independent, as in the worker."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._partitions: dict[int, Partition] = {}
        self._stores: dict[int, StoredValues] = {}
        self.applied = self._records = self._tombstones = self._transitions = 0
        self._dead_letters: Counter[str] = Counter()
        self._firings: Counter[str] = Counter(dict.fromkeys(core.rules.by_id, 0))
        self._alerts: list[Alert] = []
        self._about_numbers: Counter[tuple[str, str, bool]] = Counter()  # rule, project, whether it is a firing

    @property
    def projects(self) -> int:
        """How many were seen; one in several partitions counts once as soon as that is known."""
        return sum(each.index.counted_projects for each in self._partitions.values())

    def take(self, batch: ReplayBatch) -> None:
        """Records of one partition, whose offsets must rise."""
        partition = self._partitions.get(batch.partition)
        if partition is None:
            self._pack_all()  # a topic is read partition after partition
            store = self._stores[batch.partition] = StoredValues({})
            partition = Partition(self._core, batch.partition, store, 1_000, apart=True)
            self._partitions[batch.partition] = partition
        self._records += len(batch.records)
        for record in batch.records:
            written_ms = _written_ms(record)
            decoded = decode_event(record.key, record.value, record.headers, written_ms)
            if isinstance(decoded, Event):
                self.applied += partition.take(decoded, record.offset, written_ms)
            else:
                partition.pass_over(record.offset)
                if isinstance(decoded, Malformed):
                    self._dead_letters[_reason(record, decoded)] += 1
                else:
                    self._tombstones += 1
        if partition.emits:
            self._emit(partition)
        if partition.checkpointer.unstored > MOST_DECODED:
            self._pack(partition)

    def _pack_all(self) -> None:
        for partition in self._partitions.values():
            self._pack(partition)

    def _pack(self, partition: Partition) -> None:
        """Very many projects fit the memory only as they would be stored."""
        self._stores[partition.number].apply(partition.collect())

    def advance(self, now_ms: int | None) -> None:
        """Let event time reach this moment, as the wall clock does on an idle partition; None: the newest event's."""
        for partition in self._partitions.values():
            partition.run_due()
            if now_ms is not None:
                partition.advance_clock(now_ms)
            self._emit(partition)

    def _emit(self, partition: Partition) -> None:
        emits, partition.emits = partition.emits, []
        self._transitions += len(emits)
        for alert in emits:
            is_firing = alert.status is AlertStatus.FIRING and not alert.escalation_level
            self._firings[alert.rule_id] += is_firing
            if alert.alert_type == rule_types.INTEGRITY.name:
                self._about_numbers[alert.rule_id, alert.project_id, is_firing] += 1
        self._alerts.extend(emits[: MAX_ALERTS - len(self._alerts)])

    def report(self) -> Report:
        """What has come of it so far."""
        split = self._find_splits()
        partitions = self._partitions.values()
        return Report(
            records=self._records,
            applied=self.applied,
            tombstones=self._tombstones,
            dead_letters=dict(sorted(self._dead_letters.items())),
            projects=self.projects,
            projects_with_findings=sum(len(each.index.unhealthy) for each in partitions),
            split_projects=len(split),
            split={project: split[project] for project in sorted(split)[:MAX_SPLITS]},
            episodes=sum(each.index.episodes for each in partitions),
            gaps=sum(each.index.gaps for each in partitions),
            duplicates=sum(each.index.duplicates for each in partitions),
            state_hash=self._hash(),
            firings=dict(sorted(self._firings.items())),
            transitions=self._transitions,
            alerts=[alert.to_dict() for alert in sorted(self._alerts, key=lambda alert: alert.updated_at_ms)],
        )

    def _find_splits(self) -> dict[str, list[int]]:
        """Projects that several partitions have; their findings, and the alerts about them, are taken back."""
        found: dict[str, list[int]] = {}
        partitions = sorted(self._partitions.items())
        for number, partition in partitions if len(partitions) > 1 else ():
            for key in partition.index.head_keys:
                project_id = changelog_keys.project_of(key)
                seen = [other for other, each in partitions if other == number or each.head(project_id)]
                if len(seen) > 1:
                    found[project_id] = seen
        for project_id, seen in found.items():
            for number in seen:
                self._partitions[number].note_split(project_id, seen)
                self._partitions[number].emits.clear()
        for rule_id, project_id, is_firing in [name for name in self._about_numbers if name[1] in found]:
            count = self._about_numbers.pop((rule_id, project_id, is_firing))
            self._transitions -= count
            self._firings[rule_id] -= count if is_firing else 0
        about_numbers = rule_types.INTEGRITY.name
        self._alerts = [a for a in self._alerts if a.project_id not in found or a.alert_type != about_numbers]
        return found

    def _hash(self) -> str:
        """Of every project's canonical state, whatever partition it is in."""
        named = []
        for partition in self._partitions.values():
            for project_id, _ in partition.heads():
                state = partition.state(project_id)
                if state is not None:
                    named.append((project_id, fingerprint(state)))
        named.sort()
        return blake2b(msgspec.msgpack.encode(named), digest_size=16).hexdigest()


async def replay(core: Core, batches: AsyncIterator[ReplayBatch], until_ms: int | None) -> Report:
    """Take all records, then let event time reach `until_ms` where that is given."""
    running = Replay(core)
    async for batch in batches:
        running.take(batch)
    running.advance(until_ms)
    return running.report()
