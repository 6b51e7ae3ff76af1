"""A worker's Kafka side in the test's own loop, and hands to put records in and look at what came out."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord, RecordMetadata

from agents.alerts.history_follower import HistoryStore
from agents.config import AgentsConfig, Hooks, Outlets
from agents.engine.dead_letter_backoff import DeadLetterBackoff
from agents.engine.ownership import Owned
from agents.kafka.access import Kafka, KafkaAccess
from agents.kafka.topics import TopicNames, ensure_dispatch_topics, ensure_topics
from agents.runtime import Runtime
from alert_sinks.ledger import MemoryLedger
from alert_sinks.limits import Limits
from alert_sinks.sink import Destinations
from models.alert import Alert
from testbed.worker_process import make_core, names, quiet_config

PATIENCE_SECONDS = 60.0

Headers = Sequence[tuple[str, bytes]]


async def until(true: Callable[[], bool], what: str = "") -> None:
    """Wait for something that somebody else does."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not true():  # noqa: ASYNC110 - what it waits for has no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"it never came to pass: {what or true}") from None


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def created(project: str, number: int, **fields: Any) -> bytes:
    """An event of the project service."""
    wire = {
        "event_id": f"ev-{project}-{number}",
        "type": "episode.created",
        "project_id": project,
        "occurred_at": now_ms(),
        "episode_id": f"ep-{project}-{number}",
        "episode_number": number,
        "duration_seconds": 0.5,
    }
    return json.dumps(wire | fields).encode()


def config_for(kafka: Kafka, prefix: str, folder: Path, **changes: Any) -> AgentsConfig:
    """Quick in everything; sessions are long enough for a busy machine."""
    config = AgentsConfig(
        monitor_id=prefix,
        kafka=KafkaAccess(bootstrap_servers=kafka) if isinstance(kafka, str) else kafka,
        topics=names(prefix),
        state_dir=folder,
        session_timeout_seconds=4.0,  # the embedded broker takes half of it for every joining
        rebalance_timeout_seconds=6.0,
        flush_interval_seconds=0.05,
        dispatch=quiet_config,
    )
    return msgspec.structs.replace(config, **changes)


class Rig:
    """One worker. `stops` holds the reasons for which it would have ended its process.

    It never takes itself for frozen: it shares its process with the test and its machine with other tests, and a pause
    of these is not what is tried (`test_stall_guard.py`, with a process of its own).
    """

    def __init__(
        self,
        config: AgentsConfig,
        partitions: int = 2,
        *,
        backoff: Callable[[], DeadLetterBackoff] = DeadLetterBackoff,
        failpoint: Callable[[str], None] = lambda name: None,
        clock_ms: Callable[[], int] = now_ms,
        destinations: Destinations | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.config = config
        self.stops: list[str] = []
        self.history: list[tuple[Alert, int, int]] = []
        self.history_is_away = False
        outlets = Outlets(
            destinations or Destinations(()), MemoryLedger(1000), HistoryStore(self._append, self._last_offsets),
            limits or Limits(),
        )  # fmt: skip
        self.runtime = Runtime(
            msgspec.structs.replace(config, events_partitions=partitions), make_core(), outlets, self.stops.append,
            clock_ms, Hooks(steady_ms=clock_ms, running_seconds=lambda: 0.0, backoff=backoff, failpoint=failpoint),
        )  # fmt: skip

    async def _append(self, alert: Alert, partition: int, offset: int) -> bool:
        if not self.history_is_away:
            self.history.append((alert, partition, offset))
        return not self.history_is_away

    async def _last_offsets(self) -> dict[int, int]:
        if self.history_is_away:
            raise ConnectionError("the table is away")
        return {partition: offset for _, partition, offset in self.history}

    @property
    def topics(self) -> TopicNames:
        return self.config.topics

    @property
    def owned(self) -> dict[int, Owned]:
        return self.runtime.engine.owned

    def is_live(self, partitions: int) -> bool:
        """Whether it owns so many partitions, all live."""
        return len(self.owned) == partitions and all(each.is_live for each in self.owned.values())

    def outcome(self, name: str) -> int:
        """How many records came out so, in the partitions that it owns now."""
        return sum(owned.counts.outcomes[name] for owned in self.owned.values())

    def episodes(self, project: str) -> int:
        """How many episodes of a project are known."""
        states = [owned.partition.state(project) for owned in self.owned.values()]
        return sum(len(state.numbering.episodes) for state in states if state is not None)

    def is_stored(self) -> bool:
        """Whether all that was taken is stored."""
        return all(
            owned.committed == owned.position and not owned.partition.is_dirty and not owned.inbox
            for owned in self.owned.values()
        )


@asynccontextmanager
async def running(rig: Rig, partitions: int | None = 2) -> AsyncIterator[Rig]:
    """The worker, started; with all of its partitions live if their number is given."""
    try:
        await rig.runtime.start()
        if partitions is not None:
            await until(lambda: rig.is_live(partitions), "all partitions live")
        yield rig
    except AssertionError as error:
        error.add_note(f"reasons for which the worker would have ended: {rig.stops}")
        raise
    finally:
        await rig.runtime.close()


@asynccontextmanager
async def producing(bootstrap_servers: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A producer of a project service."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send(
    producer: AIOKafkaProducer, topic: str, partition: int, key: bytes | None, value: bytes | None,
    headers: Headers = (),
) -> int:  # fmt: skip
    """Send one record and answer its offset."""
    metadata: RecordMetadata = await producer.send_and_wait(
        topic, value, key=key, partition=partition, headers=list(headers)
    )
    offset: int = metadata.offset
    return offset


async def make_topics(kafka: Kafka, config: AgentsConfig, partitions: int = 2) -> None:
    """All topics of a monitor, before any worker."""
    await ensure_topics(kafka, config.topics, partitions, None)
    await ensure_dispatch_topics(kafka, config.topics, partitions, None)


def headers_of(record: "ConsumerRecord[bytes, bytes]") -> dict[str, bytes]:
    """The last value of each header."""
    return dict(record.headers)
