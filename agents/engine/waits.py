"""What waits, for what, and since when: partitions whose next event is not applied although it is there.

A long wait is logged, with partition, offset and how long; the broker's idea of an end alone decides nothing.
"""

from collections.abc import Sequence
from enum import Enum

import msgspec
import structlog

from agents.engine.engine import Engine
from agents.engine.ownership import Owned, PartitionPhase

log = structlog.get_logger(__name__)

LONG_SECONDS = 30.0


class WaitsFor(Enum):
    """What a partition waits for."""

    RECOVERY = "recovery"  # its state is being read back
    TRANSACTION = "transaction"  # a producer has begun one and not ended it
    DEAD_LETTERS = "dead_letters"  # the pause after many in a row
    STORING = "storing"  # what was taken must be stored first
    TAKING = "taking"  # events are there, and none is taken


class Wait(msgspec.Struct, frozen=True):
    """One partition's. `offset` is the next event to be applied."""

    topic: str
    partition: int
    offset: int
    events: int | None  # that wait, as far as that is known
    waits_for: WaitsFor
    seconds: float

    def sentence(self) -> str:
        """For people."""
        many = "Events" if self.events is None else f"{self.events} event{'' if self.events == 1 else 's'}"
        have = "has" if self.events == 1 else "have"
        where = f"of partition {self.partition} of {self.topic} from offset {self.offset} on"
        return f"{many} {where} {have} waited {self.seconds:.0f} s {_REASONS[self.waits_for]}."


_REASONS = {
    WaitsFor.RECOVERY: "until its state is recovered",
    WaitsFor.TRANSACTION: (
        "behind a transaction that its producer has not ended; the broker ends it after the producer's "
        "transaction.timeout.ms"
    ),
    WaitsFor.DEAD_LETTERS: "after many dead letters in a row; see their dl_reason",
    WaitsFor.STORING: "until earlier events are stored",
    WaitsFor.TAKING: "and none is processed",
}


class _Begun(msgspec.Struct):
    waits_for: WaitsFor
    offset: int  # that the wait began at; -1 if reading on does not end it
    since: float
    is_said: bool = False


class Waits:
    """The waits of all partitions of an engine; call `look` about every second."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._begun: dict[int, _Begun] = {}

    def look(self, now: float) -> None:
        """`now` is a monotonic clock in seconds. Logs once what has waited for long, and when it goes on."""
        owned = self._engine.owned
        for number in [number for number in self._begun if number not in owned]:
            del self._begun[number]
        for number, each in list(owned.items()):
            self._look_at(number, each, now)

    def _look_at(self, number: int, owned: Owned, now: float) -> None:
        waits_for, begun = self._waits_for(owned), self._begun.get(number)
        offset = -1 if waits_for in (WaitsFor.RECOVERY, WaitsFor.DEAD_LETTERS) else owned.position
        if begun is not None and (waits_for is not begun.waits_for or offset != begun.offset):
            if begun.is_said:
                log.info("a partition continues", partition=number, offset=owned.position,
                         waited_for=begun.waits_for.value, seconds=round(now - begun.since))  # fmt: skip
            del self._begun[number]
            begun = None
        if waits_for is None:
            return
        begun = self._begun.setdefault(number, _Begun(waits_for, offset, now))
        if not begun.is_said and now - begun.since >= LONG_SECONDS:
            begun.is_said = True
            wait = self._wait(number, begun, now)
            log.warning("a partition is blocked", partition=number, offset=wait.offset, events=wait.events,
                        waits_for=waits_for.value, seconds=round(wait.seconds), reason=wait.sentence())  # fmt: skip

    def _waits_for(self, owned: Owned) -> WaitsFor | None:
        engine = self._engine
        if owned.phase is PartitionPhase.RECOVERING:
            return WaitsFor.RECOVERY
        if owned.problem:
            return WaitsFor.DEAD_LETTERS
        if owned.inbox or engine.progress.lag(owned):
            is_full = owned.partition.checkpointer.unstored >= engine.flusher.most_unstored
            return WaitsFor.STORING if is_full else WaitsFor.TAKING
        return WaitsFor.TRANSACTION if engine.progress.waiting(owned) else None

    def now(self, now: float) -> list[Wait]:
        """All waits as they are."""
        return [
            self._wait(number, begun, now)
            for number, begun in sorted(self._begun.items())
            if number in self._engine.owned
        ]

    def _wait(self, number: int, begun: _Begun, now: float) -> Wait:
        owned = self._engine.owned[number]
        events = None if owned.phase is PartitionPhase.RECOVERING else self._engine.progress.waiting(owned)
        return Wait(owned.topic, number, owned.position, events, begun.waits_for, now - begun.since)


def long_waits(waits: Sequence[Wait]) -> list[Wait]:
    """Those that are to be said."""
    return [wait for wait in waits if wait.seconds >= LONG_SECONDS]
