"""Rules on all projects together: judged from what partitions close, as by one plain model over all events."""

from collections import defaultdict
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from models.event import Event, EventType
from streams.alerting import rule_types
from streams.alerting.core import Core
from streams.alerting.rule import Rule, Scope
from streams.alerting.rule_parsing import parse_rules
from streams.base import packed_counts
from streams.partition.fleet_judge import FleetRecord
from streams.rates.fleet_seconds import ClosedSeconds, FleetSeconds
from tests.streams.driving import START_MS, core_with, examples, rule
from tests.streams.fleet_driving import Judging, OnePartition, Topic

START = START_MS // 1000
GRACE_SECONDS = 60
WINDOW_MINUTES = 2
FAILURES = rule(
    rule_types.FAILURE_RATE, "10", rule_id="fleet_failures", window_minutes=WINDOW_MINUTES, scope=Scope.FLEET
)
CORE = core_with(FAILURES)


def tally(good: int, bad: int) -> int:
    """So many that succeeded, so many that failed."""
    whole = good + bad
    return whole << packed_counts.ATTEMPTED | whole << packed_counts.ENDED | bad << packed_counts.FAILED


def record(
    partition: int, first: int, until: int, seconds: dict[int, tuple[int, int]], partitions: int = 2
) -> FleetRecord:
    """What a partition closed; seconds after START, good and bad of each."""
    packed = [(START + second, packed_counts.unpack(tally(*counts))) for second, counts in sorted(seconds.items())]
    return FleetRecord(partition, partitions, ClosedSeconds(START + first, START + until, packed, ()), 0)


def judged(*records: FleetRecord, core: Core = CORE) -> Judging:
    """Everything taken and judged."""
    topic = Topic()
    for each in records:
        topic.send(each)
    judging = Judging(core, topic)
    judging.read()
    return judging


# --- the judge, by hand


def test_a_rate_is_that_of_all_partitions_together() -> None:
    """Partition 0 alone is above 10 %, with partition 1 it is not: 2 of 30."""
    assert judged(record(0, 0, 10, {1: (8, 2)}), record(1, 0, 10, {1: (20, 0)})).transitions() == []
    judging = judged(record(0, 0, 10, {1: (8, 2)}), record(1, 0, 10, {3: (8, 0)}))
    assert judging.transitions() == [
        ("fleet_failures", "firing", START + 2),  # 2 of 10 at the end of second 1
    ]
    [fired] = judging.emitted
    assert (fired.alert_key, fired.project_id, fired.value, fired.sample_size) == (
        "fleet_failures:_fleet", "_fleet", 20.0, 10,
    )  # fmt: skip
    assert fired.title == "Failure rate (all projects)"
    assert fired.description == "All projects: 20 % of 10 operations in the last 2 minutes; the threshold is 10 %."
    assert msgspec.to_builtins(fired.inputs)["state"] == "firing"


def test_a_second_is_judged_only_when_all_partitions_have_closed_it() -> None:
    judging = judged(record(0, 0, 10, {1: (0, 5)}))
    assert (judging.transitions(), judging.judge.judged_until) == ([], None)
    judging = judged(record(0, 0, 10, {1: (0, 5)}), record(1, 0, 2, {}))
    assert judging.transitions() == [("fleet_failures", "firing", START + 2)]
    assert judging.judge.judged_until == START + 2


def test_it_resolves_when_the_failures_have_left_the_window_and_at_once_for_the_window_is_final() -> None:
    judging = judged(record(0, 0, 400, {1: (0, 1), 100: (5, 0)}), record(1, 0, 400, {}))
    assert judging.transitions() == [
        ("fleet_failures", "firing", START + 2),
        ("fleet_failures", "resolved", START + 122),  # second 1 has left (T - 120, T] at T = 121
    ]
    assert judging.emitted[-1].reason == "back_to_normal"


def test_the_partition_that_all_others_wait_for_is_named() -> None:
    assert judged(record(0, 0, 10, {}, partitions=3), record(2, 0, 10, {}, partitions=3)).judge.slowest == 1
    both = judged(record(0, 0, 10, {}), record(1, 0, 9, {}))
    assert (both.judge.slowest, both.judge.final_until) == (1, START + 9)


def test_a_repetition_changes_nothing() -> None:
    one, other = record(0, 0, 10, {1: (8, 2)}), record(1, 0, 10, {1: (20, 0)})
    assert judged(one, other, one, one, other).transitions() == []
    assert judged(one, one, other).judge.verdict("fleet_failures").whole == 30


def test_a_partition_that_is_new_is_waited_for_and_what_it_has_of_judged_seconds_is_left_out() -> None:
    judging = judged(record(0, 0, 10, {}, partitions=1), record(0, 10, 20, {12: (0, 1)}, partitions=2))
    assert judging.judge.judged_until == START + 10, "partition 1 is there and has closed nothing"
    judging = judged(
        record(0, 0, 10, {}, partitions=1), record(0, 10, 20, {12: (0, 1)}, partitions=2),
        record(1, 5, 20, {7: (0, 3), 12: (4, 0)}),
    )  # fmt: skip
    assert judging.judge.late == 1
    [fired] = judging.emitted
    assert (fired.value, fired.sample_size) == (20.0, 5)


def test_a_minute_that_was_stored_before_what_says_how_far_it_goes_is_not_added_twice() -> None:
    topic = Topic()
    judging = Judging(CORE, topic)
    topic.send(record(0, 0, 10, {1: (9, 1)}))
    judging.read()
    judging.flush()
    topic.send(record(0, 10, 20, {12: (10, 0)}))
    judging.read()
    judging.flush(1)  # the minute alone
    judging.crash()
    topic.send(record(1, 0, 20, {}))
    judging.read()
    assert judging.judge.verdict("fleet_failures").whole == 20


def test_for_seconds_and_keep_firing_seconds_hold_for_all_projects_too() -> None:
    slow = msgspec.structs.replace(FAILURES, for_seconds=30, keep_firing_seconds=60)
    seconds = dict.fromkeys(range(40), (0, 1))
    judging = judged(record(0, 0, 500, seconds, partitions=1), core=core_with(slow))
    assert judging.transitions() == [
        ("fleet_failures", "pending", START + 1),
        ("fleet_failures", "firing", START + 31),
        ("fleet_failures", "resolved", START + 220),  # the last failure leaves at 159, and 60 seconds after its end
    ]


def test_slow_creations_of_all_projects_are_judged_by_their_exact_number() -> None:
    slow = rule(rule_types.SLOW_CREATION, "5.0", rule_id="fleet_slow", scope=Scope.FLEET)
    tallies = [(START + 1, 100 << packed_counts.ENDED | 6 << packed_counts.SLOW[0])]
    packed = [(second, packed_counts.unpack(counts)) for second, counts in tallies]
    same = FleetRecord(0, 1, ClosedSeconds(START, START + 9, packed, (5.0,)), 0)
    [fired] = judged(same, core=core_with(slow)).emitted
    assert fired.value is None
    assert fired.description == (
        "All projects: 6 % of 100 creations in the last 15 minutes took longer than 5 s; the 95th percentile is above "
        "5 s when more than 5 % do."
    )
    other = FleetRecord(0, 1, ClosedSeconds(START, START + 9, packed, (4.0,)), 0)
    assert judged(other, core=core_with(slow)).emitted == [], "they were counted by another limit"


def test_a_burn_rate_of_all_projects_needs_both_windows() -> None:
    [burn] = parsed({"burn_rate": {"objective": "99%", "factor": 10, "long": "1h", "short": "5m"}})
    old = dict.fromkeys(range(30), (0, 1))
    good = dict.fromkeys(range(30, 60), (5, 0))
    judging = judged(record(0, 0, 1200, old | good, partitions=1), core=core_with(burn))
    assert judging.transitions() == [
        ("r", "firing", START + 1),
        ("r", "resolved", START + 314),  # 16 of 166 in the last five minutes; in the last hour it is 30 of 180
    ]


def parsed(keys: dict[str, object]) -> tuple[Rule, ...]:
    """A rule on all projects with these keys."""
    raw = {"rule_id": "r", "alert_type": "HIGH_FAILURE_RATE", "severity": "warning", **keys}
    return tuple(msgspec.structs.replace(each, scope=Scope.FLEET) for each in parse_rules({"rules": [raw]}))


# --- seconds of a partition, by hand


def created(project: str, at: float, offset: int, *, bad: bool = False) -> Event:
    """An operation of its own, so many seconds after START."""
    kind = EventType.CREATION_FAILED if bad else EventType.CREATION_SUCCEEDED
    name = f"ev-{offset}"
    return Event(name, kind, project, round((START + at) * 1000), name)


def closed_of(partition: OnePartition) -> list[tuple[int, int, dict[int, int]]]:
    """First, until and ended by second, seconds after START."""
    fleet = partition.partition.totals.fleet
    assert fleet is not None
    return [
        (
            each.first - START,
            each.until - START,
            {second - START: packed_counts.field(counts, packed_counts.ENDED) for second, counts in each.tallies(())},
        )
        for each in fleet.closed
    ]


def test_a_second_is_closed_two_graces_after_it_by_the_clock_of_its_partition() -> None:
    one = OnePartition(CORE, 0, 1, Topic())
    one.take(created("a", 0, 0), 0)
    one.take(created("a", 119, 1), 1)
    one.flush()
    assert closed_of(one) == [(-1, -1, {})]
    one.take(created("b", 121, 2), 2)
    one.flush()
    assert closed_of(one)[-1] == (-1, 1, {0: 1})


def test_what_comes_before_the_floor_is_left_out_and_counted() -> None:
    one = OnePartition(CORE, 0, 1, Topic())
    one.take(created("fast", 500, 0), 0)
    one.take(created("behind", 10, 1), 1)  # its own project's newest event: on time for that, not for the fleet
    one.take(created("behind", 381, 2), 2)
    one.take(created("fast", 900, 3), 3)
    one.flush()
    fleet = one.partition.totals.fleet
    assert fleet is not None
    assert fleet.late == 1
    assert closed_of(one) == [(381, 780, {381: 1, 500: 1})]


def test_rules_that_come_later_begin_after_what_was_counted_before_them() -> None:
    one = OnePartition(core_with(rule(rule_types.FAILURE_RATE, "10")), 0, 1, Topic())
    one.take(created("a", 61, 0), 0)
    one.flush()
    later = OnePartition(CORE, 0, 1, Topic())
    later.store = one.store
    later.crash()
    later.take(created("a", 119, 1), 1)  # of a minute that had events when there was no such rule
    later.take(created("a", 120, 2), 2)
    later.take(created("a", 300, 3), 3)
    later.flush()
    assert closed_of(later) == [(120, 180, {120: 1})]


def test_without_such_a_rule_nothing_is_kept_for_the_fleet() -> None:
    one = OnePartition(core_with(rule(rule_types.FAILURE_RATE, "10")), 0, 1, Topic())
    one.take(created("a", 1000, 0), 0)
    one.flush()
    assert one.partition.totals.fleet is None


def test_slow_operations_that_another_limit_counted_are_forgotten() -> None:
    kept = FleetSeconds((5.0,))
    kept.add({START: 3 << packed_counts.ENDED | 2 << packed_counts.SLOW[0]}, {})
    again = FleetSeconds.decode((4.0,), kept.encode())
    again.close(START + 1)
    assert [counts for _, counts in again.closed[0].tallies((4.0,))] == [3 << packed_counts.ENDED]


# --- any split, any order, any crash


@dataclass
class Model:
    """The same by looking at all events, once: what counts, by second."""

    clock: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    newest: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    whole: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    bad: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def take(self, partition: int, project: str, at: int, *, bad: bool) -> None:
        """In the order of the partition's records."""
        self.clock[partition] = max(self.clock[partition], at)
        self.newest[project] = max(self.newest[project], at)
        if at < self.newest[project] - GRACE_SECONDS or at < self.clock[partition] - 2 * GRACE_SECONDS:
            return
        self.whole[at] += 1
        self.bad[at] += bad

    def transitions(self, until: int) -> list[tuple[str, str, int]]:
        """Of the rule, second by second."""
        found, fires, length = [], False, WINDOW_MINUTES * 60
        for end in range(min(self.whole, default=until), until):
            window = range(end - length + 1, end + 1)
            bad, whole = sum(self.bad[each] for each in window), sum(self.whole[each] for each in window)
            if (bad * 10 > whole) != fires:
                fires = not fires
                found.append(("fleet_failures", "firing" if fires else "resolved", START + end + 1))
        return found


PARTITIONS = 3
_steps = st.lists(
    st.tuples(
        st.integers(0, PARTITIONS - 1),
        st.integers(0, 4),  # of five projects in that partition
        st.integers(0, 40),  # seconds that pass
        st.integers(0, 200),  # and how late the event is
        st.booleans(),
        st.sampled_from(["", "", "flush", "cut", "crash", "send", "send twice", "judge", "judge cut", "judge crash"]),
        st.integers(0, 6),
    ),
    max_size=60,
)


@examples(150, HealthCheck.too_slow)
@given(steps=_steps)
def test_any_order_of_flushes_crashes_and_partitions_gives_what_one_look_at_all_events_gives(
    steps: list[tuple[int, int, int, int, bool, str, int]],
) -> None:
    topic, model = Topic(), Model()
    ones = [OnePartition(CORE, number, PARTITIONS, topic) for number in range(PARTITIONS)]
    logs: list[list[Event]] = [[] for _ in ones]
    judging = Judging(CORE, topic)
    now = 300
    for number, project, passed, late, bad, what, records in steps:
        now += passed
        at, name, one, log = max(0, now - late), f"p{number}-{project}", ones[number], logs[number]
        log.append(created(name, at, len(log), bad=bad))
        model.take(number, name, at, bad=bad)
        catch_up(one, log)
        match what:
            case "flush":
                one.flush()
            case "cut":
                one.flush(records)
            case "crash":
                one.crash()
            case "send" | "send twice":
                one.send(ends_before_noting=what == "send twice")
            case "judge":
                judging.read(records)
                judging.flush()
            case "judge cut":
                judging.read()
                judging.flush(records)
                judging.crash()
            case "judge crash":
                judging.read()
                judging.crash()
    for one, log in zip(ones, logs, strict=True):
        catch_up(one, log)
        one.flush()
        one.idle_until((START + now + 2000) * 1000)
        one.send()
    judging.read()
    assert judging.judge.judged_until == START + now + 2000 - 2 * GRACE_SECONDS
    assert judging.transitions() == model.transitions(now + 2000 - 2 * GRACE_SECONDS)


def catch_up(one: OnePartition, log: list[Event]) -> None:
    """Take what it has not, as after a start."""
    for offset in range(one.partition.next_offset, len(log)):
        one.take(log[offset], offset)


_joined = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, 30),
        st.integers(0, 130),
        st.sampled_from([EventType.CREATION_CONFLICT, EventType.CREATION_SUCCEEDED, EventType.CREATION_FAILED]),
        st.booleans(),
    ),
    max_size=60,
)


@examples(150, HealthCheck.too_slow)
@given(steps=_joined)
def test_operations_that_are_joined_and_taken_back_are_closed_alike_however_often_it_is_stored_and_crashes(
    steps: list[tuple[int, int, int, int, EventType, bool]],
) -> None:
    often, once = OnePartition(CORE, 0, 1, Topic()), OnePartition(CORE, 0, 1, Topic())
    log: list[Event] = []
    now = 500
    for project, operation, passed, late, kind, stores in steps:
        now += passed
        at_ms = (START + max(0, now - late)) * 1000
        log.append(Event(f"ev-{len(log)}", kind, f"p{project}", at_ms, f"op-{project}-{operation}"))
        catch_up(often, log)
        catch_up(once, log)
        if stores:
            often.flush()
        else:
            often.crash()
    for one in (often, once):
        catch_up(one, log)
        one.idle_until((START + now + 1000) * 1000)
    merged = [{s: t for _, _, seconds in closed_of(one) for s, t in seconds.items()} for one in (often, once)]
    assert merged[0] == merged[1]
    fleets = [one.partition.totals.fleet for one in (often, once)]
    assert fleets[0] is not None
    assert fleets[1] is not None
    assert [each.until for each in fleets[0].closed][-1:] == [each.until for each in fleets[1].closed][-1:]
    assert all(t >= 0 for t in merged[0].values())


@pytest.mark.parametrize("minutes", [1, 60, 1440])
def test_a_window_is_restored_as_long_as_it_is(minutes: int) -> None:
    core = core_with(msgspec.structs.replace(FAILURES, window_minutes=minutes, threshold=FAILURES.threshold * 5))
    seconds = dict.fromkeys(range(0, 3 * 86400, 1800), (1, 0))
    judging = judged(record(0, 0, 3 * 86_400, seconds, partitions=1), core=core)
    before = judging.judge.verdict("fleet_failures")
    judging.flush()
    judging.crash()
    after = judging.judge.verdict("fleet_failures")
    assert (after.crossed, after.bad, after.whole) == (before.crossed, before.bad, before.whole)
    assert (after.calm_reason, after.is_above) == (before.calm_reason, before.is_above)
    expected = {1: 0, 60: 2, 1440: 48}
    assert before.whole == expected[minutes]


def test_an_alert_of_a_rule_whose_scope_has_changed_is_forgotten_where_it_was() -> None:
    of_each = msgspec.structs.replace(FAILURES, scope=Scope.PROJECT)
    one = OnePartition(core_with(of_each), 0, 1, Topic())
    one.take(created("a", 0, 0, bad=True), 0)
    one.flush()
    assert [alert.status.value for alert in one.partition.emits] == ["firing"]
    later = OnePartition(CORE, 0, 1, Topic())
    later.store = one.store
    later.crash()
    state = later.partition.state("a")
    assert state is not None
    assert state.alerts == {}
    judging = judged(record(0, 0, 10, {1: (0, 5)}, partitions=1))
    judging.flush()
    again = Judging(core_with(of_each, msgspec.structs.replace(FAILURES, rule_id="other")), Topic())
    again.judge.read(judging.store)
    assert list(again.judge.active()) == []
