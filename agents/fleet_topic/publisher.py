"""Publishes the summaries of this worker's partitions: once a second after a change, every 3 s in any case.

An unavailable broker does not stop it: it publishes later, and other workers see the age of a summary.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog
from aiokafka.errors import KafkaError

from agents.engine.ownership import Owned
from agents.fleet_topic.record import (
    FORMAT,
    MAX_FLEET_RECORD_BYTES,
    Body,
    FleetRecord,
    PartitionStatus,
    encode_record,
    pack_body,
    record_key,
)
from agents.time_slices import in_slices
from streams.partition.summary import MAX_ALERTS, PartitionLists, counts_of, lists_of

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.25
CHANGED_SECONDS = 1.0
UNCHANGED_SECONDS = 3.0
LISTS_SHARE = 20  # making the lists again waits twenty times as long as it took
P95_MS = 15_000  # of event time; only other workers' metrics show the p95 of projects, which is of 15 minutes
SEND_SECONDS = 10.0
IN_THREAD_BYTES = 64 * 1024  # less is compressed in about a millisecond


# A difference in one of these is published: status and whether it is behind, position, clock.
_Stamp = tuple[tuple[PartitionStatus | None, bool], int, int]


class Producer(Protocol):
    """The part of `agents.engine.producer.Producer` that is used."""

    async def send(self, topic: str, value: bytes | None, key: bytes | None, /) -> asyncio.Future[object]:
        """Queue a record; the future is done when the broker has acknowledged it. Raises KafkaError."""


class Partitions(Protocol):
    """What the publisher reads; implemented by `agents.fleet_topic.fleet_view.FleetView`."""

    @property
    def owned(self) -> dict[int, Owned]:
        """This worker's partitions."""

    @property
    def is_alone(self) -> bool:
        """Whether there is no other worker."""

    def status(self, owned: Owned) -> PartitionStatus | None:
        """Whether this worker recovers or serves a partition; None: it has lost it."""

    def as_of_ms(self, owned: Owned) -> int:
        """The time for which a partition's numbers hold."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """How other workers know this one. `token` is new in every process unless it is configured."""

    worker_id: str
    url: str
    token: str
    settings: bytes = b""  # see `FleetRecord`


class _Published:
    """The last publication of one partition. `changes` counts acts, `changes_published` the published ones."""

    def __init__(self) -> None:
        self.stamp: _Stamp | None = None
        self.at = 0.0
        self.lists: PartitionLists | None = None
        self.lists_at = 0.0
        self.lists_took = 0.0
        self.p95_at_ms = 0
        self.changes = 0
        self.changes_published = 0

    def known_p95(self, clock_ms: int) -> dict[str, float] | None:
        """Those of the last lists, if they are recent enough; None: they are to be found now, as is noted."""
        if self.lists is not None and self.lists.p95_seconds and clock_ms - self.p95_at_ms < P95_MS:
            return self.lists.p95_seconds
        self.p95_at_ms = clock_ms
        return None


class FleetPublisher:
    """Publishes the summaries of this worker's partitions. `now_ms` is the wall clock."""

    def __init__(
        self,
        topic: str,
        producer: Producer,
        partitions: Partitions,
        identity: Identity,
        now_ms: Callable[[], int],
        max_projects: int = 100,
    ) -> None:
        self.published = 0
        self.bytes_published = 0
        self.failures = 0
        self._topic = topic
        self._producer = producer
        self._partitions = partitions
        self._identity = identity
        self._now_ms = now_ms
        self._max_projects = max_projects
        self._last: dict[tuple[int, int], _Published] = {}  # generation and partition
        self._is_failing = False

    def settings_changed(self, packed: bytes) -> None:
        """From now on this digest of the settings is published."""
        self._identity = msgspec.structs.replace(self._identity, settings=packed)

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            await self.publish_due(time.monotonic())
            await asyncio.sleep(LOOK_SECONDS)

    def mark_changed(self, partition: int) -> None:
        """An act changed this partition: publish it at the next round."""
        for (_, number), last in self._last.items():
            if number == partition:
                last.changes += 1

    async def publish_due(self, now: float) -> None:
        """Publish what is due. `now` is a monotonic clock in seconds. A failure is retried in a later round."""
        owned = list(self._partitions.owned.values())
        names = {(each.generation, each.number) for each in owned}
        self._last = {name: last for name, last in self._last.items() if name in names}
        changed_seconds = UNCHANGED_SECONDS if self._partitions.is_alone else CHANGED_SECONDS
        for each in owned:
            last = self._last.setdefault((each.generation, each.number), _Published())
            if not _is_due(self._stamp(each), last, now, changed_seconds):
                continue
            try:
                await self._publish(each, last, now)
                self._is_failing = False
            except TimeoutError as error:
                self._note_failure(error)
                return  # the broker is away; the others would wait as long
            except (KafkaError, OSError) as error:
                self._note_failure(error)

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        if not self._is_failing:
            self._is_failing = True
            log.warning("the fleet topic cannot be written; retrying", error=str(error) or type(error).__name__)

    async def _publish(self, owned: Owned, last: _Published, now: float) -> None:
        stamp, changes = self._stamp(owned), last.changes
        value = await self._value(owned, last, now)
        last.at = now
        if value is not None:
            async with asyncio.timeout(SEND_SECONDS):
                await (await self._producer.send(self._topic, value, record_key(owned.number)))
            self.published += 1
            self.bytes_published += len(value)
        last.stamp, last.changes_published = stamp, changes

    async def _value(self, owned: Owned, last: _Published, now: float) -> bytes | None:
        """The record to send; None where the partition is lost or its summary does not fit into a record."""
        status = self._partitions.status(owned)
        if status is None:
            return None
        if status is PartitionStatus.RECOVERING:
            return self._encode(owned, status, b"")
        lists = await self._lists(owned, last, now)
        while True:
            body = await _packed(Body(lists, owned.partition.totals.encode()))
            if not owned.is_live:
                return None
            value = self._encode(owned, PartitionStatus.LIVE, body)
            if len(value) <= MAX_FLEET_RECORD_BYTES:
                return value
            smaller = _halved(lists)
            if smaller is None:
                log.error(
                    "a partition's summary is too large to be published", partition=owned.number, bytes=len(value)
                )
                return None
            lists = smaller

    async def _lists(self, owned: Owned, last: _Published, now: float) -> PartitionLists:
        is_fresh = now - last.lists_at < LISTS_SHARE * last.lists_took
        if last.lists is None or not is_fresh or last.changes != last.changes_published:
            started = time.monotonic()
            p95_seconds = last.known_p95(owned.partition.clock_ms)
            last.lists = await in_slices(lists_of(owned.partition, self._max_projects, MAX_ALERTS, p95_seconds))
            last.lists_at, last.lists_took = now, time.monotonic() - started
        return last.lists

    def _stamp(self, owned: Owned) -> _Stamp:
        status = self._partitions.status(owned), owned.is_behind
        return status, owned.partition.next_offset, owned.partition.clock_ms

    def _encode(self, owned: Owned, status: PartitionStatus, body: bytes) -> bytes:
        counts = (
            counts_of(owned.partition, self._partitions.as_of_ms(owned)) if status is PartitionStatus.LIVE else None
        )
        return encode_record(
            FleetRecord(
                format=FORMAT,
                partition=owned.number,
                generation=owned.generation,
                published_at_ms=self._now_ms(),
                worker_id=self._identity.worker_id,
                url=self._identity.url,
                token=self._identity.token,
                status=status,
                counts=counts,
                body=body,
                is_behind=owned.is_behind,
                settings=self._identity.settings,
            )
        )


async def _packed(body: Body) -> bytes:
    return await asyncio.to_thread(pack_body, body) if len(body.totals) > IN_THREAD_BYTES else pack_body(body)


def _is_due(stamp: _Stamp, last: _Published, now: float, changed_seconds: float) -> bool:
    """A new status and an act are published at once."""
    if last.stamp is None or last.stamp[0] != stamp[0] or last.changes != last.changes_published:
        return True
    return now - last.at >= (UNCHANGED_SECONDS if stamp == last.stamp else changed_seconds)


def _halved(lists: PartitionLists) -> PartitionLists | None:
    """The same with half as many entries; None where no entry is left to drop."""
    if not lists.alerts and not lists.worst:
        return None
    return PartitionLists(
        lists.worst[: len(lists.worst) // 2], lists.alerts[: len(lists.alerts) // 2], lists.alert_counts
    )
