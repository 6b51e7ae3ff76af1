"""Alerts that the new monitor has to deliver: transitions that the old one did not, and, where the old state is lost,
what fires.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing

import msgspec

from agents.alerts.alert_headers import mark_headers, read_mark
from agents.dispatch.committed_notes import read_note
from agents.engine.producer import Producer
from episode_monitor.rebuild.monitors import Pair, group_offsets
from episode_monitor.rebuild.stored import batches_of, bounds_of
from episode_monitor.replay.ranges import Bounds
from models.alert import Alert, AlertStatus
from models.alert_codec import decode_alert, encode_alert
from streams.alerting.core import Core
from streams.partition.partition import Partition
from streams.project.rule_evaluator import active_alerts


class Left(msgspec.Struct, frozen=True):
    """A transition that the new monitor is to deliver; `partition`: of the events that caused it."""

    alert: Alert
    partition: int | None


async def unread(pair: Pair, positions: Mapping[str, int]) -> list[Left]:
    """The old monitor's transitions that its dispatcher has not applied; `positions`: by source. Raises KafkaError."""
    left = []
    for number, bounds in (await bounds_of(pair.kafka, pair.old.alerts)).items():
        first = max(bounds.first, positions.get(f"{pair.old.alerts}/{number}", -1) + 1)
        rest = msgspec.structs.replace(bounds, first=first)
        left += [found async for _, found in _transitions(pair, rest)]
    return left


async def undelivered(pair: Pair) -> list[Left]:
    """The same for a version without a dispatcher: what its group has not done. Raises KafkaError."""
    bounds = await bounds_of(pair.kafka, pair.old.alerts)
    committed = await group_offsets(pair.kafka, pair.old_id, pair.old.alerts, list(bounds))
    left = []
    for number, (position, text) in committed.items():
        note, rest = read_note(position, text), bounds[number]
        rest = msgspec.structs.replace(rest, first=max(rest.first, position))
        async for offset, found in _transitions(pair, rest):
            if not note.is_done(offset):
                left.append(found)
    return left


async def _transitions(pair: Pair, bounds: Bounds) -> AsyncIterator[tuple[int, Left]]:
    """Those of the old monitor, with their offsets."""
    async with aclosing(batches_of(pair.kafka, pair.old.alerts, bounds)) as batches:
        async for batch in batches:
            for record in batch.records:
                alert, mark = decode_alert(record.value or b""), read_mark(record.headers)
                if alert is not None and mark.monitor_id == pair.old_id:
                    yield record.offset, Left(alert, mark.events_partition if pair.has_same_events else None)


async def send_as(producer: Producer, pair: Pair, left: Iterable[Left]) -> None:
    """Write them as the new monitor's, of the past: what still fires when it has caught up is delivered."""
    sent = []
    for one in left:
        headers = mark_headers(pair.new_id, one.partition, is_behind=True)
        key = one.alert.alert_key.encode()
        sent.append(await producer.send(pair.new.alerts, encode_alert(one.alert), key, headers))
    for each in sent:
        await each


def firing(core: Core, partition: Partition) -> list[Left]:
    """What fires in a partition of which nothing says whom the old monitor notified."""
    left = []
    for project_id, head in partition.heads():
        state = partition.look(project_id) if head.alerts else None
        alerts = () if state is None else active_alerts(core, state)
        left += [Left(alert, partition.number) for alert in alerts if alert.status is AlertStatus.FIRING]
    return left
