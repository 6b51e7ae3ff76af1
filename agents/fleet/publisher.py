"""Tells all workers how the partitions of this one are: once a second where something changed, every 3 s in any case.

A broker that is away does not stop it: what cannot be told now is told later, and by its age the others know it is old.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog
from aiokafka.errors import KafkaError

from agents.engine.ownership import Owned
from agents.fleet.record import (
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
LISTS_SHARE = 10  # making the lists again waits ten times as long as it took
SEND_SECONDS = 10.0
IN_THREAD_BYTES = 64 * 1024  # less is compressed in about a millisecond


# What has to differ for something to be news: standing and whether it is behind, position, clock.
_Stamp = tuple[tuple[PartitionStatus | None, bool], int, int]


class Producer(Protocol):
    """The part of `agents.engine.producer.Producer` that is used."""

    async def send(self, topic: str, value: bytes | None, key: bytes | None, /) -> asyncio.Future[object]:
        """Queue a record; the future is done when the broker has it. Raises KafkaError."""


class Partitions(Protocol):
    """What the publisher looks at; `agents.fleet.fleet_view.Sight` is one."""

    @property
    def owned(self) -> dict[int, Owned]:
        """This worker's partitions."""

    @property
    def is_alone(self) -> bool:
        """Whether no other worker needs to know anything soon."""

    def standing(self, owned: Owned) -> PartitionStatus | None:
        """How this worker stands to a partition; None: it has lost it."""

    def as_of_ms(self, owned: Owned) -> int:
        """Up to when a partition's numbers are true."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who this worker is to the others. `token` is drawn anew in every process, or is the same by configuration."""

    worker_id: str
    url: str
    token: str
    settings: bytes = b""  # see `FleetRecord`


class _Told:
    """What was last told of one partition."""

    def __init__(self) -> None:
        self.stamp: _Stamp | None = None
        self.at = 0.0
        self.lists: PartitionLists | None = None
        self.lists_at = 0.0
        self.lists_took = 0.0
        self.pokes = 0
        self.pokes_told = 0


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
        self._told: dict[tuple[int, int], _Told] = {}  # generation and partition
        self._is_failing = False

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            await self.publish_due(time.monotonic())
            await asyncio.sleep(LOOK_SECONDS)

    def poke(self, partition: int) -> None:
        """Something of this partition was changed by hand: tell of it at the next look."""
        for (_, number), told in self._told.items():
            if number == partition:
                told.pokes += 1

    async def publish_due(self, now: float) -> None:
        """Tell what is due. `now` is a monotonic clock in seconds. What fails is tried again at a later look."""
        owned = list(self._partitions.owned.values())
        names = {(each.generation, each.number) for each in owned}
        self._told = {name: told for name, told in self._told.items() if name in names}
        changed_seconds = UNCHANGED_SECONDS if self._partitions.is_alone else CHANGED_SECONDS
        for each in owned:
            told = self._told.setdefault((each.generation, each.number), _Told())
            if not _is_due(self._stamp(each), told, now, changed_seconds):
                continue
            try:
                await self._publish(each, told, now)
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

    async def _publish(self, owned: Owned, told: _Told, now: float) -> None:
        stamp, pokes = self._stamp(owned), told.pokes
        value = await self._value(owned, told, now)
        told.at = now
        if value is not None:
            async with asyncio.timeout(SEND_SECONDS):
                await (await self._producer.send(self._topic, value, record_key(owned.number)))
            self.published += 1
            self.bytes_published += len(value)
        told.stamp, told.pokes_told = stamp, pokes

    async def _value(self, owned: Owned, told: _Told, now: float) -> bytes | None:
        """The record to send, None where the partition is gone or its summary does not fit into a record."""
        standing = self._partitions.standing(owned)
        if standing is None:
            return None
        if standing is PartitionStatus.RECOVERING:
            return self._encode(owned, standing, b"")
        lists = await self._lists(owned, told, now)
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

    async def _lists(self, owned: Owned, told: _Told, now: float) -> PartitionLists:
        is_fresh = now - told.lists_at < LISTS_SHARE * told.lists_took
        if told.lists is None or not is_fresh or told.pokes != told.pokes_told:
            started = time.monotonic()
            told.lists = await in_slices(lists_of(owned.partition, self._max_projects, MAX_ALERTS))
            told.lists_at, told.lists_took = now, time.monotonic() - started
        return told.lists

    def _stamp(self, owned: Owned) -> _Stamp:
        standing = self._partitions.standing(owned), owned.is_behind
        return standing, owned.partition.next_offset, owned.partition.clock_ms

    def _encode(self, owned: Owned, standing: PartitionStatus, body: bytes) -> bytes:
        counts = (
            counts_of(owned.partition, self._partitions.as_of_ms(owned)) if standing is PartitionStatus.LIVE else None
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
                standing=standing,
                counts=counts,
                body=body,
                is_behind=owned.is_behind,
                settings=self._identity.settings,
            )
        )


async def _packed(body: Body) -> bytes:
    return await asyncio.to_thread(pack_body, body) if len(body.totals) > IN_THREAD_BYTES else pack_body(body)


def _is_due(stamp: _Stamp, told: _Told, now: float, changed_seconds: float) -> bool:
    """A new standing and what a person did are told at once."""
    if told.stamp is None or told.stamp[0] != stamp[0] or told.pokes != told.pokes_told:
        return True
    return now - told.at >= (UNCHANGED_SECONDS if stamp == told.stamp else changed_seconds)


def _halved(lists: PartitionLists) -> PartitionLists | None:
    """The same with half as many entries; None where there is nothing left to leave out."""
    if not lists.alerts and not lists.worst:
        return None
    return PartitionLists(
        lists.worst[: len(lists.worst) // 2], lists.alerts[: len(lists.alerts) // 2], lists.alert_counts
    )
