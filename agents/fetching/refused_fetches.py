"""Partitions for which a broker answers with an error instead of records: aiokafka only logs that and retries at once.

One such partition must not end a worker that reads others.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.protocol.fetch import FetchRequest

REFUSED_AFTER_SECONDS = 10.0  # a broker that has just lost a disk hands its partitions over
HEARD_LATELY_SECONDS = 5.0  # where nothing is asked any more, the refusal says nothing
PAUSE_SECONDS = 0.1
_REFUSALS = {-1: "UNKNOWN_SERVER_ERROR", 2: "CORRUPT_MESSAGE", 56: "KAFKA_STORAGE_ERROR"}
_LAST_STABLE_FROM_VERSION = 4


class _Refusal(NamedTuple):
    since: float
    heard: float
    word: str


class RefusedFetches:
    """Errors in brokers' fetch answers to one consumer. Written by one thread, read by another."""

    def __init__(self) -> None:
        self._refusals: dict[TopicPartition, _Refusal] = {}

    def watch(self, client: Any) -> None:
        """Read every answer that this aiokafka client gets."""
        send = client.send

        async def watched_send(node_id: int, request: Any, **options: Any) -> Any:
            answer = await send(node_id, request, **options)
            if isinstance(request, FetchRequest):
                asked = {
                    TopicPartition(topic, number): position
                    for topic, partitions in request.topics
                    for number, position, _ in partitions
                }
                if self.note(answer, asked, time.monotonic()):
                    await asyncio.sleep(PAUSE_SECONDS)  # a refusal comes at once
            return answer

        client.send = watched_send

    def note(self, answer: Any, asked: Mapping[TopicPartition, int], now: float) -> bool:
        """Note the fetched partitions that were answered with an error; return whether there is one.

        A full answer leaves some partitions out, but only briefly.
        """
        before, is_refused = self._refusals, False
        for topic, partitions in answer.topics:
            for number, code, end, *more in partitions:
                tp = TopicPartition(topic, number)
                if answer.API_VERSION >= _LAST_STABLE_FROM_VERSION and 0 <= more[0] < end:
                    end = more[0]
                word = f"it answers {_REFUSALS[code]}" if code in _REFUSALS else ""
                if not code and not more[-1] and asked.get(tp, end) < end:
                    word = f"it answers nothing, although the log continues to offset {end}"
                if not word:
                    before.pop(tp, None)
                    continue
                is_refused = True
                before[tp] = _Refusal(before[tp].since if tp in before else now, now, word)
        return is_refused

    def lasting(self, now: float) -> Iterator[tuple[TopicPartition, str]]:
        """Partitions that have been refused for some time, and the broker's error."""
        for tp, refusal in list(self._refusals.items()):
            if now - refusal.since > REFUSED_AFTER_SECONDS and now - refusal.heard < HEARD_LATELY_SECONDS:
                yield tp, refusal.word

    def forget(self) -> None:
        """The assignment has changed."""
        self._refusals.clear()
