"""A partition keeps many projects' time, sums and storage in step, with expected values by hand."""

from typing import Any

import pytest

from models.event import Event, EventType
from streams.alerting import rule_types
from streams.alerting.rule import Rule
from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor
from streams.partition.partition import Partition
from tests.streams.driving import INTEGRITY, SHIPPED, at_ms, core_with, rule
from tests.streams.stored import Stored


class Driver:
    """A partition, its store, and offsets that rise by themselves."""

    def __init__(
        self,
        store: Stored | None = None,
        cached_projects: int = 1000,
        rules: tuple[Rule, ...] = SHIPPED,
        **settings: Any,
    ) -> None:
        self.store = store or Stored()
        self.core = core_with(*rules, **settings)
        self.partition = Partition(self.core, 0, self.store, cached_projects)
        for _ in self.partition.restore():
            pass
        self.partition.run_due()

    def created(self, project: str, at: float, number: int, **fields: Any) -> bool:
        """An episode is created, called after its number unless named."""
        episode = fields.pop("episode", f"ep-{number}")
        return self.take(EventType.CREATED, project, at, episode_id=episode, episode_number=number, **fields)

    def take(self, kind: EventType, project: str, at: float, **fields: Any) -> bool:
        """Any event."""
        offset = self.partition.next_offset
        event_id = fields.pop("event_id", f"ev-{offset}")
        return self.partition.take(Event(event_id, kind, project, at_ms(at), event_id, **fields), offset)

    def flush(self) -> list[bytes]:
        """Store everything; the keys in the order of writing."""
        return [key for key, _ in self.store.flush(self.partition.collect())]

    def emitted(self) -> list[tuple[str, str, str, float]]:
        """What was emitted since the last call: project, rule, status, seconds."""
        emits, self.partition.emits = self.partition.emits, []
        return [(a.project_id, a.rule_id, a.status.value, (a.updated_at_ms - at_ms(0)) / 1000) for a in emits]


# --- time


def test_an_event_of_one_project_moves_the_time_of_all() -> None:
    d = Driver()
    d.created("quiet", 0, 2)
    d.created("busy", 59.999, 1)
    assert d.emitted() == []
    d.created("busy", 60, 2)
    assert d.emitted() == [("quiet", "integrity", "firing", 60)]
    assert (d.partition.index.gaps, d.partition.index.unhealthy) == (1, {"quiet": (1, 0)})


def test_an_idle_partition_is_moved_by_the_clock() -> None:
    d = Driver()
    d.created("quiet", 0, 2)
    assert d.partition.next_deadline_ms() == at_ms(60)
    d.partition.advance_clock(at_ms(59))
    assert d.emitted() == []
    d.partition.advance_clock(at_ms(10_000))
    assert d.emitted() == [("quiet", "integrity", "firing", 60)]
    d.partition.advance_clock(at_ms(5000))
    assert d.partition.clock_ms == at_ms(10_000), "time never goes back"


def test_what_the_partitions_time_has_passed_already_happens_at_once() -> None:
    d = Driver()
    d.created("ahead", 1000, 1)
    d.created("behind", 0, 2)
    assert d.emitted() == [("behind", "integrity", "firing", 60)]
    state = d.partition.state("behind")
    assert state is not None
    assert state.deadline_ms is None or state.deadline_ms > d.partition.clock_ms


def test_an_event_sent_again_with_a_later_time_still_lets_its_project_reach_that_time() -> None:
    d = Driver()
    d.created("p", 0, 2, event_id="ev")
    d.created("p", 100, 2, event_id="ev")
    assert d.emitted() == [("p", "integrity", "firing", 60)]


def test_backfill_does_not_move_the_partitions_time() -> None:
    d = Driver()
    d.created("p", 0, 2)
    d.created("q", 1000, 1, backfill=True)
    assert d.partition.clock_ms == at_ms(0)
    assert d.emitted() == []


def test_no_deadline_is_lost_however_often_it_changes() -> None:
    d = Driver(settle_ms=60_000)
    for i in range(1500):  # a hole opens and is filled again and again; then one stays
        at = i * 0.1
        d.created("p", at, 2 * i + 2, source="s", sequence=2 * i)
        d.created("p", at, 2 * i + 1, source="s", sequence=2 * i + 1)
    d.created("p", 150, 3002)
    for i in range(1500):
        d.created(f"other-{i}", 150 + i * 0.001, 1)
    d.emitted()
    d.partition.advance_clock(at_ms(10_000))
    assert d.emitted() == [("p", "integrity", "firing", 210)]


def test_the_queue_of_deadlines_stays_as_small_as_there_are_projects() -> None:
    d = Driver()
    for i in range(1200):
        d.created("p", i * 0.01, 2 * i + 2)
        d.created("p", i * 0.01, 2 * i + 1)
    assert len(d.partition._deadlines.heap) < 1100
    project = Driver(settle_ms=10**8)
    for i in range(1200):  # ever nearer deadlines
        project.created("p", 100_000 - 10 * i, 2 * i + 2, backfill=True)
    assert len(project.partition._deadlines.heap) < 1100


# --- sums and lists


def test_sums_and_lists_follow_every_project() -> None:
    d = Driver()
    d.created("a", 0, 1)
    d.created("a", 0, 3)
    d.created("b", 0, 1)
    d.created("b", 0, 1, episode="twin")
    d.created("c", 0, 1)
    d.partition.advance_clock(at_ms(60))
    p = d.partition.index
    assert (p.projects, p.episodes, p.gaps, p.duplicates) == (3, 5, 1, 1)
    assert p.unhealthy == {"a": (1, 0), "b": (0, 1)}
    assert p.alerting == {"a", "b"}
    d.created("a", 61, 2)
    d.take(EventType.DELETED, "b", 61, episode_id="twin")
    assert (p.projects, p.episodes, p.gaps, p.duplicates, p.unhealthy, p.alerting) == (3, 5, 0, 0, {}, set())


def test_sums_after_a_restart_are_those_before_it() -> None:
    d = Driver()
    for project in range(2500):
        d.created(f"p{project}", 0, 1 + project % 2)
    d.partition.advance_clock(at_ms(60))
    d.flush()
    restored = Driver(d.store)
    for name in ("projects", "episodes", "gaps", "duplicates", "unhealthy", "alerting"):
        assert getattr(restored.partition.index, name) == getattr(d.partition.index, name), name
    assert (restored.partition.clock_ms, restored.partition.next_offset) == (
        d.partition.clock_ms,
        d.partition.next_offset,
    )
    assert dict(restored.partition.heads()) == dict(d.partition.heads())
    assert restored.emitted() == []


def test_heads_show_changes_that_are_not_stored_yet() -> None:
    d = Driver()
    d.created("a", 0, 1)
    d.flush()
    d.created("a", 1, 2)
    d.created("b", 1, 1)
    heads = dict(d.partition.heads())
    assert {name: head.episodes for name, head in heads.items()} == {"a": 2, "b": 1}
    assert d.partition.head("a") == heads["a"]
    assert d.partition.head("unknown") is None
    assert d.partition.state("unknown") is None


# --- offsets and storage


def test_a_record_read_again_is_skipped_and_is_no_resend() -> None:
    d = Driver()
    event = Event("ev", EventType.CREATION_FAILED, "p", at_ms(0), "ev")
    assert d.partition.take(event, 7)
    assert not d.partition.take(event, 7)
    state = d.partition.state("p")
    assert state is not None
    assert (state.resends, state.applied, d.partition.next_offset) == (0, 7, 8)


def test_totals_are_written_first_chunks_before_their_head_and_the_cursor_last_but_garbage() -> None:
    d = Driver()
    for number in range(1, 301):
        d.created("big", number, number)
    d.created("small", 300, 1)
    assert d.flush() == [
        changelog_keys.TOTALS,
        changelog_keys.chunk("big", 0, 299),
        changelog_keys.head("big"),
        changelog_keys.head("small"),
        changelog_keys.CURSOR,
    ]
    d.take(EventType.DELETED, "big", 301, episode_id="ep-5")
    assert d.flush() == [
        changelog_keys.TOTALS, changelog_keys.chunk("big", 0, 301), changelog_keys.head("big"), changelog_keys.CURSOR,
        changelog_keys.chunk("big", 0, 299),
    ]  # fmt: skip
    assert changelog_keys.chunk("big", 0, 299) not in d.store.values


def test_records_that_are_no_events_move_the_cursor() -> None:
    d = Driver()
    assert not d.partition.is_dirty
    d.partition.pass_over(0)
    assert d.partition.is_dirty
    changes = d.partition.collect()
    assert (changes.writes, changes.cursor, changes.garbage) == ([], Cursor(1, 0), [])
    assert not d.partition.is_dirty


def test_states_that_are_not_cached_are_read_from_the_store() -> None:
    d = Driver(cached_projects=2)
    for number in range(1, 4):
        for project in range(50):
            d.created(f"p{project}", number, number)
        d.flush()
    assert d.partition.index.episodes == 150
    assert all(d.partition.head(f"p{project}").episodes == 3 for project in range(50))  # type: ignore[union-attr]


# --- taking records while it is being collected


def collected(d: Driver, steps: int) -> Any:
    """Cut, and so many projects collected; what is left of the collecting."""
    d.partition.cut()
    left = d.partition.checkpointer.collecting()
    for _ in range(steps):
        next(left)
    return left


def store_rest(d: Driver, left: Any) -> None:
    """Collect the rest and store all of it."""
    try:
        while True:
            next(left)
    except StopIteration as end:
        d.store.flush(end.value)


def episodes_stored(d: Driver) -> dict[str, int]:
    restored = Driver(Stored(d.store.log)).partition
    return {project: head.episodes for project, head in restored.heads()}


def test_what_is_collected_is_the_partition_as_it_was_at_the_cut() -> None:
    d = Driver()
    for project in ("a", "b", "c"):
        d.created(project, 0, 1)
    left = collected(d, 1)
    for project in ("a", "b", "d"):
        d.created(project, 1, 2)
    store_rest(d, left)
    assert episodes_stored(d) == {"a": 1, "b": 1, "c": 1}
    assert Driver(Stored(d.store.log)).partition.next_offset == 3
    d.flush()
    assert episodes_stored(d) == {"a": 2, "b": 2, "c": 1, "d": 1}


def test_what_time_does_to_a_project_after_the_cut_is_not_stored_with_it() -> None:
    d = Driver()
    d.created("quiet", 0, 2)  # number 1 is missing, which is emitted after a minute
    d.created("busy", 1, 1)
    left = collected(d, 0)
    d.created("busy", 60, 2)
    assert d.emitted() == [("quiet", "integrity", "firing", 60)]
    store_rest(d, left)
    restored = Driver(Stored(d.store.log))
    restored.created("busy", 60, 2)
    assert restored.emitted() == [("quiet", "integrity", "firing", 60)], "nobody could know that it was emitted"


def test_what_a_person_changes_after_the_cut_is_not_stored_with_it() -> None:
    d = Driver()
    d.created("p", 0, 1)
    left = collected(d, 0)
    state = d.partition.state_to_change("p")
    assert state is not None
    state.resends = 7
    d.partition.touch(state)
    store_rest(d, left)
    assert Driver(Stored(d.store.log)).partition.state("p").resends == 0  # type: ignore[union-attr]
    d.flush()
    assert Driver(Stored(d.store.log)).partition.state("p").resends == 7  # type: ignore[union-attr]


def test_a_project_that_was_collected_and_forgotten_comes_back_as_it_was_collected() -> None:
    d = Driver(cached_projects=2)
    d.created("a", 0, 1)
    d.flush()
    d.created("a", 1, 2)
    left = collected(d, 1)
    for number in range(5):  # "a" is no longer cached
        d.created(f"other {number}", 2, 1)
    assert d.partition.head("a").episodes == 2  # type: ignore[union-attr]
    d.created("a", 3, 3)
    store_rest(d, left)
    d.flush()
    assert episodes_stored(d)["a"] == 3


def test_projects_that_wait_to_be_collected_are_listed_with_what_has_changed() -> None:
    d = Driver()
    for project in ("a", "b"):
        d.created(project, 0, 1)
    collected(d, 1)
    d.created("c", 1, 1)
    assert {project: head.episodes for project, head in d.partition.heads()} == {"a": 1, "b": 1, "c": 1}
    assert (d.partition.is_dirty, d.partition.checkpointer.unstored) == (True, 2)


def test_a_missing_chunk_stops_the_partition_and_says_which() -> None:
    d = Driver()
    for number in range(1, 301):
        d.created("big", number, number)
    d.flush()
    del d.store.values[changelog_keys.chunk("big", 0, 299)]
    restored = Driver(d.store)
    with pytest.raises(LookupError, match="project 'big': chunk 0 version 299 is missing from the changelog"):
        restored.partition.state("big")


def test_the_clock_that_was_stored_before_emitting_makes_a_restart_emit_the_same() -> None:
    d = Driver()
    d.created("p", 0, 2)
    d.flush()
    d.store.write((changelog_keys.CURSOR, b"\x92\x01" + b"\xcf" + at_ms(60).to_bytes(8, "big")))
    restored = Driver(d.store)
    assert restored.emitted() == [("p", "integrity", "firing", 60)]


def test_a_key_shows_its_kind_and_its_project() -> None:
    assert changelog_keys.project_of(changelog_keys.head("프로젝트 p")) == "프로젝트 p"
    kinds = {
        changelog_keys.head("x")[:1],
        changelog_keys.chunk("x", 0, 0)[:1],
        changelog_keys.CURSOR[:1],
        changelog_keys.TOTALS[:1],
    }
    assert len(kinds) == 4
    assert changelog_keys.chunk("x", 1, 2) != changelog_keys.chunk("x", 2, 1)


def test_two_rules_may_share_a_window() -> None:
    core = core_with(rule(rule_types.FAILURE_RATE, "1"), rule(rule_types.RETRY_RATE, "1"), INTEGRITY)
    assert core.rules.window_lengths == (900,)
