"""Where the history is read from, and that it lacks nothing and repeats nothing, on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from agents.alerts.alert_headers import Ours, mark_headers
from agents.alerts.history_follower import HistoryFollower, HistoryStore, first_missing
from models.alert import Alert
from models.alert_codec import encode_alert
from tests.agents.support import Rig, config_for, make_topics, producing, running, send, until
from tests.alert_sinks.support import an_alert


def record(number: int) -> bytes:
    """A transition with a title of its own."""
    return encode_alert(an_alert(title=f"alert {number}"))


@pytest.mark.parametrize(
    ("last", "beginning", "end", "newest_only", "start"),
    [
        (None, 3, 9, None, 3),  # nothing is kept yet
        (6, 3, 9, None, 7),  # it goes on
        (8, 3, 9, None, 9),  # nothing is missing
        (1, 3, 9, None, 3),  # some expired before they were read
        (700, 0, 9, None, 0),  # of a topic that was made anew
        (9, 0, 9, None, 0),  # the same: no offset 9 was ever written
        (None, 0, 900, 100, 800),  # the newest of a topic
        (850, 0, 900, 100, 851),
    ],
)
def test_reading_begins_at_the_first_transition_that_is_missing(
    last: int | None, beginning: int, end: int, newest_only: int | None, start: int
) -> None:
    assert first_missing(last, beginning, end, newest_only) == start


class Table:
    """A history that may be away. It takes a repetition without a word, as the real one does."""

    def __init__(self, newest_only: int | None = None) -> None:
        self.is_away = False
        self.kept: dict[tuple[int, int], str] = {}
        self.order: list[tuple[int, int]] = []
        self.asked = 0
        self.as_history = HistoryStore(self._append, self._last_offsets, newest_only)

    async def _append(self, alert: Alert, partition: int, offset: int) -> bool:
        if not self.is_away and (partition, offset) not in self.kept:
            self.kept[partition, offset] = alert.title
            self.order.append((partition, offset))
        return not self.is_away

    async def _last_offsets(self) -> dict[int, int]:
        self.asked += 1
        if self.is_away:
            raise ConnectionError("PostgreSQL does not answer.")
        last: dict[int, int] = {}
        for partition, offset in self.order:
            last[partition] = offset
        return last


class Owner:
    """A follower of the topic `t` with two partitions, and what it owns of it."""

    def __init__(self, topic: str, broker: str, table: Table) -> None:
        self.owned = frozenset((0, 1))
        self.follower = HistoryFollower(
            topic, broker, table.as_history, lambda: self.owned, lambda: 2, Ours("monitor", 0)
        )


@asynccontextmanager
async def following(owner: Owner) -> AsyncIterator[None]:
    task = asyncio.create_task(owner.follower.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def topic(broker: str, topic_prefix: str, tmp_path: Path) -> str:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    return config.topics.alerts


@pytest.mark.broker
async def test_a_history_that_was_away_has_everything_once_when_it_is_back(broker: str, topic: str) -> None:
    table = Table()
    table.is_away = True  # already at the start
    owner = Owner(topic, broker, table)
    async with producing(broker) as producer, following(owner):
        for number in range(3):
            await send(producer, topic, 0, b"k", record(number))
        await until(lambda: "PostgreSQL does not answer" in owner.follower.status)
        table.is_away = False
        await until(lambda: len(table.order) == 3)
        assert owner.follower.status == "ok"
        table.is_away = True  # and in the middle
        for number in range(3, 6):
            await send(producer, topic, 0, b"k", record(number))
        await until(lambda: owner.follower.status != "ok")
        table.is_away = False
        await until(lambda: len(table.order) == 6)
    assert table.order == [(0, offset) for offset in range(6)]
    assert [table.kept[0, offset] for offset in range(6)] == [f"alert {number}" for number in range(6)]


@pytest.mark.broker
async def test_a_new_owner_asks_how_far_the_history_is_and_appends_its_own_partitions_alone(
    broker: str, topic: str
) -> None:
    table = Table()
    owner = Owner(topic, broker, table)
    owner.owned = frozenset()
    async with producing(broker) as producer, following(owner):
        for number in range(4):
            await send(producer, topic, number % 2, b"k", record(number))
        owner.owned = frozenset((1,))
        await until(lambda: len(table.order) == 2)
        asked = table.asked
        owner.owned = frozenset((0, 1))
        await until(lambda: len(table.order) == 4)
        assert table.asked > asked
    assert table.order == [(1, 0), (1, 1), (0, 0), (0, 1)]


@pytest.mark.broker
async def test_a_history_that_nobody_shares_is_filled_from_all_partitions_with_the_newest(
    broker: str, topic: str
) -> None:
    table = Table(newest_only=3)
    owner = Owner(topic, broker, table)
    owner.owned = frozenset()
    async with producing(broker) as producer:
        for number in range(5):
            await send(producer, topic, 0, b"k", record(number))
        await send(producer, topic, 1, b"k", record(9))
        async with following(owner):
            await until(lambda: len(table.order) == 4)
    assert sorted(table.order) == [(0, 2), (0, 3), (0, 4), (1, 0)]


@pytest.mark.broker
async def test_a_record_that_is_no_alert_holds_nothing_up(broker: str, topic: str) -> None:
    table = Table()
    owner = Owner(topic, broker, table)
    async with producing(broker) as producer, following(owner):
        for value in (b"not an alert", None, record(2)):
            await send(producer, topic, 0, b"k", value)
        await until(lambda: table.order == [(0, 2)])


@pytest.mark.broker
async def test_what_a_core_emits_after_an_act_is_passed_over_because_the_dispatcher_appends_the_act(
    broker: str, topic: str
) -> None:
    table = Table()
    owner = Owner(topic, broker, table)
    async with producing(broker) as producer, following(owner):
        for number, follows_act in enumerate((False, True, False)):
            headers = [(k, v or b"") for k, v in mark_headers("monitor", 0, False)]
            headers += [("follows_act", b"1")] * follows_act
            await producer.send_and_wait(topic, record(number), b"k", 0, headers=headers)
        await until(lambda: table.order == [(0, 0), (0, 2)])


@pytest.mark.broker
async def test_the_history_of_a_topic_that_was_made_anew_begins_anew(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    table = Table()
    table.order.append((0, 500))  # of the topic before
    owner = Owner(config.topics.alerts, broker, table)
    async with producing(broker) as producer:
        await send(producer, config.topics.alerts, 0, b"k", record(0))
        async with following(owner):
            await until(lambda: (0, 0) in table.kept)


@pytest.mark.broker
async def test_a_worker_appends_what_it_owns(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig), producing(broker) as producer:
        rig.history_is_away = True
        await send(producer, rig.topics.alerts, 1, b"k", record(0))
        await until(lambda: rig.runtime.history.status != "ok")
        rig.history_is_away = False
        await until(lambda: [place[1:] for place in rig.history] == [(1, 0)])
