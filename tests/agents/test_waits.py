"""What waits is said after half a minute: which partition, from which offset on, for what, and how long."""

from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from agents.engine.engine import Engine
from agents.engine.ownership import PartitionPhase
from agents.engine.waits import Wait, Waits, WaitsFor, long_waits


class Stored:
    """A partition of which everything is stored."""

    unstored = 0

    @property
    def checkpointer(self) -> "Stored":
        return self


class Part:
    """A live partition, read to offset 100."""

    def __init__(self) -> None:
        self.topic = "events"
        self.phase = PartitionPhase.LIVE
        self.problem = ""
        self.inbox = False
        self.position = 100
        self.partition = Stored()

    @property
    def is_live(self) -> bool:
        return self.phase is PartitionPhase.LIVE


class Standing:
    """An engine with one partition, in which nothing happens by itself."""

    def __init__(self) -> None:
        self.part = Part()
        self.owned = {3: self.part}
        self.progress = self.flusher = self
        self.most_unstored = 1000
        self.readable = 0
        self.in_log: int | None = 0
        self.waits = Waits(cast(Engine, self))

    def lag(self, owned: Any) -> int:
        return self.readable

    def waiting(self, owned: Any) -> int | None:
        return self.in_log

    def look_for(self, seconds: int) -> list[Wait]:
        """Look every second, from second 1000 on."""
        for second in range(seconds + 1):
            self.waits.look(1000.0 + second)
        return self.waits.now(1000.0 + seconds)


@pytest.fixture
def standing() -> Standing:
    return Standing()


def test_a_partition_that_is_read_to_its_end_waits_for_nothing(standing: Standing) -> None:
    assert standing.look_for(100) == []


def test_events_behind_an_open_transaction_are_said_once_after_half_a_minute(standing: Standing) -> None:
    standing.in_log = 12
    with capture_logs() as logs:
        assert long_waits(standing.look_for(29)) == []
        assert logs == []
        (wait,) = long_waits(standing.look_for(45))
    assert wait == Wait("events", 3, 100, 12, WaitsFor.TRANSACTION, 45.0)
    assert wait.sentence() == (
        "12 events of partition 3 of events from offset 100 on have waited 45 s behind a transaction that its producer "
        "has not ended; the broker ends it after the producer's transaction.timeout.ms."
    )
    (line,) = logs
    assert (line["event"], line["partition"], line["offset"], line["waits_for"], line["seconds"]) == (
        "a partition is blocked", 3, 100, "transaction", 30,
    )  # fmt: skip


def test_a_transaction_that_ends_is_said_and_the_next_one_waits_anew(standing: Standing) -> None:
    standing.in_log = 12
    standing.look_for(45)
    standing.part.position = 112
    with capture_logs() as logs:
        standing.waits.look(1046.0)
    assert [(line["event"], line["waited_for"], line["seconds"]) for line in logs] == [
        ("a partition continues", "transaction", 46)
    ]
    assert [wait.seconds for wait in standing.waits.now(1050.0)] == [4.0]


def test_reading_back_and_pauses_are_waits_however_far_they_get(standing: Standing) -> None:
    standing.part.phase = PartitionPhase.RECOVERING
    standing.look_for(20)
    standing.part.position = 7
    (wait,) = standing.look_for(40)
    assert (wait.waits_for, wait.events, wait.seconds) == (WaitsFor.RECOVERY, None, 40.0)
    standing.part.phase, standing.part.problem, standing.readable = PartitionPhase.LIVE, "many dead letters", 4
    standing.waits.look(1041.0)
    standing.part.position = 27  # a few were tried
    standing.waits.look(1075.0)
    (wait,) = standing.waits.now(1075.0)
    assert (wait.waits_for, wait.offset, wait.seconds) == (WaitsFor.DEAD_LETTERS, 27, 34.0)


def test_events_that_are_there_and_not_taken_wait_for_storing_or_for_nobody_knows_what(standing: Standing) -> None:
    standing.readable = standing.in_log = 1
    assert [wait.waits_for for wait in standing.look_for(1)] == [WaitsFor.TAKING]
    standing.part.partition.unstored = 1000
    assert [wait.waits_for for wait in standing.look_for(1)] == [WaitsFor.STORING]
    assert standing.waits.now(1001.0)[0].sentence() == (
        "1 event of partition 3 of events from offset 100 on has waited 1 s until earlier events are stored."
    )


def test_a_partition_that_went_to_another_worker_waits_no_longer_here(standing: Standing) -> None:
    standing.in_log = 12
    standing.look_for(45)
    standing.owned.clear()
    assert standing.waits.now(1046.0) == []
    standing.waits.look(1047.0)
    assert standing.waits.now(1047.0) == []
