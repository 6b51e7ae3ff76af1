"""One replay: every record through the decoding and the step that the worker uses, and what came of it.

The same records give the same report, hash and ids, wherever and whenever they are taken.
"""

from collections import Counter
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Any

import msgspec

from agents.engine.ownership import Stored
from agents.engine.record_parsing import UnreadableBatch
from episode_monitor.replay.source import Batch, Replayed
from models.alert import Alert, AlertStatus
from models.codec import Malformed, decode_event
from models.event import Event
from streams.core import Core
from streams.partition import Partition
from streams.state_codec import fingerprint

UNKNOWN_TIME_MS = 1 << 62
MAX_ALERTS = 10_000  # transitions kept; all are counted
MOST_DECODED = 20_000  # projects whose states are kept as objects; beyond that they are packed as if to be stored


class Report(msgspec.Struct, frozen=True):
    """What a replay found. `alerts` are the transitions in the order in which they became due, the first 10 000."""

    records: int
    applied: int
    tombstones: int
    dead_letters: dict[str, int]  # by reason
    projects: int
    projects_with_findings: int
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
    """Takes records, then tells. Partitions are independent, as in the worker."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._partitions: dict[int, Partition] = {}
        self._stores: dict[int, Stored] = {}
        self.applied = self._records = self._tombstones = self._transitions = 0
        self._dead_letters: Counter[str] = Counter()
        self._firings: Counter[str] = Counter(dict.fromkeys(core.rules.by_id, 0))
        self._alerts: list[Alert] = []

    @property
    def projects(self) -> int:
        """How many were seen; one in two partitions counts twice."""
        return sum(each.projects for each in self._partitions.values())

    def take(self, batch: Batch) -> None:
        """Records of one partition, whose offsets must rise."""
        partition = self._partitions.get(batch.partition)
        if partition is None:
            self._pack_all()  # a topic is read partition after partition
            store = self._stores[batch.partition] = Stored({})
            partition = self._partitions[batch.partition] = Partition(self._core, batch.partition, store, 1_000)
        self._records += len(batch.records)
        for record in batch.records:
            decoded = decode_event(record.key, record.value, record.headers, _written_ms(record))
            if isinstance(decoded, Event):
                self.applied += partition.take(decoded, record.offset)
            else:
                partition.pass_over(record.offset)
                if isinstance(decoded, Malformed):
                    self._dead_letters[_reason(record, decoded)] += 1
                else:
                    self._tombstones += 1
        if partition.emits:
            self._tell(partition)
        if partition.unstored > MOST_DECODED:
            self._pack(partition)

    def _pack_all(self) -> None:
        for partition in self._partitions.values():
            self._pack(partition)

    def _pack(self, partition: Partition) -> None:
        """Very many projects fit the memory only as they would be stored."""
        self._stores[partition.number].apply(partition.collect())

    def advance(self, now_ms: int) -> None:
        """Let event time reach this moment, as the wall clock does on an idle partition."""
        for partition in self._partitions.values():
            partition.advance_clock(now_ms)
            self._tell(partition)

    def _tell(self, partition: Partition) -> None:
        emits, partition.emits = partition.emits, []
        self._transitions += len(emits)
        for alert in emits:
            if alert.status is AlertStatus.FIRING and not alert.escalation_level:
                self._firings[alert.rule_id] += 1
        self._alerts.extend(emits[: MAX_ALERTS - len(self._alerts)])

    def report(self) -> Report:
        """What has come of it so far."""
        partitions = self._partitions.values()
        return Report(
            records=self._records,
            applied=self.applied,
            tombstones=self._tombstones,
            dead_letters=dict(sorted(self._dead_letters.items())),
            projects=self.projects,
            projects_with_findings=sum(len(each.unhealthy) for each in partitions),
            episodes=sum(each.episodes for each in partitions),
            gaps=sum(each.gaps for each in partitions),
            duplicates=sum(each.duplicates for each in partitions),
            state_hash=self._hash(),
            firings=dict(sorted(self._firings.items())),
            transitions=self._transitions,
            alerts=[alert.to_dict() for alert in sorted(self._alerts, key=lambda alert: alert.updated_at_ms)],
        )

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


async def replay(core: Core, batches: AsyncIterator[Batch], until_ms: int | None) -> Report:
    """Take all records, then let event time reach `until_ms` where that is given."""
    running = Replay(core)
    async for batch in batches:
        running.take(batch)
    if until_ms is not None:
        running.advance(until_ms)
    return running.report()
