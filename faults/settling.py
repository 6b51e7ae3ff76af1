"""When a round is over: everything is applied, stored, decided, sent, delivered and audited."""

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from agents.dispatch.decision_log import OUTBOX
from agents.fetching.reading import reader
from faults.decisions import decisions_of, stored_at_the_end
from faults.evidence import admin_client, read_log
from streams.dispatch.records import AlertRecord, GroupRecord
from streams.dispatch.state import ALERT, GROUP

if TYPE_CHECKING:
    from faults.stage import Stage

LOOK_SECONDS = 0.1


async def settled(stage: "Stage", patience_seconds: float) -> None:
    """Wait for it; a violation of the stage where it takes too long."""
    give_up_at, servers = time.monotonic() + patience_seconds, stage.plan.bootstrap_servers
    async with admin_client(servers) as client, reader(servers) as consumer:
        while open_ones := await _unfinished(stage, client, consumer):
            if time.monotonic() > give_up_at:
                stage.wrong.append(f"After {patience_seconds:.0f} s still not done: {', '.join(open_ones)}.")
                return
            await asyncio.sleep(LOOK_SECONDS)
    while not await _is_audited(stage):
        if time.monotonic() > give_up_at:
            stage.wrong.append(f"After {patience_seconds:.0f} s audit checkpoints do not cover all that was applied.")
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _is_audited(stage: "Stage") -> bool:
    """Whether the owner of each partition says so."""
    bodies = [body for _, body in [await stage.ask(worker, "/readyz") for worker in stage.running()] if body]
    shown = [each for body in bodies for each in body["partitions"]]
    is_audited = all(each["audited_to"] == each["applied"] for each in shown)
    return is_audited and len({each["partition"] for each in shown}) == stage.partitions


async def _unfinished(stage: "Stage", client: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> list[str]:
    """What is not committed of events and of what is delivered, and what the dispatcher has still to do. The order
    matters: what is looked at later follows on what was looked at before."""
    committed = {
        (tp.topic, tp.partition): max(0, known.offset)
        for tp, known in (await client.list_consumer_group_offsets(stage.plan.prefix)).items()
    }

    async def behind(topic: str, partitions: int) -> list[str]:
        ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(partitions)])
        return [_lag(tp, committed.get((tp.topic, tp.partition), 0), end) for tp, end in ends.items()]

    found = await behind(stage.topics.events, stage.partitions)
    found += await _undecided(stage, consumer)
    found += await behind(stage.topics.notifications, stage.plan.partitions)
    return [each for each in found if each]


async def _undecided(stage: "Stage", consumer: AIOKafkaConsumer) -> list[str]:
    """Records that the dispatcher has not taken, what it has not sent, and what waits for time."""
    topics = stage.topics
    tps = [TopicPartition(topics.alerts, number) for number in range(stage.plan.partitions)]
    ends = await consumer.end_offsets([*tps, TopicPartition(topics.acts, 0)])
    decisions = decisions_of(await read_log(stage.plan.bootstrap_servers, topics.dispatch, 0))
    positions = decisions[-1].meta.positions if decisions else {}
    found = [_lag(tp, positions.get(f"{tp.topic}/{tp.partition}", -1) + 1, end) for tp, end in ends.items()]
    values = stored_at_the_end(decisions)
    waiting = sum(key[:1] == OUTBOX for key in values)
    groups = [msgspec.msgpack.decode(value[1:], type=GroupRecord) for key, value in values.items()
              if key[:1] == GROUP.encode()]  # fmt: skip
    alerts = [msgspec.msgpack.decode(value[1:], type=AlertRecord) for key, value in values.items()
              if key[:1] == ALERT.encode()]  # fmt: skip
    due = sum(1 for group in groups if group.due_ms)
    behind = sum(1 for alert in alerts if alert.behind)
    return [*found, f"{waiting} notifications in the outbox" if waiting else "", f"{due} groups due" if due else "",
            f"{behind} alerts of the past" if behind else "", *_steps(stage, alerts)]  # fmt: skip


def _steps(stage: "Stage", alerts: list[AlertRecord]) -> list[str]:
    """Steps of escalation that a round waits for."""
    due = sum(1 for alert in alerts if alert.escalation is not None and alert.escalation.due_ms)
    return [f"{due} steps of escalation"] if stage.plan.dispatch.escalate_ms and due else []


def _lag(tp: TopicPartition, at: int, end: int) -> str:
    return f"{tp.topic}-{tp.partition} from {at} to {end}" if at < end else ""
