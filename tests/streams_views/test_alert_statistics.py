"""Figures about alerts, with expected values by hand."""

from array import array
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.alert_statistics import AlertFigures, ByPerson, Durations, Notifications
from streams.base.night import Night
from streams.views.alert_statistics import AlertStatisticsCount, HistoryStep, durations

NIGHT = Night(22, 7, "Asia/Seoul")
NOON_MS = 1_760_000_400_000  # 2025-10-09T09:00:00Z, 18:00 in Seoul
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
NONE = Durations(count=0, median_seconds=None, p90_seconds=None)


def step(minute: float, status: str = "firing", reason: str = "threshold_crossed", by: str | None = None, *,
         key: str = "failures:a", firing: str = "1") -> HistoryStep:  # fmt: skip
    rule_id, project_id = key.split(":")
    at_ms = NOON_MS + round(minute * MINUTE_MS)
    return HistoryStep(at_ms, f"{key}/{firing}", key, rule_id, project_id, status, reason, by)


def acknowledged(minute: float, by: str, **where: Any) -> HistoryStep:
    return step(minute, "firing", "acknowledged_by_person", by, **where)


def resolved(minute: float, by: str | None = None, **where: Any) -> HistoryStep:
    return step(minute, "resolved", "resolved_by_person" if by else "back_to_normal", by, **where)


def counted(*steps: HistoryStep, since: float = 0, until: float = 60) -> AlertStatisticsCount:
    count = AlertStatisticsCount(NOON_MS + round(since * MINUTE_MS), NOON_MS + round(until * MINUTE_MS), NIGHT)
    for one in steps:
        count.add(one)
    return count


def of(*steps: HistoryStep, since: float = 0, until: float = 60) -> AlertFigures:
    return counted(*steps, since=since, until=until).total(None)


def test_a_firing_is_counted_with_its_times_and_its_people() -> None:
    found = of(
        step(1),
        step(6, "firing", "escalated_unacknowledged"),
        acknowledged(8, "kim"),
        acknowledged(9, "lee"),
        resolved(31),
    )
    assert found == AlertFigures(
        firings=1, projects=1, at_night=0, flapping=0, escalated=1, acknowledged=1, resolved=1, resolved_by_people=0,
        still_firing=0,
        time_to_acknowledge=Durations(count=1, median_seconds=420.0, p90_seconds=420.0),
        time_to_resolve=Durations(count=1, median_seconds=1800.0, p90_seconds=1800.0),
        acknowledged_by=[ByPerson(by="kim", count=1)], resolved_by=[], notifications=None,
    )  # fmt: skip


def test_rules_are_apart_the_one_with_most_firings_first_and_those_with_messages_alone_last() -> None:
    slow = [step(minute, key="slow:a", firing=str(minute)) for minute in (1, 2)]
    count = counted(step(0), *slow, step(3, key="slow:b"))
    rules = count.rules({"slow": Notifications(delivered=4, failed=1), "old": Notifications(delivered=1, failed=0)})
    assert [(one.rule_id, one.firings, one.projects, one.still_firing) for one in rules] == [
        ("slow", 3, 2, 2), ("failures", 1, 1, 1), ("old", 0, 0, 0),
    ]  # fmt: skip
    assert [one.notifications for one in rules] == [
        Notifications(delivered=4, failed=1), Notifications(delivered=0, failed=0),
        Notifications(delivered=1, failed=0),
    ]  # fmt: skip
    total = count.total(None)
    assert (total.firings, total.projects, total.resolved) == (4, 2, 1)


def test_who_resolved_by_hand_is_named_and_what_a_rule_resolved_is_nobodys() -> None:
    found = of(
        step(1), resolved(2, "kim"), step(20, firing="2"), resolved(21, firing="2"),
        step(40, firing="3"), resolved(41, "kim", firing="3"),
        step(42, key="failures:b"), resolved(43, "lee", key="failures:b"),
    )  # fmt: skip
    assert (found.resolved, found.resolved_by_people) == (4, 3)
    assert found.resolved_by == [ByPerson(by="kim", count=2), ByPerson(by="lee", count=1)]


def test_a_firing_at_most_ten_minutes_after_the_end_of_the_one_before_is_flapping() -> None:
    assert of(step(1), resolved(2), step(12, firing="2")).flapping == 1
    assert of(step(1), resolved(2), step(12.001, firing="2")).flapping == 0
    assert of(step(1), resolved(2), step(3, key="failures:b")).flapping == 0


def test_an_end_before_the_range_is_seen_as_well() -> None:
    assert of(step(-9), resolved(-5), step(4, firing="2")).flapping == 1
    assert of(resolved(-5), step(4, firing="2")).flapping == 0  # its firing was never read: too long ago


def test_the_night_is_that_of_the_time_zone() -> None:
    hours = (3, 4, 12, 13)  # 21:00, 22:00, 06:00 and 07:00 in Seoul
    steps = [step(hour * 60, key=f"failures:{hour}") for hour in hours]
    assert of(*steps, until=24 * 60).at_night == 2


def test_the_range_has_its_beginning_and_not_its_end() -> None:
    steps = [step(minute, key=f"failures:{number}") for number, minute in enumerate((-0.001, 0, 59.999, 60))]
    assert of(*steps).firings == 2


def test_what_comes_after_the_range_ends_its_firings_and_begins_none() -> None:
    count = counted(step(59), step(59, key="failures:b"), resolved(59.5, key="failures:b"))
    assert count.open_keys() == ["failures:a"]
    count.add(acknowledged(70, "kim"))
    count.add(resolved(80))
    count.add(step(81, firing="2"))
    found = count.total(None)
    assert count.open_keys() == []
    assert (found.firings, found.acknowledged, found.resolved) == (2, 1, 2)
    assert found.time_to_acknowledge == Durations(count=1, median_seconds=660.0, p90_seconds=660.0)


def test_an_act_on_a_firing_from_before_the_range_is_no_firing() -> None:
    assert of(acknowledged(1, "kim"), step(2, "firing", "escalated_unacknowledged"), resolved(3, "kim")).firings == 0


def test_an_alert_that_never_fired_is_not_counted() -> None:
    assert of(step(1, "pending"), resolved(2)).firings == 0
    assert of(step(1, "pending"), step(3), resolved(4)).time_to_resolve.median_seconds == 60.0


def test_an_alert_that_a_person_resolved_and_that_fires_on_fires_again() -> None:
    found = of(step(1), resolved(2, "kim"), step(5), resolved(9))
    assert (found.firings, found.flapping, found.resolved) == (2, 1, 2)


def test_a_repetition_by_a_core_that_recovers_begins_nothing() -> None:
    assert of(step(1), step(1), acknowledged(2, "kim"), step(3)).firings == 1


def test_a_firing_whose_end_is_not_in_the_history_ends_when_the_next_begins() -> None:
    found = of(step(1), step(11, firing="2"))
    assert (found.firings, found.resolved, found.flapping) == (2, 1, 1)
    assert found.time_to_resolve.median_seconds == 600.0


def test_of_ten_the_ninth_is_the_p90_and_of_eleven_the_tenth() -> None:
    count = AlertStatisticsCount(0, 10**15, NIGHT)
    for number in range(1, 11):
        count.add(step(0, key=f"r:{number}"))
    for number in range(1, 11):
        count.add(resolved(number, key=f"r:{number}"))
    found = count.total(None).time_to_resolve
    assert (found.median_seconds, found.p90_seconds) == (330.0, 540.0)


def test_only_the_twenty_who_did_most_are_named() -> None:
    steps = [step(0, key=f"r:{n}") for n in range(25)]
    found = of(*steps, *(acknowledged(1, f"p{n % 23:02}", key=f"r:{n}") for n in range(25)))
    assert [one.by for one in found.acknowledged_by][:3] == ["p00", "p01", "p02"]
    assert (len(found.acknowledged_by), found.acknowledged) == (20, 25)


MOVES = st.sampled_from(["fire", "act", "step", "end", "resolve"])
LIVES = st.lists(st.tuples(st.integers(0, 20 * MINUTE_MS), st.sampled_from("abc"), MOVES), max_size=40)


def lived(moves: list[tuple[int, str, str]]) -> list[HistoryStep]:
    at_ms, steps, firing = 0, list[HistoryStep](), dict[str, int]()
    for wait_ms, project, move in moves:
        at_ms += wait_ms
        key, minute = f"r:{project}", at_ms / MINUTE_MS
        firing[key] = firing.get(key, 0) + (move == "fire")
        where: dict[str, Any] = {"key": key, "firing": str(firing[key])}
        match move:
            case "fire":
                steps.append(step(minute, **where))
            case "act":
                steps.append(acknowledged(minute, "kim", **where))
            case "step":
                steps.append(step(minute, "firing", "escalated_unacknowledged", **where))
            case "end":
                steps.append(resolved(minute, **where))
            case _:
                steps.append(resolved(minute, "lee", **where))
    return steps


@given(moves=LIVES, cut=st.integers(1, 800))
def test_ranges_that_meet_have_together_what_one_over_both_has(moves: list[tuple[int, str, str]], cut: int) -> None:
    steps, end = lived(moves), 1000
    first, second, both = (
        of(*steps, since=a, until=b) for a, b in ((0, cut), (cut, end), (0, end))
    )  # fmt: skip
    for name in ("firings", "at_night", "flapping", "escalated", "acknowledged", "resolved", "resolved_by_people"):
        assert getattr(first, name) + getattr(second, name) == getattr(both, name), name


@given(moves=LIVES)
def test_an_alert_is_counted_the_same_whatever_stands_beside_it(moves: list[tuple[int, str, str]]) -> None:
    steps = lived(moves)
    alone = sum(of(*(one for one in steps if one.project_id == each), until=1000).firings for each in "abc")
    assert alone == of(*steps, until=1000).firings


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_at_least_nine_of_ten_are_not_above_the_p90(found_ms: list[int]) -> None:
    p90 = durations(array("q", found_ms)).p90_seconds
    assert p90 is not None
    assert sum(each / 1000 <= p90 for each in found_ms) * 10 >= 9 * len(found_ms)
    assert sum(each / 1000 < p90 for each in found_ms) * 10 < 9 * len(found_ms)
