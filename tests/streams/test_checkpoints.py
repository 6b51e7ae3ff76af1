"""Writing a project down and reading it back, at any moment, changes nothing of what it does afterwards."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.facts import counts
from models.alert import Alert
from models.event import Event, EventType
from streams.alerting import rule_types
from streams.alerting.core import Core
from streams.alerting.statistics import Cusum
from streams.project.project_state import ProjectState
from streams.project.state_codec import HEADER_BYTES, canonical, checkpoint, decode, head_of, read_head
from streams.project.state_shapes import (
    StoredBody,
    StoredLateBody,
    StoredScoredBody,
    StoredState,
    StoredStateWithHistory,
)
from streams.project.step import advance, step
from tests.streams.driving import (
    CONFLICT,
    FAILURE,
    INTEGRITY,
    PROJECT,
    SLOW,
    Driven,
    at_ms,
    core_with,
    examples,
    rule,
)
from tests.streams.lives import JUMPING, NUMBERING, ORDINARY, arrivals, lives, many_before, with_resends

QUIET = Cusum(in_control=Decimal(10), out_of_control=Decimal(30), weight=4, limit=7, forget_minutes=60)
CORE = core_with(
    FAILURE,
    CONFLICT,
    SLOW,
    INTEGRITY,
    rule(rule_types.RETRY_RATE, "3", rule_id="retry", min_samples=4, for_seconds=20, keep_firing_seconds=30,
         window_minutes=1),
    rule(rule_types.FAILURE_RATE, "10", rule_id="quiet", window_minutes=0, cusum=QUIET),
    max_jump=20,
)  # fmt: skip
WAITS_MS = (0, 1, 1000, 31_000, 400_000, 4_000_000, 90_000_000)


def as_msgspec_writes_it(head: bytes) -> bytes:
    """What is written value by value, read into structs and written from these."""
    stored = msgspec.msgpack.decode(head[HEADER_BYTES:], type=StoredStateWithHistory)
    plain = stored if stored.finding_history else StoredState(stored.body, stored.versions, stored.inline)
    body = stored.body
    is_late = body.ahead_ms or body.behind_ms or body.changes
    kind = StoredScoredBody if body.cusums else StoredLateBody if is_late else StoredBody
    plain.body = kind(*(getattr(body, name) for name in kind.__struct_fields__))  # type: ignore[assignment]
    return head[:HEADER_BYTES] + msgspec.msgpack.encode(plain)


class Shelf:
    """Where the checkpoints of one project lie: heads are replaced, chunks come with a version and go when obsolete."""

    def __init__(self) -> None:
        self.head = b""
        self.chunks: dict[tuple[int, int], bytes] = {}

    def put(self, state: ProjectState) -> None:
        """Store a checkpoint as a store would: chunks, head, then the garbage goes."""
        stored = checkpoint(state)
        for chunk, version, content in stored.chunks:
            assert (chunk, version) not in self.chunks, "a stored chunk must never be overwritten"
            self.chunks[chunk, version] = content
        self.head = stored.head
        assert as_msgspec_writes_it(self.head) == self.head
        for chunk, version in stored.obsolete:
            del self.chunks[chunk, version]

    def get(self, core: Core) -> ProjectState:
        """Read it back."""
        return decode(core, PROJECT, self.head, lambda chunk, version: self.chunks[chunk, version])


def go_on(core: Core, state: ProjectState, events: list[Event], first_offset: int) -> list[Alert]:
    told: list[Alert] = []
    for offset, event in enumerate(events, first_offset):
        told += step(core, state, event)
        state.applied = offset
    return told


@examples(200)
@given(data=st.data())
def test_a_state_that_was_stored_and_read_goes_on_as_if_it_had_not_been(data: st.DataObject) -> None:
    kinds = (*ORDINARY, *NUMBERING, *JUMPING)
    life = data.draw(st.one_of(lives(*kinds), lives(*kinds, waits_ms=WAITS_MS)))
    events = data.draw(arrivals(life).flatmap(with_resends))
    if data.draw(st.booleans()):
        events = many_before() + events
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=4).map(sorted))
    kept, shelf = ProjectState(CORE, PROJECT), Shelf()
    read = ProjectState(CORE, PROJECT)
    begin = 0
    for cut in [*cuts, len(events)]:
        assert go_on(CORE, kept, events[begin:cut], begin) == go_on(CORE, read, events[begin:cut], begin)
        begin = cut
        shelf.put(read)
        read = shelf.get(CORE)
        assert canonical(read) == canonical(kept)
        assert read.deadline_ms == kept.deadline_ms
        assert head_of(read) == head_of(kept) == read_head(shelf.head)
    later_ms = kept.now_ms + data.draw(st.sampled_from((0, 61_000, 10**6, 10**8)))
    assert advance(CORE, kept, later_ms) == advance(CORE, read, later_ms)
    assert kept.deadline_ms == read.deadline_ms
    assert canonical(read) == canonical(kept)


def big(numbers: int) -> tuple[Driven, Shelf]:
    """A project with so many episodes, stored once."""
    project, shelf = Driven(core_with(INTEGRITY)), Shelf()
    for number in range(1, numbers + 1):
        project.created(number, number)
    project.state.applied = numbers
    shelf.put(project.state)
    return project, shelf


def test_up_to_255_numbers_are_stored_in_the_head_alone() -> None:
    _, shelf = big(255)
    assert shelf.chunks == {}


def test_more_numbers_are_stored_in_chunks_of_256_and_only_changed_ones_are_written_again() -> None:
    project, shelf = big(1000)
    assert sorted(shelf.chunks) == [(0, 1000), (1, 1000), (2, 1000)]  # 1 … 767; the rest is in the head
    project.deleted(1001, "ep-300")
    project.state.applied = 1001
    shelf.put(project.state)
    assert sorted(shelf.chunks) == [(0, 1000), (1, 1001), (2, 1000)]
    assert canonical(shelf.get(project.core)) == canonical(project.state)
    shelf.put(project.state)
    assert sorted(shelf.chunks) == [(0, 1000), (1, 1001), (2, 1000)]


def test_a_chunk_that_became_the_last_one_moves_back_into_the_head() -> None:
    project, shelf = big(600)
    for number in range(600, 256, -1):
        project.deleted(601, f"ep-{number}")
    project.state.applied = 2000
    shelf.put(project.state)
    assert sorted(shelf.chunks) == [(0, 600)]
    project.deleted(602, "ep-256")
    project.state.applied = 2001
    shelf.put(project.state)
    assert shelf.chunks == {}
    restored = shelf.get(project.core)
    assert sorted({number for _, number in restored.numbering.episodes.items()}) == list(range(1, 256))
    assert canonical(restored) == canonical(project.state)


def test_numbers_that_rise_for_ever_while_the_old_ones_go_cost_no_more_and_more() -> None:
    project, shelf = big(600)
    for number in range(601, 3001):
        project.created(number, number)
        project.deleted(number, f"ep-{number - 600}")
        if number % 100 == 0:
            project.state.applied = number
            shelf.put(project.state)
    assert len(project.state.numbering.episodes.chunks) == len(shelf.chunks) + 1 == 3  # 2304 … 3071
    assert list(project.state.numbering.anomalies.open_gaps) == [(1, 2340)]
    assert canonical(shelf.get(project.core)) == canonical(project.state)


def test_duplicates_across_chunks_keep_all_their_owners() -> None:
    project, shelf = big(600)
    project.created(601, 10, "second")
    project.created(602, 10, "third")
    project.created(603, 590, "fourth")
    project.state.applied = 700
    shelf.put(project.state)
    restored = shelf.get(project.core)
    assert restored.numbering.episodes.duplicates == {10: [b"ep-10", b"second", b"third"], 590: [b"ep-590", b"fourth"]}
    assert canonical(restored) == canonical(project.state)


def test_the_canonical_form_does_not_depend_on_when_chunks_were_stored() -> None:
    often, shelf = big(10)
    for number in range(11, 601):
        often.created(number, number)
        often.state.applied = number
        shelf.put(often.state)
    once, _ = big(600)
    assert canonical(often.state) == canonical(once.state)


def test_a_state_of_another_format_is_refused_with_a_word_on_what_to_do() -> None:
    _, shelf = big(3)
    with pytest.raises(ValueError, match=r"state format 99 is not \d; replay the topic into a new MONITOR_ID"):
        read_head(bytes([99]) + shelf.head[1:])


def adopted(project: Driven, core: Core) -> Driven:
    """The same project under another core (or the same one), by way of its stored form."""
    shelf = Shelf()
    shelf.put(project.state)
    other = Driven(core)
    other.events = list(project.events)
    other.state = shelf.get(core)
    return other


def test_a_renumbering_is_remembered_across_a_restart() -> None:
    project = Driven(core_with(INTEGRITY))
    project.renumbered(30, "ep-2", 1)
    other = adopted(project, project.core)
    other.created(10, 2)
    assert other.live == [1]


def test_an_operation_that_is_over_for_good_is_so_after_a_restart_too() -> None:
    project = Driven(core_with(FAILURE))
    project.created(0, 1, operation_id="op")
    project.created(60.001, 2)
    for p in (adopted(project, project.core), project):
        p.failed(61, operation_id="op")
        assert p.window(15) == {"attempted": 3, "ended": 3, "failed": 1}


def test_a_rate_that_waits_for_samples_waits_for_them_after_a_restart() -> None:
    project = Driven(core_with(rule(rule_types.FAILURE_RATE, "1", min_samples=2)))
    project.failed(0)
    other = adopted(project, project.core)
    other.created(1, 1)
    assert [alert.status.value for alert in other.alerts] == ["firing"]


# --- rules that change between writing and reading


def test_a_rule_that_is_gone_ends_its_alert_without_a_word() -> None:
    project = Driven(core_with(FAILURE))
    project.failed(0)
    other = adopted(project, core_with(INTEGRITY))
    assert other.state.alerts == {}
    assert other.until(3600) == []


def test_a_new_rule_is_judged_by_what_happened_before_it() -> None:
    project = Driven(core_with(INTEGRITY))
    project.endings(0, 10, failed=5, apart=1)
    other = adopted(project, core_with(INTEGRITY, rule(rule_types.FAILURE_RATE, "10", window_minutes=1)))
    assert [alert.rule_id for alert in other.until(30)] == ["failure_rate"]


def test_a_longer_window_never_keeps_what_has_left_it() -> None:
    short = rule(rule_types.FAILURE_RATE, "1", window_minutes=1)
    project = Driven(core_with(short))
    project.endings(0, 40, apart=30)  # 20 minutes, of which seconds are known for two
    core = core_with(rule(rule_types.FAILURE_RATE, "1", window_minutes=30))
    other = adopted(project, core)
    assert other.window(30) == {"attempted": 40, "ended": 40}
    for second in range(1200, 1200 + 1900, 10):
        other.event(EventType.DELETED, second, episode_id="nobody")
    assert other.window(30) == {}
    other.failed(3100)
    assert other.window(30) == {"attempted": 1, "ended": 1, "failed": 1}


def test_what_is_taken_back_from_a_minute_that_has_left_a_longer_window_is_not_taken_twice() -> None:
    project = Driven(core_with(rule(rule_types.FAILURE_RATE, "1", window_minutes=1)))
    project.conflict(30, "op")
    project.created(1000, 1)
    other = adopted(project, core_with(rule(rule_types.FAILURE_RATE, "1", window_minutes=30)))
    assert other.window(30) == {"attempted": 2, "ended": 1, "conflicted": 1}
    other.created(1815, 2)
    assert other.window(30) == {"attempted": 2, "ended": 2}, "the minute of the conflict left as a whole"
    other.failed(1816, operation_id="op")
    assert other.window(30) == {"attempted": 3, "ended": 3, "failed": 1, "conflicted": 1}


def test_an_alert_under_a_longer_window_ends_when_its_minute_leaves() -> None:
    project = Driven(core_with(rule(rule_types.FAILURE_RATE, "1", window_minutes=1)))
    project.failed(0)
    project.endings(300, 3)
    other = adopted(project, core_with(rule(rule_types.FAILURE_RATE, "1", rule_id="wide", window_minutes=30)))
    told = other.until(4000)
    assert [(alert.status.value, alert.updated_at_ms) for alert in told] == [
        ("firing", other.state.newest_ms + 1),
        ("resolved", at_ms(1860)),  # and is final a minute later
    ]


def test_another_latency_limit_drops_what_was_counted_against_the_old_one() -> None:
    project = Driven(
        core_with(rule(rule_types.SLOW_CREATION, "5"), rule(rule_types.SLOW_CREATION, "9", rule_id="very"))
    )
    project.created(0, 1, operation_id="op", duration_seconds=7.0)
    assert project.window(15)["slow"] == 1
    other = adopted(project, core_with(rule(rule_types.SLOW_CREATION, "6")))
    assert other.window(15) == {"attempted": 1, "ended": 1, "timed": 1}
    other.conflict(30, "op")  # takes the ending back, and counts it anew half a minute later
    assert other.window(15) == {"attempted": 1, "ended": 1, "timed": 1}
    ((operations, _),) = other.state.series.by_minute(0).values()
    assert counts(operations) == {"attempted": 1, "ended": 1, "timed": 1}
    assert other.state.series.minutes[at_ms(0) // 60_000].seconds.keys() == {30}
    other.event(EventType.DELETED, 3600, episode_id="nobody")
    assert other.window(15) == {}
    assert [(alert.status.value, alert.reason) for alert in other.alerts] == [("resolved", "back_to_normal")]
