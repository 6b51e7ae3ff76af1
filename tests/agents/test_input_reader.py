"""When alerts of the past are notified of: what the reader of the dispatcher's inputs waits for, and for how long."""

from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.alerts.alert_headers import Ours, mark_headers
from agents.dispatch.input_reader import InputReader, Sources
from models.alert_codec import encode_alert
from streams.dispatch.inputs import CaughtUp, Transition
from testbed.worker_process import names
from tests.agents.desk import NOW_MS, FakeRecord
from tests.streams.dispatch.scripts import alert

TOPICS = names("m")
ONE, TWO = (TopicPartition(TOPICS.alerts, number) for number in range(2))


class Broker:
    """The part of a consumer that is used; each partition ends where its records do."""

    def __init__(self) -> None:
        self.ends = {ONE: 0, TWO: 0, TopicPartition(TOPICS.acts, 0): 0}
        self.coming: dict[TopicPartition, list[FakeRecord]] = {}
        self.answered: dict[TopicPartition, int] = {}
        self._client = self

    async def set_topics(self, topics: object) -> None: ...

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, 0)

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.ends[tp] for tp in tps}

    def assign(self, tps: object) -> None: ...

    def seek(self, tp: TopicPartition, offset: int) -> None: ...

    def assignment(self) -> list[TopicPartition]:
        return list(self.ends)

    async def position(self, tp: TopicPartition) -> int:
        return self.ends[tp]

    def highwater(self, tp: TopicPartition) -> int:
        return self.ends[tp]

    def last_poll_timestamp(self, tp: TopicPartition) -> int | None:
        return self.answered.get(tp)

    async def getmany(self, **options: object) -> dict[TopicPartition, list[FakeRecord]]:
        coming, self.coming = self.coming, {}
        return coming

    def brings(self, tp: TopicPartition, project: str, events_partition: int) -> None:
        headers = [(name, value or b"") for name, value in mark_headers("m", events_partition, True)]
        value = encode_alert(alert(project))
        record = FakeRecord(self.ends[tp], project.encode(), value, NOW_MS, cast(Any, tuple(headers)))
        self.coming.setdefault(tp, []).append(record)
        self.ends[tp] += 1


class Reading:
    """A reader with a clock; `caught_up` has the partitions of events that say so now."""

    def __init__(self) -> None:
        self.broker, self.now_ms, self.caught_up = Broker(), NOW_MS, set[int]()
        sources = Sources(
            topics=TOPICS, alerts_partitions=2, ours=Ours("m", NOW_MS), now_ms=lambda: self.now_ms,
            caught_up_at_ms=lambda number: self.now_ms if number in self.caught_up else None,
        )  # fmt: skip
        self.reader = InputReader(sources, cast(AIOKafkaConsumer, self.broker))

    async def after(self, seconds: int, *answering: TopicPartition) -> list[str]:
        """The inputs so much later, while the brokers of these partitions answer."""
        self.now_ms += 1000 * seconds
        self.broker.answered |= dict.fromkeys(answering or (ONE, TWO), self.now_ms)
        found = [timed.given for timed in await self.reader.next(0)]
        return [_name(each) for each in found]


def _name(given: object) -> str:
    if isinstance(given, CaughtUp):
        return f"caught up {' '.join(origin.rpartition('/')[2] for origin in given.origins)}"
    assert isinstance(given, Transition)
    return f"{given.alert.project_id} behind {given.behind.rpartition('/')[2]}"


@pytest.fixture
async def reading() -> Reading:
    found = Reading()
    await found.reader.begin({}, {}, set())
    return found


async def test_partitions_that_catch_up_a_little_later_are_waited_for(reading: Reading) -> None:
    reading.broker.brings(ONE, "a", 0)
    reading.broker.brings(TWO, "b", 1)
    assert await reading.after(0) == ["a behind 0", "b behind 1"]
    reading.caught_up = {0}
    assert [await reading.after(1), await reading.after(20)] == [[], []]
    reading.caught_up = {0, 1}
    assert [await reading.after(1), await reading.after(1)] == [[], ["caught up 0 1"]], "in one message"


async def test_a_partition_that_is_stuck_is_not_waited_for_longer_than_half_a_minute(reading: Reading) -> None:
    reading.broker.brings(ONE, "a", 0)
    reading.broker.brings(TWO, "b", 1)
    await reading.after(0)
    reading.caught_up = {0}
    await reading.after(1)
    assert [await reading.after(1), await reading.after(29), await reading.after(1)] == [[], [], ["caught up 0"]]
    reading.caught_up = {0, 1}
    assert [await reading.after(1), await reading.after(1)] == [[], ["caught up 1"]]


async def test_a_partition_of_alerts_whose_broker_is_away_is_not_waited_for(reading: Reading) -> None:
    reading.broker.brings(ONE, "a", 0)
    reading.caught_up = {0}
    assert await reading.after(0, ONE) == ["a behind 0"]
    assert [await reading.after(1, ONE), await reading.after(28, ONE)] == [[], []]
    assert await reading.after(2, ONE) == ["caught up 0"]


async def test_while_no_broker_answers_nothing_of_the_past_is_notified_of(reading: Reading) -> None:
    reading.broker.brings(ONE, "a", 0)
    reading.caught_up = {0}
    await reading.after(0)
    reading.now_ms += 60_000
    assert [timed.given for timed in await reading.reader.next(0)] == []
