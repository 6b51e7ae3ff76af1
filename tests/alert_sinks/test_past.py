"""What belongs to the past: what is held back, what is told when the events have caught up, and what never is."""

from typing import Any

from alert_sinks.held_past import HeldPast, Steps
from models.alert import Alert, AlertStatus, Severity
from tests.alert_sinks.support import NOW_MS, alert_of

MINUTE_MS = 60_000


def firing(project: str = "a", **changes: Any) -> Alert:
    return alert_of(project, severity=Severity.CRITICAL, reason="threshold_crossed", **changes)


def escalated(project: str = "a") -> Alert:
    return alert_of(project, severity=Severity.CRITICAL, escalation_level=1, reason="escalated_unacknowledged")


def resolved(project: str = "a", level: int = 0) -> Alert:
    return alert_of(project, status=AlertStatus.RESOLVED, escalation_level=level, reason="back_to_normal")


def acknowledged(project: str = "a") -> Alert:
    return alert_of(project, acknowledged_by="kim", reason="acknowledged_by_person")


class Door:
    """A `HeldPast` with escalation after five minutes, and a wall clock."""

    def __init__(self) -> None:
        self.past: HeldPast[int] = HeldPast(5 * MINUTE_MS)
        self.now_ms = NOW_MS
        self.caught_up: set[int | None] = set()
        self._token = self._left = 0
        self.told: list[str] = []
        self.together: list[list[str]] = []
        self.done: list[int] = []

    def read(self, alert: Alert, *, partition: int = 0, is_past: bool = True) -> int:
        """A transition comes; answers its token."""
        self._token += 1
        self._note(self.past.take(alert, self._token, partition, self.now_ms, is_past=is_past))
        return self._token

    def wait(self, ms: int = 0) -> None:
        self.now_ms += ms
        self._note(self.past.release(self.now_ms, lambda partition, taken_at_ms: partition in self.caught_up))

    def catch_up(self, *partitions: int) -> None:
        self.caught_up.update(partitions)
        self.wait()

    def _note(self, steps: Steps[int]) -> None:
        self._left += len(steps.now) + len(steps.together) + len(steps.done)
        assert self.past.tokens == self._token - self._left, "each goes out once, through one door"
        self.told += [_name(notice.alert, notice.on_call_knows) for notice in steps.now]
        if steps.together:
            self.together.append([_name(notice.alert, notice.on_call_knows) for notice in steps.together])
        self.done += steps.done


def _name(alert: Alert, on_call_knows: bool) -> str:
    return f"{alert.project_id} {alert.status.value} {alert.escalation_level}{'' if on_call_knows else ' team only'}"


def test_what_is_live_is_told_at_once() -> None:
    door = Door()
    door.read(firing(), is_past=False)
    door.read(resolved(), is_past=False)
    assert door.told == ["a firing 0", "a resolved 0"]
    assert door.past.is_empty


def test_what_began_and_ended_in_the_past_is_told_to_nobody() -> None:
    door = Door()
    tokens = [door.read(firing()), door.read(escalated()), door.read(resolved(level=1))]
    door.catch_up(0)
    door.wait(60 * MINUTE_MS)
    assert (door.told, door.together) == ([], [])
    assert sorted(door.done) == tokens, "it is done, so that it is not read again"
    assert door.past.is_empty


def test_what_is_on_when_the_events_have_caught_up_is_told_once_and_in_one_go() -> None:
    door = Door()
    door.read(firing("a"))
    door.read(firing("b"))
    door.wait(10 * MINUTE_MS)
    assert (door.told, door.together) == ([], []), "more of the past is to come"
    door.catch_up(0)
    door.wait(10 * MINUTE_MS)
    assert door.together == [["a firing 0", "b firing 0"]]


def test_partitions_that_catch_up_a_little_later_are_waited_for_and_a_stuck_one_is_not() -> None:
    door = Door()
    door.read(firing("a"), partition=0)
    door.read(firing("b"), partition=1)
    door.catch_up(0)
    door.wait(29_999)
    assert door.together == []
    door.catch_up(1)
    assert door.together == [["a firing 0", "b firing 0"]]
    door.read(firing("c"), partition=0)
    door.read(firing("d"), partition=2)
    door.wait()
    door.wait(30_000)
    assert door.together[1:] == [["c firing 0"]]


def test_an_escalation_of_the_past_pages_after_the_team_has_had_the_time() -> None:
    door = Door()
    door.read(firing())
    door.read(escalated())
    door.catch_up(0)
    assert door.together == [["a firing 0"]]
    door.wait(5 * MINUTE_MS - 1)
    assert len(door.together) == 1
    door.wait(1)
    assert door.together == [["a firing 0"], ["a firing 1"]]


def test_an_escalation_that_waits_ends_with_its_alert_and_on_call_never_hears_of_it() -> None:
    door = Door()
    door.read(firing())
    waiting = door.read(escalated())
    door.catch_up(0)
    door.read(resolved(level=1), is_past=False)
    door.wait(60 * MINUTE_MS)
    assert door.told == ["a resolved 1 team only"]
    assert door.together == [["a firing 0"]]
    assert door.done == [waiting]


def test_an_acknowledgement_stops_an_escalation_that_waits() -> None:
    door = Door()
    door.read(firing())
    waiting = door.read(escalated())
    door.catch_up(0)
    door.read(acknowledged(), is_past=False)
    door.wait(60 * MINUTE_MS)
    assert door.together == [["a firing 0"]]
    assert door.done == [waiting]


def test_a_live_alert_whose_event_time_ran_ahead_escalates_by_the_clock_on_the_wall() -> None:
    door = Door()
    door.read(firing(), is_past=False)
    door.wait(1000)
    door.read(escalated(), is_past=False)
    assert door.told == ["a firing 0"]
    door.wait(5 * MINUTE_MS - 1001)
    assert door.together == []
    door.wait(1)
    assert door.together == [["a firing 1"]]


def test_a_live_escalation_of_what_was_told_long_ago_is_told_at_once() -> None:
    door = Door()
    door.read(escalated(), is_past=False)
    assert door.told == ["a firing 1"]


def test_who_was_told_when_is_known_after_a_restart() -> None:
    door = Door()
    door.past.note_done(firing(), NOW_MS - 4 * MINUTE_MS)
    door.read(escalated(), is_past=False)
    door.wait(MINUTE_MS - 1)
    assert (door.told, door.together) == ([], [])
    door.wait(1)
    assert door.together == [["a firing 1"]]


def test_the_end_of_what_was_told_before_an_outage_is_told_after_it() -> None:
    door = Door()
    door.past.note_done(firing(), NOW_MS - 60 * MINUTE_MS)
    door.read(resolved())
    door.read(firing(firing="2"))
    door.catch_up(0)
    assert door.together == [["a resolved 0", "a firing 0"]]


def test_what_a_crash_wrote_again_is_neither_told_again_nor_does_it_hide_the_end() -> None:
    door = Door()
    door.read(firing(), is_past=False)
    again = door.read(firing())
    assert door.done == [again]
    door.read(resolved())
    door.catch_up(0)
    assert (door.told, door.together) == (["a firing 0"], [["a resolved 0"]])


def test_what_was_handed_on_and_not_done_is_news_to_the_next_owner() -> None:
    door = Door()
    door.read(firing(), is_past=False)
    door.past.forget()
    door.read(firing(), is_past=False)
    assert door.told == ["a firing 0", "a firing 0"]


def test_what_becomes_of_a_held_alert_meanwhile_stays_behind_it() -> None:
    door = Door()
    door.read(resolved(), is_past=True)
    door.read(firing(firing="2"), is_past=False)
    assert door.told == []
    door.catch_up(0)
    assert door.together == [["a resolved 0", "a firing 0"]]


def test_a_live_end_of_an_alert_that_nobody_was_told_of_is_no_message() -> None:
    door = Door()
    door.read(firing())
    door.read(resolved(), is_past=False)
    door.catch_up(0)
    assert (door.told, door.together) == ([], [])
    assert door.past.is_empty
