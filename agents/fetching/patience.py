"""Gives a slow broker more time for a fetch.

A broker may look for records no longer than a fetch may wait, and answer with none although there are some: the
embedded one looks through all batches of a partition. Apache Kafka answers at once where records are there.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition

from agents.fetching.fetch_answers import answers_in, watch

MAX_WAIT_MS = 10_000


def be_patient(consumer: Any) -> None:
    """Let this aiokafka consumer wait twice as long after each fetch that brings nothing of what is there, and as it
    was set up to once it has read to the end."""
    usual_ms = consumer._fetch_max_wait_ms

    async def see(response: Any, asked: Mapping[TopicPartition, int]) -> None:
        fetcher = consumer._fetcher
        fetcher._fetch_max_wait_ms = next_wait_ms(response, asked, fetcher._fetch_max_wait_ms, usual_ms)

    watch(consumer._client, see)


def next_wait_ms(response: Any, asked: Mapping[TopicPartition, int], wait_ms: int, usual_ms: int) -> int:
    """How long the next fetch waits, after this response to one that waited for `wait_ms`."""
    answers = list(answers_in(response))
    if any(answer.withholds(asked) for answer in answers):
        return min(2 * wait_ms, max(MAX_WAIT_MS, usual_ms))
    is_at_end = all(asked.get(answer.tp, answer.end) >= answer.end for answer in answers)
    return usual_ms if is_at_end else wait_ms
