"""What a broker answers to a fetch, before aiokafka reads it: every answer that one client gets."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.protocol.fetch import FetchRequest

_LAST_STABLE_FROM_VERSION = 4


class FetchAnswer(NamedTuple):
    """The answer about one partition. `end`: the offset up to which this reader may read; `code`: of the Kafka
    protocol."""

    tp: TopicPartition
    code: int
    end: int
    has_records: bool

    def withholds(self, asked: Mapping[TopicPartition, int]) -> bool:
        """Whether records were asked for that are there, and none came."""
        return not self.code and not self.has_records and asked.get(self.tp, self.end) < self.end


def answers_in(response: Any) -> Iterator[FetchAnswer]:
    """Partition after partition. A full response leaves some out."""
    for topic, partitions in response.topics:
        for number, code, end, *more in partitions:
            if response.API_VERSION >= _LAST_STABLE_FROM_VERSION and 0 <= more[0] < end:
                end = more[0]
            yield FetchAnswer(TopicPartition(topic, number), code, end, bool(more[-1]))


def watch(client: Any, see: Callable[[Any, Mapping[TopicPartition, int]], Awaitable[None]]) -> None:
    """Call `see` with each response and the offsets that were asked for, before this aiokafka client has it."""
    send = client.send

    async def watched_send(node_id: int, request: Any, **options: Any) -> Any:
        response = await send(node_id, request, **options)
        if isinstance(request, FetchRequest):
            asked = {
                TopicPartition(topic, number): position
                for topic, partitions in request.topics
                for number, position, _ in partitions
            }
            await see(response, asked)
        return response

    client.send = watched_send
