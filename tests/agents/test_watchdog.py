"""When a worker is ended because nothing moves, and when it only waits for Kafka."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from faust.types import TP
from structlog.testing import capture_logs

from agents.engine.engine import Engine
from agents.engine.watchdog import Watchdog
from agents.fetching.refused_fetches import RefusedFetches


class Part:
    number = 0
    position = 10
    problem = ""


class Still:
    """An engine in which nothing happens by itself. Clocks begin at 1000 s."""

    def __init__(self) -> None:
        self.events_topic = "events"
        self.owned = {0: Part()}
        self.assignment = self.progress = self.flusher = self
        self.refused: dict[TP, str] = {}
        self.consumer = cast(Any, SimpleNamespace(knows_coordinator=True, refused=lambda: self.refused))
        self.moved_at: float | None = None
        self.is_asked = True
        self.answered: float | None = 1000.0
        self.waiting = 0
        self.position = 10
        self.is_there = True
        self.stops: list[str] = []
        self.topic, self.other_is_there = "events", True
        self.dog = Watchdog(
            cast(Engine, self),
            lambda: [self.backlog()],
            30.0,
            self._unreachable,
            self.stops.append,
            self._other_is_away,
        )

    def tp(self, number: int) -> TP:
        return TP("events", number)

    def is_asked_for(self, owned: object) -> bool:
        return self.is_asked

    def answered_at(self, owned: object) -> float | None:
        return self.answered

    def backlog(self) -> tuple[TP, int, int]:
        return TP(self.topic, 0), self.position, self.waiting

    async def _unreachable(self, numbers: Sequence[int]) -> str:
        assert list(numbers) == [0]
        return "" if self.is_there else "Kafka does not answer at 127.0.0.1:1."

    async def _other_is_away(self, tp: TP) -> str:
        assert tp == TP("alerts", 0)
        return "" if self.other_is_there else "The broker that leads it does not answer."

    async def look_until(self, seconds: float, *, answers: bool = True) -> None:
        """Look every two seconds, with a fetch answered right before each look unless told otherwise."""
        now = 1000.0
        while now <= 1000.0 + seconds:
            if answers:
                self.answered = now
            await self.dog.look(now, now)
            now += 2.0


@pytest.fixture
def still() -> Still:
    return Still()


async def test_an_idle_worker_is_left_alone(still: Still) -> None:
    await still.look_until(300)
    assert still.stops == []
    assert not still.dog.kafka_is_away


async def test_a_backlog_that_does_not_move_ends_the_worker(still: Still) -> None:
    still.waiting = 7
    await still.look_until(30)
    assert still.stops == []
    await still.look_until(32)
    assert still.stops[0] == "partition 0 of events has 7 records waiting and none was processed for 32 s"


async def test_a_partition_of_alerts_whose_broker_is_away_does_not_end_the_worker(still: Still) -> None:
    still.topic, still.waiting, still.other_is_there = "alerts", 7, False
    with capture_logs() as said:
        await still.look_until(70)
    assert still.stops == []
    assert [line["reason"] for line in said] == 2 * ["The broker that leads it does not answer."]
    still.other_is_there = True
    await still.look_until(200)
    assert "partition 0 of alerts has 7 records waiting" in still.stops[0]


async def test_a_backlog_that_moves_is_fine_however_long_it_is(still: Still) -> None:
    still.waiting = 1_000_000
    for second in range(0, 300, 2):
        still.position += 1
        still.answered = 1000.0 + second
        await still.dog.look(1000.0 + second, 1000.0 + second)
    assert still.stops == []


async def test_a_consumer_that_stopped_fetching_ends_the_worker_although_nothing_seems_to_wait(still: Still) -> None:
    await still.look_until(34, answers=False)
    assert still.stops == []
    await still.look_until(40, answers=False)
    assert "nothing was read or stored" in still.stops[0]


async def test_while_kafka_is_away_it_is_said_and_the_worker_stays(still: Still) -> None:
    still.is_there, still.waiting = False, 7
    await still.look_until(300, answers=False)
    assert still.stops == []
    assert still.dog.kafka_is_away
    still.is_there = True
    await still.look_until(10)
    assert not still.dog.kafka_is_away
    assert still.stops == []


async def test_a_way_that_is_cut_before_the_first_answer_is_said_too(still: Still) -> None:
    still.is_there, still.answered = False, None
    await still.look_until(4, answers=False)
    assert not still.dog.kafka_is_away
    await still.look_until(8, answers=False)
    assert still.dog.kafka_is_away
    assert still.stops == []


async def test_a_partition_that_nobody_asks_for_owes_no_answer(still: Still) -> None:
    still.is_there, still.is_asked, still.answered = False, False, None
    await still.look_until(300, answers=False)
    assert not still.dog.kafka_is_away
    assert still.stops == []


async def test_a_flush_that_is_never_acknowledged_ends_the_worker(still: Still) -> None:
    still.moved_at = 1000.0
    await still.look_until(34)
    assert still.stops == []
    await still.look_until(40)
    assert "nothing was read or stored" in still.stops[0]


async def test_a_long_flush_that_gets_on_is_no_standstill(still: Still) -> None:
    for second in range(0, 120, 4):
        still.moved_at = 1000.0 + second
        await still.look_until(second + 4)
    assert still.stops == []


async def test_a_clock_that_was_set_forward_does_no_harm(still: Still) -> None:
    await still.dog.look(1000.0, 1000.0)
    await still.dog.look(1002.0, 5000.0)  # no fetch was answered since the clock was set
    still.answered = 5002.0
    await still.dog.look(1004.0, 5002.0)
    assert still.stops == []


async def test_silence_is_said_before_anybody_has_looked_into_it(still: Still) -> None:
    assert still.dog.status(1004.0, 1004.0) == "ok"
    assert still.dog.status(1006.0, 1006.0) == "Kafka does not answer for partition 0 of events: silent for 6 s."
    still.answered = 1006.0
    assert still.dog.status(1007.0, 1007.0) == "ok"


async def test_why_kafka_is_waited_for_is_said_once_and_in_its_own_words(still: Still) -> None:
    still.is_there = False
    with capture_logs() as logs:
        await still.look_until(100, answers=False)
        assert still.dog.status(1100.0, 1100.0) == "Kafka does not answer at 127.0.0.1:1."
        still.is_there = True
        await still.look_until(10)
    assert [line["event"] for line in logs] == ["Kafka does not answer; waiting for it", "Kafka answers again"]
    assert logs[0]["reason"] == "Kafka does not answer at 127.0.0.1:1."


async def test_a_group_without_a_coordinator_is_said_although_records_come(still: Still) -> None:
    still.consumer.knows_coordinator = False
    await still.look_until(4)
    assert still.dog.status(1004.0, 1004.0) == "ok"
    await still.look_until(8)
    said = "Kafka does not answer for the consumer group: it has had no coordinator for 8 s."
    assert still.dog.status(1008.0, 1008.0) == said
    still.consumer.knows_coordinator = True
    await still.dog.look(1010.0, 1010.0)
    assert still.dog.status(1010.0, 1010.0) == "ok"
    assert still.stops == []


async def test_a_partition_that_its_broker_cannot_hand_out_says_so_and_ends_nothing(still: Still) -> None:
    still.waiting, still.refused = 7, {TP("events", 0): "it answers CORRUPT_MESSAGE"}
    with capture_logs() as logged:
        await still.look_until(300, answers=False)
    assert still.stops == []
    assert [(line["log_level"], line["partition"]) for line in logged] == [("error", 0)]
    assert still.owned[0].problem.startswith(
        "The broker cannot return partition 0 of events from offset 10 on: it answers CORRUPT_MESSAGE. Look at"
    )
    still.refused, still.waiting = {}, 0
    await still.look_until(2)
    assert still.owned[0].problem == ""


EVENTS = [TopicPartition("events", number) for number in (0, 1)]
ASKED = dict.fromkeys(EVENTS, 5)


def answer(*partitions: tuple[object, ...], version: int = 4) -> SimpleNamespace:
    """Of a broker: number, error code, end, last stable offset, aborted transactions, bytes."""
    return SimpleNamespace(API_VERSION=version, topics=[("events", list(partitions))])


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (2, "it answers CORRUPT_MESSAGE"),
        (56, "it answers KAFKA_STORAGE_ERROR"),
        (-1, "it answers UNKNOWN_SERVER_ERROR"),
        (0, "it answers nothing, although the log continues to offset 9"),
    ],
)
def test_a_refusal_counts_when_it_lasts_and_until_the_broker_hands_the_partition_out(code: int, word: str) -> None:
    refused = RefusedFetches()
    fine: tuple[object, ...] = (1, 0, 9, 9, [], b"batch")
    for now in (100.0, 105.0, 110.0):
        assert refused.note(answer((0, code, 9, 9, [], b""), fine), ASKED, now)
    assert list(refused.lasting(109.0)) == []
    assert list(refused.lasting(111.0)) == [(EVENTS[0], word)]
    assert list(refused.lasting(120.0)) == [], "nothing was asked any more"
    assert not refused.note(answer((0, 0, 9, 9, [], b"batch")), ASKED, 121.0)
    assert list(refused.lasting(122.0)) == []


@pytest.mark.parametrize("code", [1, 3, 6, 29, 74, 76, 78])
def test_a_leader_that_moved_or_an_offset_out_of_range_is_no_refusal(code: int) -> None:
    assert not RefusedFetches().note(answer((0, code, 9, 9, [], b"")), ASKED, 100.0)


def test_an_empty_answer_at_the_end_or_before_an_open_transaction_is_no_refusal() -> None:
    assert not RefusedFetches().note(answer((0, 0, 5, 5, [], b""), (1, 0, 9, 5, [], b"")), ASKED, 100.0)
    assert not RefusedFetches().note(answer((0, 0, 5, b""), version=3), ASKED, 100.0)
