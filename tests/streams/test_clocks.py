"""Producers whose clocks are ahead, behind or jump, and a worker whose own clock is set: what is settled, told and
counted, by the watch of somebody who looks on; and that live, in a replay and after a crash it comes to the same.

Every number of a story is seconds of that true watch. A record's time is the broker's ("append") or its producer's.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from faults.facts import counts
from models.alert import Alert
from models.event import Event, EventType
from streams.partition.partition import Partition
from streams.project.fingerprint import fingerprint
from streams.project.step import NO_CLOCK
from streams.rates import performance
from tests.streams.driving import CONFLICT, FAILURE, INTEGRITY, at_ms, core_with
from tests.streams.stored import Stored

CORE = core_with(FAILURE, CONFLICT, INTEGRITY)
IDLE = 2.0  # seconds at which the clock of an idle partition follows the wall
AHEAD = BEHIND = 240.0


@dataclass
class Watch:
    """A worker with one partition, watched. `worker_skew`: how far its own clock is ahead of the true one."""

    times: str = "append"
    worker_skew: float = 0.0
    now: float = 0.0
    quiet_since: float = 0.0
    partition: Partition = field(default_factory=lambda: Partition(CORE, 0, Stored()))
    records: list[tuple[Event, int]] = field(default_factory=list)
    told: list[tuple[float, Alert]] = field(default_factory=list)

    def send(self, project: str, kind: EventType, skew: float = 0.0, **fields: Any) -> None:
        """An event of a producer whose clock is ahead by `skew` is written, and read at once."""
        name = f"ev-{len(self.records)}"
        event = Event(name, kind, project, at_ms(self.now + skew), name, **fields)
        self.records.append((event, at_ms(self.now + (skew if self.times == "create" else 0))))
        self._take(len(self.records) - 1)
        self.quiet_since = self.now

    def created(self, project: str, number: int, skew: float = 0.0) -> None:
        """An episode with this number."""
        self.send(project, EventType.CREATED, skew, episode_id=f"ep-{number}", episode_number=number)

    def failed(self, project: str, skew: float = 0.0) -> None:
        """A failed creation."""
        self.send(project, EventType.CREATION_FAILED, skew)

    def _take(self, offset: int) -> None:
        event, written_ms = self.records[offset]
        self.partition.take(event, offset, written_ms, at_ms(self.now + self.worker_skew))
        self._note()

    def _note(self) -> None:
        told, self.partition.emits = self.partition.emits, []
        self.told += [(self.now, alert) for alert in told]

    def wait_until(self, moment: float, busy: bool = False) -> None:
        """Time passes; while nothing comes the partition's clock follows that of the worker. `busy`: another project's
        producer, whose clock is right, tells something every second instead."""
        while self.now < moment:
            self.now += 1
            if busy:
                self.send("busy", EventType.CREATED, episode_id=f"ep-{self.now}", episode_number=1 + int(self.now))
            elif self.now - self.quiet_since >= IDLE:
                self.partition.advance_clock(at_ms(self.now + self.worker_skew - IDLE))
                self._note()

    def firings(self, project: str) -> list[tuple[float, float]]:
        """Of a project's integrity alerts: when each was told, and from when it says that it fires."""
        return [
            (round(when), (alert.starts_at_ms - at_ms(0)) / 1000)
            for when, alert in self.told
            if alert.project_id == project and alert.rule_id == "integrity" and alert.reason == "threshold_crossed"
        ]

    def hashes(self) -> dict[str, str]:
        """Of all projects."""
        return hashes(self.partition)

    def replayed(self, with_times: bool = True) -> dict[str, str]:
        """The same records without any clock, as from the topic or, without their times, from a file."""
        partition = Partition(CORE, 0, Stored(), apart=True)
        for offset, (event, written_ms) in enumerate(self.records):
            partition.take(event, offset, written_ms if with_times else NO_CLOCK)
        partition.run_due()
        return hashes(partition)

    def check(self) -> None:
        """What holds of every story: nothing is told of the future, and live and replay come to the same hash."""
        self.check_told()
        assert self.hashes() == self.replayed() == self.replayed(with_times=False)

    def check_told(self) -> None:
        """No alert begins or ends in the future."""
        for when, alert in self.told:
            moments = [alert.starts_at_ms, alert.updated_at_ms, alert.ends_at_ms or 0]
            assert max(moments) <= at_ms(when + max(0.0, self.worker_skew)), alert


def hashes(partition: Partition) -> dict[str, str]:
    found = {}
    for project, _ in partition.heads():
        state = partition.state(project)
        assert state is not None
        found[project] = fingerprint(state)
    return found


@pytest.mark.parametrize("times", ["append", "create"])
def test_a_producer_that_is_ahead_settles_nothing_of_its_neighbours(times: str) -> None:
    watch = Watch(times)
    watch.created("neighbour", 2)  # number 1 is missing
    watch.wait_until(10)
    watch.created("ahead", 1, AHEAD)
    watch.wait_until(59)
    watch.created("ahead", 2, AHEAD)
    assert watch.firings("neighbour") == []
    watch.created("neighbour", 1)
    watch.wait_until(600)
    assert watch.firings("neighbour") == []
    watch.check()


@pytest.mark.parametrize("busy", [True, False])
@pytest.mark.parametrize("times", ["append", "create"])
def test_a_gap_of_a_producer_that_is_ahead_settles_in_a_minute_of_the_watch(times: str, busy: bool) -> None:
    watch = Watch(times)
    watch.created("ahead", 2, AHEAD)
    watch.wait_until(30, busy)
    watch.created("ahead", 3, AHEAD)
    watch.wait_until(59, busy)
    assert watch.firings("ahead") == []
    watch.wait_until(63, busy)
    assert watch.firings("ahead") == [(60 if busy else 62, 60)]
    watch.wait_until(400, busy)
    watch.check()


@pytest.mark.parametrize("busy", [True, False])
def test_a_gap_of_a_producer_that_is_behind_settles_in_a_minute_of_the_watch(busy: bool) -> None:
    watch = Watch("append")
    watch.created("behind", 2, -BEHIND)
    watch.wait_until(59, busy)
    assert watch.firings("behind") == []
    watch.wait_until(63, busy)
    assert watch.firings("behind") == [(60 if busy else 62, 60 - BEHIND)], "event time is its producer's"
    watch.check()


def test_all_producers_ahead_settle_in_a_minute_of_the_watch() -> None:
    for times in ("append", "create"):
        watch = Watch(times)
        for second in range(0, 120, 10):
            watch.wait_until(second)
            watch.created("p", 2 + second // 10, AHEAD)  # number 1 is missing
            watch.created("q", 1 + second // 10, AHEAD)
        assert watch.firings("p") == [(60, 60)]
        assert watch.firings("q") == []
        watch.check()


@pytest.mark.parametrize("times", ["append", "create"])
def test_a_clock_that_jumps_dates_every_hole_by_the_watch(times: str) -> None:
    watch = Watch(times)
    watch.created("p", 2, AHEAD)
    watch.wait_until(20)
    watch.created("p", 1, 0)  # the first hole is filled in time
    watch.wait_until(30)
    watch.created("p", 4, 0)  # number 3 is missing
    watch.wait_until(40)
    watch.created("p", 5, AHEAD)
    watch.wait_until(89)
    assert watch.firings("p") == []
    watch.wait_until(93)
    assert watch.firings("p") == [(92, 90)]
    watch.check_told()
    if times == "append":
        assert watch.hashes() == watch.replayed(), "else nothing but the worker's clock knew what was late"


def test_events_on_time_are_not_late_by_one_that_was_ahead() -> None:
    for times in ("append", "create"):
        watch = Watch(times)
        watch.failed("p", AHEAD)
        watch.wait_until(100)
        watch.failed("p")
        watch.failed("p", -59)
        state = watch.partition.state("p")
        assert state is not None
        assert state.late == 0
        assert counts(state.totals) == {"attempted": 3, "ended": 3, "failed": 3}
        watch.failed("p", -61)
        assert state.late == 1, "the grace is what it says"


def test_an_alert_of_an_event_that_is_ahead_begins_now_and_ends_a_minute_after_the_event_has_left_the_window() -> None:
    watch = Watch("create")
    watch.failed("p", AHEAD)
    told = [(when, alert.status.value, alert.starts_at_ms, alert.ends_at_ms) for when, alert in watch.told]
    assert told == [(0, "firing", at_ms(0), None)]
    gone = 900 + AHEAD + 60  # the window without it is final
    watch.wait_until(gone)
    assert len(watch.told) == 1
    watch.wait_until(gone + IDLE)
    when, ended = watch.told[-1]
    assert (when, ended.status.value, ended.ends_at_ms) == (gone + IDLE, "resolved", at_ms(gone))
    watch.check()


def test_what_is_ahead_counts_at_once_and_once_in_the_window_of_now() -> None:
    watch = Watch("append")
    watch.failed("p", AHEAD)
    state = watch.partition.state("p")
    assert state is not None
    seen = []
    for moment in (0, 239, 240, 241, 900, 1139, 1140):
        operations, _ = performance.window_of_now(state.series, 15, at_ms(moment))
        seen.append(counts(operations).get("failed", 0))
    assert seen == [1, 1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("times", ["append", "create"])
def test_a_workers_clock_that_is_set_back_settles_nothing_early(times: str) -> None:
    watch = Watch(times)
    watch.created("busy", 1)
    watch.wait_until(10, busy=True)
    watch.worker_skew = -AHEAD
    watch.created("p", 2)  # number 1 is missing
    watch.wait_until(69, busy=True)
    assert watch.firings("p") == []
    watch.worker_skew = 0.0  # and set right again
    watch.wait_until(71, busy=True)
    assert watch.firings("p") == [(70, 70)]
    watch.check()


def test_a_workers_clock_that_is_set_ahead_dates_nothing_by_itself() -> None:
    watch = Watch("append")
    watch.wait_until(10, busy=True)
    watch.worker_skew = 3600.0  # an idle partition does not follow such a clock for a while: `agents.engine.idle`
    watch.created("p", 2)
    watch.wait_until(71, busy=True)
    assert watch.firings("p") == [(70, 70)]
    watch.check()


def test_what_is_read_again_after_a_crash_is_told_under_the_same_ids() -> None:
    """The producer's clock is ahead, and its records bear that clock's time: the worker's clock alone says so."""
    first, again = Watch("create"), Watch("create")
    for watch in (first, again):
        watch.now = 5.0 if watch is first else 65.0
        event = Event("e", EventType.CREATION_FAILED, "p", at_ms(100), "e")
        watch.partition.take(event, 0, at_ms(100), at_ms(watch.now))
        watch._note()
    ids = [[alert.transition_id for _, alert in watch.told] for watch in (first, again)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 1
    assert [alert.starts_at_ms for _, alert in (*first.told, *again.told)] == [at_ms(5), at_ms(65)]


def test_a_record_whose_own_time_is_no_clocks_time_is_dated_by_the_wall() -> None:
    for nonsense in (-1, 0, at_ms(-86_400)):
        watch = Watch()
        event = Event("e", EventType.CREATED, "p", at_ms(0), "e", episode_id="ep-2", episode_number=2)
        watch.partition.take(event, 0, nonsense, at_ms(1))
        assert watch.partition.clock_ms == at_ms(0)
        watch.wait_until(63)
        assert watch.firings("p") == [(62, 60)]
