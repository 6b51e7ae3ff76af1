"""Ends a worker that makes no progress although Kafka answers; a consumer can stop fetching for good and only log it.

While Kafka, or a broker that leads its partitions, is unavailable, it only reports that: a restart would lose the views
and gain nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from faust.types import TP

from agents.engine.engine import Engine
from agents.engine.ownership import Owned
from agents.kafka.reach import named

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 2.0
AWAY_AFTER_SECONDS = 5.0  # without an answer, before it is reported


_REFUSED = "The broker cannot return"


def _refusal(tp: TP, position: int, word: str) -> str:
    return (
        f"{_REFUSED} partition {tp.partition} of {tp.topic} from offset {position} on: {word}. Look at the broker's "
        f"log and its disk and restore the partition from another replica; if there is none, remove what is damaged "
        f"with kafka-delete-records, and the monitor continues after it."
    )


class Watchdog:
    """Its parameters:

    - `backlogs` returns partition, position and waiting records of each partition that should make progress.
    - `stalled_seconds` limits how long records wait untaken, reading gets no answer, and a flush makes no progress.
    - `unreachable` asks Kafka for partitions of the events topic over its own connection, and returns in one sentence
      why they do not answer, "" if they do.
    - `stop` ends the worker, with the reason.
    - `other_is_away` does the same as `unreachable` for a partition of another topic.
    - `others_refused` returns those of other topics that their brokers refuse, and the brokers' word for it.
    """

    def __init__(
        self,
        engine: Engine,
        backlogs: Callable[[], Iterable[tuple[TP, int, int]]],
        stalled_seconds: float,
        unreachable: Callable[[Sequence[int]], Awaitable[str]],
        stop: Callable[[str], None],
        other_is_away: Callable[[TP], Awaitable[str]] | None = None,
        others_refused: Callable[[], dict[TP, str]] = dict,
    ) -> None:
        self.away = ""  # why the worker waits for Kafka, in one sentence
        self._engine = engine
        self._backlogs = backlogs
        self._stalled_seconds = stalled_seconds
        self._unreachable = unreachable
        self._stop = stop
        self._other_is_away = other_is_away
        self._others_refused = others_refused
        self._silent_since: float | None = None
        self._ungrouped_since: float | None = None  # the group has no coordinator, as far as the consumer knows
        self._asked: dict[Owned, float] = {}  # partitions that are asked for, and when that was first seen
        self._moved: dict[TP, tuple[int | None, float]] = {}  # position, when it was first seen there
        self._refused: dict[TP, str] = {}  # not handed out by a broker that answers, and its word for it

    @property
    def kafka_is_away(self) -> bool:
        """Whether the worker waits for Kafka."""
        return bool(self.away)

    def status(self, now: float, wall_clock: float) -> str:
        """ "ok", or one sentence of what does not answer; as `look` has the clocks."""
        if self.away:
            return self.away
        silent = self._silent(now, wall_clock)
        if silent:
            since = max(silent.values())
            where = named(self._engine.assignment.events_topic, list(silent))
            return f"Kafka does not answer for {where}: silent for {since:.0f} s."
        if self._ungrouped_since is not None and now - self._ungrouped_since > AWAY_AFTER_SECONDS:
            seconds = now - self._ungrouped_since
            return f"Kafka does not answer for the consumer group: it has had no coordinator for {seconds:.0f} s."
        return "ok"

    async def look(self, now: float, wall_clock: float) -> None:
        """`now` is a monotonic clock, `wall_clock` what brokers' answers are stamped with, both in seconds."""
        self._look_at_refusals()
        silent = self._silent(now, wall_clock)
        if silent:
            self._silent_since = now if self._silent_since is None else self._silent_since
            self._note(await self._unreachable(sorted(silent)))
        else:
            self._silent_since = None
            self._note("")
        self._look_at_group(now)
        if self.kafka_is_away:
            self._silent_since = None
            self._moved.clear()
            return
        if self._silent_since is not None and now - self._silent_since > self._stalled_seconds:
            self._stop(f"Kafka answers, but nothing was read or stored for {now - self._silent_since:.0f} s")
        for tp, position, waiting in list(self._backlogs()):
            if tp not in self._refused:
                await self._look_at(tp, position, waiting, now)

    def _look_at_refusals(self) -> None:
        """Pause only the partition that its broker cannot read, and report the reason."""
        engine, before = self._engine, self._refused
        of_events = {} if engine.assignment.consumer is None else engine.assignment.consumer.refused()
        self._refused = of_events | self._others_refused()
        for tp, word in self._refused.items():
            if tp not in before:
                log.error("a broker does not return the records of a partition; the others continue", topic=tp.topic,
                          partition=tp.partition, answer=word)  # fmt: skip
        for owned in list(engine.owned.values()):
            tp = engine.assignment.tp(owned.number)
            if tp in self._refused and not owned.problem:
                owned.problem = _refusal(tp, owned.position, self._refused[tp])
            elif tp in before and tp not in self._refused and owned.problem.startswith(_REFUSED):
                owned.problem = ""

    def _look_at_group(self, now: float) -> None:
        consumer = self._engine.assignment.consumer
        if consumer is None or consumer.knows_coordinator:
            self._ungrouped_since = None
        elif self._ungrouped_since is None:
            self._ungrouped_since = now

    async def _look_at(self, tp: TP, position: int, waiting: int, now: float) -> None:
        known, since = self._moved.get(tp, (None, now))
        if not waiting or position != known:
            self._moved[tp] = (position, now)
        elif now - since > self._stalled_seconds:
            away = "" if self._other_is_away is None or self._is_of_events(tp) else await self._other_is_away(tp)
            if away:
                log.warning("a partition cannot be read; the others continue", topic=tp.topic, partition=tp.partition,
                            position=position, reason=away)  # fmt: skip
                self._moved[tp] = (position, now)
                return
            self._stop(
                f"partition {tp.partition} of {tp.topic} has {waiting} records waiting and none was processed for "
                f"{now - since:.0f} s"
            )

    def _is_of_events(self, tp: TP) -> bool:
        return bool(tp.topic == self._engine.assignment.events_topic)

    def _silent(self, now: float, wall_clock: float) -> dict[int, float]:
        """Partitions whose fetch or flush got no answer for some time, and for how many seconds."""
        silences = {
            owned.number: wall_clock - heard
            for owned, heard in self._heard_at(wall_clock).items()
            if wall_clock - heard > AWAY_AFTER_SECONDS
        }
        moved = self._engine.flusher.moved_at
        if moved is not None and now - moved > AWAY_AFTER_SECONDS:
            silences |= {number: now - moved for number in self._engine.owned if number not in silences}
        return silences

    def _heard_at(self, wall_clock: float) -> dict[Owned, float]:
        """When each partition that is asked for was last answered, or else first seen to be asked for: the way to a
        broker may be cut before its first answer."""
        engine, known = self._engine, self._asked
        asked = [
            owned
            for owned in engine.owned.values()
            if engine.progress.is_asked_for(owned) and engine.assignment.tp(owned.number) not in self._refused
        ]
        self._asked = {owned: known.get(owned, wall_clock) for owned in asked}
        answers = {owned: engine.progress.answered_at(owned) for owned in asked}
        return {owned: self._asked[owned] if at is None else at for owned, at in answers.items()}

    def _note(self, away: str) -> None:
        if away and not self.away:
            log.warning("Kafka does not answer; waiting for it", reason=away)
        elif self.away and not away:
            log.info("Kafka answers again")
        self.away = away

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            await self.look(time.monotonic(), time.time())
