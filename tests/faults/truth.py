"""What must have come out: the events' topic taken by the core alone, without an engine, and what is in the topics.

Both are put into the same words, so that they can be compared.
"""

from collections.abc import Iterator

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from agents.engine.changelog import MARKER
from models.alert import Alert
from models.alert_codec import decode_alert
from models.codec import Malformed, decode_event
from models.event import Event
from streams import keys
from streams.core import Core
from streams.partition import Cursor, Partition
from streams.state_codec import canonical

Log = list[ConsumerRecord[bytes, bytes]]


class Stored:
    """Values in a dictionary, as a `streams.partition.Store`."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.get = self.values.get

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self.values.items()))


class Outcome(msgspec.Struct):
    """Of one partition: canonical states, totals, cursor, transitions in the order of their first telling."""

    states: dict[str, bytes]
    totals: bytes | None
    cursor: Cursor | None
    transitions: dict[str, Alert]
    letters: list[int]  # offsets


async def read_log(bootstrap_servers: str, topic: str, partition: int, *, committed: bool = True) -> Log:
    """All records of a partition up to its present end, as seen by the broker and by the fetches themselves."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if committed else "read_uncommitted",
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    try:
        tp = TopicPartition(topic, partition)
        consumer.assign([tp])
        consumer.seek(tp, 0)
        records: Log = []
        while True:
            polled = await consumer.getmany(tp, timeout_ms=400)
            if not polled and await consumer.position(tp) >= (await consumer.end_offsets([tp]))[tp]:
                return records
            records.extend(polled.get(tp, []))
    finally:
        await consumer.stop()


def run_clean(core: Core, partition: int, events: Log, now_ms: int) -> Outcome:
    """Take every record once, in order, by the core alone. `now_ms` is the wall clock against events of the future."""
    store = Stored()
    taker = Partition(core, partition, store)
    transitions: dict[str, Alert] = {}
    letters = []
    for record in events:
        decoded = decode_event(record.key, record.value, record.headers, now_ms)
        if isinstance(decoded, Event):
            taker.take(decoded, record.offset)
        else:
            taker.pass_over(record.offset)
            if isinstance(decoded, Malformed):
                letters.append(record.offset)
        for alert in taker.emits:
            transitions.setdefault(alert.transition_id, alert)
        taker.emits = []
    changes = taker.collect()
    for key, value in changes.writes:
        if value is not None:
            store.values[key] = value
    return Outcome(_states(core, partition, store), store.values.get(keys.TOTALS), changes.cursor, transitions, letters)


def read_outcome(core: Core, partition: int, changelog: Log) -> Outcome:
    """What the changelog holds, the last record of each key counting. Transitions and letters are left empty."""
    store = Stored()
    for record in changelog:
        if record.key is None or record.key == MARKER:
            continue
        if record.value is None:
            store.values.pop(record.key, None)
        else:
            store.values[record.key] = record.value
    raw = store.values.get(keys.CURSOR)
    cursor = None if raw is None else msgspec.msgpack.decode(raw, type=Cursor)
    return Outcome(_states(core, partition, store), store.values.get(keys.TOTALS), cursor, {}, [])


def _states(core: Core, partition: int, store: Stored) -> dict[str, bytes]:
    reader = Partition(core, partition, store)
    for _ in reader.restore():
        pass
    found = {}
    for key in reader.head_keys:
        project_id = keys.project_of(key)
        state = reader.state(project_id)
        assert state is not None
        found[project_id] = canonical(state)
    return found


def told_transitions(records: Log) -> list[Alert]:
    """Every record of a partition of the alerts' topic, decoded."""
    alerts = [decode_alert(record.value or b"") for record in records]
    assert None not in alerts, "a record of the alerts' topic is no alert"
    return [alert for alert in alerts if alert is not None]


def buried(records: Log, topic: str) -> list[tuple[int, int]]:
    """Partition and offset of every dead letter that tells of this topic."""
    told = [dict(record.headers) for record in records]
    return [
        (int(headers["dl_partition"]), int(headers["dl_offset"]))
        for headers in told
        if headers["dl_topic"] == topic.encode()
    ]
