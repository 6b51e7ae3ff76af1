"""Sends the events of a repair to the events topic, as the project service would.

An event's id, its time and its sequence number follow from the plan alone, so sending twice is recognised everywhere.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import msgspec
from aiokafka.errors import KafkaError

from agents.engine.producer import Producer
from episode_monitor.repair.plan_state import KeptPlan, changes_of, event_id
from models.event import MAX_EPISODE_NUMBER
from models.times import rfc3339

SEQUENCE_BITS: Final = 20  # of a sequence number for the events of one act; the rest is its time in milliseconds
MAX_EPISODE_ID: Final = 200  # characters, of an event
CHUNK_EVENTS: Final = 500
SEND_SECONDS: Final = 30.0  # for all of them; then they stay pending and are sent again later


class NotSent(Exception):
    """The broker did not take all events; the message is one sentence. They are sent again later."""


class Announcer(Protocol):
    """Sends the events of an act."""

    async def announce(self, kept: KeptPlan) -> tuple[int, int] | None:
        """Partition and offset of the last event; None where there is none. Raises NotSent."""


def events_of(kept: KeptPlan, source: str) -> Iterator[dict[str, Any]]:
    """The events of the act that is pending, in the order in which the numbers were changed."""
    plan, progress = kept.plan, kept.progress
    if progress.pending is None or progress.acted_at_ms is None:
        return
    act = progress.pending
    for place, change in enumerate(changes_of(kept, act)):
        if not can_be_announced(change.episode_id, change.new_number):
            continue  # no event can name it; the deep check shows what the stream cannot know
        yield {
            "event_id": event_id(plan.plan_id, act, change.episode_id),
            "type": "episode.renumbered",
            "project_id": plan.project_id,
            "occurred_at": rfc3339(progress.acted_at_ms),
            "operation_id": f"repair-{plan.plan_id}-{act.value}",
            "episode_id": change.episode_id,
            "episode_number": change.new_number,
            "old_number": change.old_number,
            "source": source,
            "sequence": (progress.acted_at_ms << SEQUENCE_BITS) + place,
            "schema_version": 1,
        }


def can_be_announced(episode_id: str, number: int) -> bool:
    """Whether an event may name this episode and number."""
    return 0 < len(episode_id) <= MAX_EPISODE_ID and 1 <= number <= MAX_EPISODE_NUMBER


class KafkaAnnouncer:
    """`Announcer` over the worker's own producer."""

    def __init__(self, producer: Callable[[], Producer], topic: str, source: str) -> None:
        """`source` names the sender in the events, the same on all workers of a monitor."""
        self._producer = producer
        self._topic = topic
        self._source = source

    async def announce(self, kept: KeptPlan) -> tuple[int, int] | None:
        """See `Announcer.announce`. The partition is the one that the stream found the project in, not a guess."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await self._send(kept)
        except (KafkaError, OSError, TimeoutError, RuntimeError) as error:
            why = str(error) or type(error).__name__
            raise NotSent(f"Kafka did not accept the events ({why}): they will be sent again when it does.") from error

    async def _send(self, kept: KeptPlan) -> tuple[int, int] | None:
        last: Any = None
        sent: list[Any] = []
        for event in events_of(kept, self._source):
            sent.append(await self._put(kept, msgspec.json.encode(event)))
            if len(sent) == CHUNK_EVENTS:
                last = (await asyncio.gather(*sent))[-1]
                sent.clear()
        if sent:
            last = (await asyncio.gather(*sent))[-1]
        return None if last is None else (last.partition, last.offset)

    async def _put(self, kept: KeptPlan, value: bytes) -> Any:
        client = self._producer().client
        return await client.send(self._topic, value, kept.plan.project_id.encode(), partition=kept.progress.partition)
