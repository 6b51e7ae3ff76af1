"""The owner of the dispatcher alone, without a group, on topics of its own; and hands to put records in."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from agents.alerts.alert_headers import Ours, mark_headers
from agents.alerts.history_follower import HistoryStore
from agents.config import AgentsConfig
from agents.dispatch.codecs import StampedAct, decode_notification, encode_act
from agents.dispatch.input_reader import Sources
from agents.dispatch.owner import DispatchOwner, OwnerParts
from agents.engine.producer import Producer
from faults.evidence import read_log
from models.alert import Alert
from models.alert_codec import encode_alert
from streams.dispatch.config import DispatchConfig, default_config
from streams.dispatch.inputs import Act
from streams.dispatch.outputs import Notification
from tests.agents.support import make_topics, now_ms, send, until

QUIET = default_config()  # on-call after five minutes, which no test waits for
ALERTS_PARTITIONS = 2


async def make_all_topics(config: AgentsConfig) -> None:
    """With as many partitions of alerts as are read here."""
    await make_topics(config.kafka, config, ALERTS_PARTITIONS)


class Killed(Exception):
    """The process ended here."""


class KilledAt:
    """A failpoint at which the process ends when it is passed for the n-th time."""

    def __init__(self, place: str, nth: int) -> None:
        self._place, self._left = place, nth

    def __call__(self, place: str) -> None:
        if place == self._place:
            self._left -= 1
            if self._left == 0:
                raise Killed(place)


class Desk:
    """One process. `stops` holds the reasons for which it would have ended itself."""

    def __init__(
        self, config: AgentsConfig, producer: Producer, dispatch: DispatchConfig = QUIET,
        failpoint: Callable[[str], None] = lambda name: None, known_to: dict[int, int] | None = None,
        caught_up: Callable[[int], bool] = lambda partition: True, history: HistoryStore | None = None,
    ) -> None:  # fmt: skip
        self.stops: list[str] = []
        self.config = config
        ours = Ours(config.monitor_id, now_ms())
        sources = Sources(
            topics=config.topics, alerts_partitions=ALERTS_PARTITIONS, ours=ours, now_ms=now_ms,
            caught_up_at_ms=lambda partition: now_ms() if caught_up(partition) else None,
        )  # fmt: skip

        async def known() -> dict[int, int]:
            return known_to or {}

        self.owner = DispatchOwner(
            OwnerParts(
                kafka=config.kafka,
                producer=producer,
                config=lambda: dispatch,
                sources=lambda: sources,
                known_to=known,
                stop=self.stops.append,
                handover_seconds=20.0,
                failpoint=failpoint,
                history=history,
            )
        )

    def has_read(self, source: str, offset: int) -> bool:
        """Whether the owner has applied this record of a topic's partition."""
        state = self.owner.state
        return state is not None and state.meta.positions.get(source, -1) >= offset


@asynccontextmanager
async def owning(
    config: AgentsConfig, dispatch: DispatchConfig = QUIET, failpoint: Callable[[str], None] = lambda name: None,
    known_to: dict[int, int] | None = None, caught_up: Callable[[int], bool] = lambda partition: True,
    history: HistoryStore | None = None,
) -> AsyncIterator[Desk]:  # fmt: skip
    """An owner, started, and stopped in order at the end."""
    producer = Producer(config.kafka)
    await producer.start()
    desk = Desk(config, producer, dispatch, failpoint, known_to, caught_up, history)
    try:
        desk.owner.assign()
        yield desk
    finally:
        await desk.owner.revoke()
        await producer.stop()


async def put_alert(
    producer: AIOKafkaProducer, config: AgentsConfig, alert: Alert, partition: int = 0, *, is_behind: bool = False
) -> int:
    """A transition of the core; its offset."""
    headers = [(name, value or b"") for name, value in mark_headers(config.monitor_id, partition, is_behind)]
    return await send(producer, config.topics.alerts, partition, alert.alert_key.encode(), encode_alert(alert), headers)


async def put_act(producer: AIOKafkaProducer, config: AgentsConfig, act: Act, act_id: str) -> int:
    """An act of a person; its offset."""
    value = encode_act(StampedAct(act_id=act_id, at_ms=now_ms(), act=act))
    return await send(producer, config.topics.acts, 0, None, value)


async def notifications(config: AgentsConfig) -> list[Notification]:
    """What lies in the topic, oldest first within each receiver."""
    found = []
    for number in range(ALERTS_PARTITIONS):
        for record in await read_log(_address(config), config.topics.notifications, number):
            notification = decode_notification(record.value)
            assert notification is not None
            found.append(notification)
    return found


def _address(config: AgentsConfig) -> str:
    return str(config.kafka.bootstrap_servers)


def told(found: Sequence[Notification]) -> list[str]:
    """`team p1` and `team -p1` for a firing and its end; repetitions of one id once."""
    unique = {each.notification_id: each for each in found}
    return [
        f"{each.receiver} {' '.join(('-' if a.ends_at_ms else '') + a.project_id for a in each.alerts)}"
        for each in unique.values()
    ]


async def until_notified(config: AgentsConfig, count: int) -> list[Notification]:
    """Wait for so many different notifications."""
    started = time.monotonic()
    while True:
        found = await notifications(config)
        if len({each.notification_id for each in found}) >= count:
            return found
        assert time.monotonic() - started < 60, f"only {told(found)}"


__all__ = ["until"]
