"""The evidence of a fault run: records acknowledged to the producer, the topics' contents, requests to receivers and
answers of the views. Collected here, checked by the oracle."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from agents.kafka.topics import TopicNames
from models.alert import Alert
from models.alert_codec import decode_alert
from streams.project.step import NO_CLOCK

CONSUMER_OFFSETS = "__consumer_offsets"
READ_PATIENCE_SECONDS = 60.0
EMPTY_POLL_MS = 300  # of a log that has nothing more


class Kept(msgspec.Struct, frozen=True):
    """A record as a topic holds it."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = NO_CLOCK


class Sent(msgspec.Struct, frozen=True):
    """A record that a broker acknowledged to the producer of events."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Received(msgspec.Struct, frozen=True):
    """A request to a receiver of alerts, and the status it was answered with. `worker`: the sender, if known."""

    message_id: str
    status: int
    body: Any
    worker: str = ""
    at: float = 0.0  # seconds of the wall clock


class Acted(msgspec.Struct, frozen=True):
    """What a worker answered to an act of a person. `what`: the method and the path."""

    what: str
    status: int
    body: Any
    comment: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What a worker answered to a reader of views during the faults. `project` "": the summary of the fleet."""

    worker: str
    project: str
    status: int
    body: Any
    at: float = 0.0  # seconds of the wall clock
    asked: float = 0.0  # the same, when it was asked


class Commit(msgspec.Struct, frozen=True):
    """An offset that the group committed; -1: it was forgotten."""

    topic: str
    partition: int
    offset: int


class Evidence(msgspec.Struct, kw_only=True):
    """All of one run. Logs are by partition, in the order of their offsets.

    `wall_ms`: the wall clock near the beginning, against events of the future. `changelog` and `alerts` may hold
    repetitions; `commits` are in the order in which they were made. `lost_changelogs`: how many times the scenario
    deleted the changelog as a whole. `shut_out`: workers that the group removed while they ran, as a machine that
    stands still makes it do. `dispatch`, `acts` and `notifications` are the dispatcher's topics; `acted` is
    what was answered to people.
    """

    wall_ms: int
    acknowledged: list[Sent] = []
    unsure: set[bytes] = set()  # values sent and not acknowledged: in the topic or not
    events: dict[int, list[Kept]] = {}
    changelog: dict[int, list[Kept]] = {}
    alerts: dict[int, list[Kept]] = {}
    dead_letters: list[Kept] = []
    alert_dead_letters: list[Kept] = []
    received: list[Received] = []
    answers: list[Answer] = []
    commits: list[Commit] = []
    audit: dict[int, list[Kept]] = {}
    lost_changelogs: int = 0
    shut_out: list[str] = []
    dispatch: list[Kept] = []
    acts: list[Kept] = []
    notifications: dict[int, list[Kept]] = {}
    acted: list[Acted] = []


async def read_log(bootstrap_servers: str, topic: str, partition: int, *, start: int = 0) -> list[Kept]:
    """The committed records of a partition up to its present end, without markers and aborted records.

    The end is the one that the broker reports and that fetches reach, for not every broker reports it right. Raises
    KafkaError, and TimeoutError where the log does not return what it should contain.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest",
        isolation_level="read_committed", fetch_max_wait_ms=50,
    )  # fmt: skip
    await consumer.start()
    try:
        tp, kept = TopicPartition(topic, partition), list[Kept]()
        consumer.assign([tp])
        consumer.seek(tp, start)
        async with asyncio.timeout(READ_PATIENCE_SECONDS):
            while True:
                polled = await consumer.getmany(tp, timeout_ms=EMPTY_POLL_MS)
                if not polled and await consumer.position(tp) >= (await consumer.end_offsets([tp]))[tp]:
                    return kept
                kept.extend(_kept(record) for record in polled.get(tp, []))
    finally:
        await consumer.stop()


def emitted_transitions(log: Sequence[Kept]) -> list[Alert]:
    """Every record of a partition of the alerts' topic, decoded."""
    alerts = [decode_alert(record.value or b"") for record in log]
    assert None not in alerts, "a record of the alerts' topic is no alert"
    return [alert for alert in alerts if alert is not None]


def _kept(record: "ConsumerRecord[bytes, bytes]") -> Kept:
    return Kept(record.offset, record.key, record.value, tuple(record.headers), record.timestamp)


@asynccontextmanager
async def admin_client(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await client.start()
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):
            await client.close()


async def partitions_of(bootstrap_servers: str, topic: str) -> int:
    """How many partitions a topic has; 0 for an unknown topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        (described,) = await admin.describe_topics([topic])
        return len(described["partitions"])
    finally:
        await admin.close()


async def end_offsets(bootstrap_servers: str, topic: str) -> dict[int, int]:
    """Where each partition of a topic ends; empty for a topic that is not there."""
    tps = [TopicPartition(topic, number) for number in range(await partitions_of(bootstrap_servers, topic))]
    if not tps:
        return {}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        return {tp.partition: end for tp, end in (await consumer.end_offsets(tps)).items()}
    finally:
        await consumer.stop()


async def collect(
    evidence: Evidence, bootstrap_servers: str, topics: TopicNames, *, commits_from: dict[int, int] | None = None,
    group: str = "",
) -> Evidence:  # fmt: skip
    """Fill in what the topics hold. Commits are read only where `commits_from` says from which offsets of the group
    coordinator's topic on (Apache Kafka has one). Raises KafkaError."""

    async def logs(topic: str) -> dict[int, list[Kept]]:
        partitions = range(await partitions_of(bootstrap_servers, topic))
        found = await asyncio.gather(*(read_log(bootstrap_servers, topic, number) for number in partitions))
        return dict(zip(partitions, found, strict=True))

    evidence.events, evidence.changelog, evidence.alerts = [
        await logs(topic) for topic in (topics.events, topics.changelog, topics.alerts)
    ]
    if topics.audit:
        evidence.audit = await logs(topics.audit)
    evidence.notifications = await logs(topics.notifications)
    evidence.acts = await read_log(bootstrap_servers, topics.acts, 0)
    evidence.dispatch = await read_log(bootstrap_servers, topics.dispatch, 0)
    evidence.dead_letters = await read_log(bootstrap_servers, topics.dead_letters, 0)
    evidence.alert_dead_letters = await read_log(bootstrap_servers, topics.alert_dead_letters, 0)
    if commits_from is not None:
        for number in await end_offsets(bootstrap_servers, CONSUMER_OFFSETS):
            log = await read_log(bootstrap_servers, CONSUMER_OFFSETS, number, start=commits_from.get(number, 0))
            evidence.commits += commits_of(log, group)
    return evidence


def commits_of(log: Sequence[Kept], group: str) -> list[Commit]:
    """The commits of a group among the group coordinator's records, in order."""
    found = []
    for record in log:
        key = record.key or b""
        if len(key) < 2 or struct.unpack_from(">h", key)[0] > 1:
            continue  # a record about the group's members
        name, at = _text(key, 2)
        topic, at = _text(key, at)
        (partition,) = struct.unpack_from(">i", key, at)
        offset = -1 if record.value is None else struct.unpack_from(">hq", record.value)[1]
        if name == group:
            found.append(Commit(topic, partition, offset))
    return found


def _text(packed: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">h", packed, at)
    return packed[at + 2 : at + 2 + length].decode(), at + 2 + length
