"""Partitions for which a broker answers with an error instead of records: aiokafka only logs that and retries at once.

One such partition must not end a worker that reads others.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from agents.fetching.fetch_answers import answers_in, watch

REFUSED_AFTER_SECONDS = 10.0  # a broker that has just lost a disk hands its partitions over
HEARD_LATELY_SECONDS = 5.0  # where nothing is asked any more, the refusal says nothing
PAUSE_SECONDS = 0.1
_REFUSALS = {-1: "UNKNOWN_SERVER_ERROR", 2: "CORRUPT_MESSAGE", 56: "KAFKA_STORAGE_ERROR"}


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

        async def see(response: Any, asked: Mapping[TopicPartition, int]) -> None:
            if self.note(response, asked, time.monotonic()):
                await asyncio.sleep(PAUSE_SECONDS)  # a refusal comes at once

        watch(client, see)

    def note(self, response: Any, asked: Mapping[TopicPartition, int], now: float) -> bool:
        """Note the fetched partitions that were answered with an error; return whether there is one.

        A full response leaves some partitions out, but only briefly.
        """
        before, is_refused = self._refusals, False
        for answer in answers_in(response):
            tp, word = answer.tp, f"it answers {_REFUSALS[answer.code]}" if answer.code in _REFUSALS else ""
            if answer.withholds(asked):
                word = f"it answers nothing, although the log continues to offset {answer.end}"
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
