"""What became of findings: told entry by entry, the same from the same log, and never more than what is kept."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.event import Event
from streams.base.numbering_rules import DeletedNumbers
from streams.numbering.finding_history import KEPT, FindingHistory, FindingRecord
from streams.project.findings import finding_id, finding_of, history_of, waive
from streams.project.project_state import ProjectState
from streams.project.state_codec import HEADER_BYTES, canonical, checkpoint, decode
from streams.project.state_shapes import StoredState
from streams.project.step import advance, step
from streams.views.finding_views import entry_view, finding_detail, finding_list
from tests.streams.driving import INTEGRITY, PROJECT, Driven, at_ms, core_with, examples
from tests.streams.lives import JUMPING, NUMBERING, arrivals, lives
from tests.streams.replaying import present, replayed
from tests.streams.test_checkpoints import Shelf

HOUR = 3600


def told(driven: Driven) -> list[tuple[str, str, int, int, float]]:
    """What happened to what, and when."""
    return [(one.what, one.kind, one.first, one.last, (one.at_ms - at_ms(0)) / 1000) for one in entries(driven.state)]


def entries(state: ProjectState) -> list[FindingRecord]:
    history = state.numbering.anomalies.history
    return [] if history is None else history.entries


def texts(driven: Driven) -> list[str]:
    return [entry_view(PROJECT, one).text for one in entries(driven.state)]


def wait(driven: Driven, first: int, at: float, until: float, kind: str = "gap") -> None:
    """Mina waives the finding that begins with this number."""
    wanted = finding_id(PROJECT, kind, first)
    waive(PROJECT, driven.state.numbering, wanted, "mina", "agreed", at_ms(at), at_ms(until))
    driven.state.deadline_ms = at_ms(at)


def gap_of(*missing: int, top: int, deleted: DeletedNumbers = DeletedNumbers.GAP) -> Driven:
    """All of 1 … top but these, settled at 60 s."""
    driven = Driven(core_with(INTEGRITY, deleted=deleted))
    for number in range(1, top + 1):
        if number not in missing:
            driven.created(0, number)
    driven.until(100)
    return driven


def test_a_gap_opens_with_the_time_since_when_it_was_suspect_and_is_filled_by_an_episode() -> None:
    driven = Driven()
    driven.created(0, 1)
    driven.created(5, 3)
    driven.until(100)
    driven.created(200, 2, episode="late")
    assert told(driven) == [("opened", "gap", 2, 2, 65), ("filled", "gap", 2, 2, 200)]
    assert entries(driven.state)[0].since_ms == at_ms(5)
    assert texts(driven) == [
        "Open gap 2: no episode holds it, since 2025-10-09T08:54:05.000Z.",
        "Episode late took number 2; the gap is closed.",
    ]


def test_what_heals_before_it_settles_leaves_nothing() -> None:
    driven = Driven()
    for number in (1, 4, 3, 2, 6):
        driven.created(0, number)
    driven.created(1, 4, episode="again")
    driven.deleted(2, "again")
    driven.deleted(3, "ep-6")
    driven.until(HOUR)
    assert driven.state.numbering.anomalies.history is None


@pytest.mark.parametrize(
    ("number", "what", "rest"),
    [(3, "filled_in_part", [(4, 7)]), (7, "filled_in_part", [(3, 6)]), (5, "split", [(3, 4), (6, 7)])],
)
def test_the_rest_of_a_gap_lives_on_under_the_names_that_the_entry_gives(
    number: int, what: str, rest: list[tuple[int, int]]
) -> None:
    driven = gap_of(3, 4, 5, 6, 7, top=8)
    driven.created(200, number)
    view = entry_view(PROJECT, entries(driven.state)[-1])
    assert (view.what, view.number, view.first_number, view.last_number) == (what, number, 3, 7)
    assert [(one.first_number, one.last_number) for one in view.lives_on_as] == rest
    assert [one.finding_id for one in view.lives_on_as] == [
        found.finding_id for found in finding_list(driven.state, 0).findings
    ]


def test_what_is_left_of_a_gap_remembers_the_gap_it_was_a_part_of() -> None:
    driven = gap_of(3, 4, 5, 6, 7, 10, top=11)
    driven.created(200, 5)
    driven.created(300, 3)
    driven.created(400, 6)
    story = [
        (one.what, one.first, one.last)
        for one in history_of(PROJECT, driven.state.numbering.anomalies.history, name(7))
    ]
    assert story == [("opened", 3, 7), ("filled", 3, 7), ("filled", 6, 7)]


def test_a_part_does_not_remember_what_the_whole_was_before_it_opened_anew() -> None:
    driven = gap_of(3, top=6)
    driven.created(200, 3)
    for number in (3, 4, 5):
        driven.deleted(300, f"ep-{number}")
    driven.until(400)
    driven.created(500, 4, episode="four")
    history = driven.state.numbering.anomalies.history
    story = [(one.what, one.first, one.last) for one in history_of(PROJECT, history, name(5))]
    assert story == [("opened", 3, 3), ("opened", 4, 4), ("opened", 5, 5), ("filled", 3, 5)]
    assert [one.what for one in history_of(PROJECT, history, name(3))][:2] == ["opened", "filled"]


def name(first: int, kind: str = "gap") -> str:
    return finding_id(PROJECT, kind, first)


def test_a_finding_that_is_over_can_be_asked_for_and_returns_under_the_same_name() -> None:
    driven = gap_of(2, top=3)
    driven.created(200, 2, episode="late")
    detail = finding_detail(driven.state, name(2), at_ms(200))
    assert detail is not None
    assert (detail.finding.state, detail.finding.first_number, detail.finding.last_number) == ("over", 2, 2)
    assert [one.what for one in detail.history] == ["opened", "filled"]
    driven.deleted(300, "late")
    driven.until(400)
    detail = finding_detail(driven.state, name(2), at_ms(400))
    assert detail is not None
    assert detail.finding.state == "open"
    assert [(one.what, one.since) for one in detail.history] == [
        ("opened", "2025-10-09T08:54:00.000Z"), ("filled", None), ("opened", "2025-10-09T08:59:00.000Z"),
    ]  # fmt: skip
    assert finding_detail(driven.state, name(3), at_ms(400)) is None


def test_gaps_that_meet_become_one_which_remembers_both() -> None:
    driven = gap_of(2, 4, top=5)
    driven.deleted(200, "ep-3")
    driven.until(300)
    assert told(driven)[2:] == [("opened", "gap", 3, 3, 260)]
    assert texts(driven)[2] == (
        "Open gap 3: no episode holds it, since 2025-10-09T08:57:20.000Z. With those next to it, the gap is 2 … 4 now."
    )
    for first, state in ((2, "open"), (3, "over"), (4, "over")):
        found = finding_of(PROJECT, driven.state.numbering, name(first))
        assert found is not None
        assert found[0].state == state
    assert [one.first for one in history_of(PROJECT, driven.state.numbering.anomalies.history, name(2))] == [2, 4, 3]
    assert [one.first for one in history_of(PROJECT, driven.state.numbering.anomalies.history, name(4))] == [4, 3]


@pytest.mark.parametrize("deleted", DeletedNumbers)
def test_a_gap_heals_when_the_highest_number_falls_below_it(deleted: DeletedNumbers) -> None:
    driven = gap_of(2, 4, top=5, deleted=deleted)
    driven.deleted(200, "ep-5")
    assert told(driven)[2:] == [("healed", "gap", 4, 4, 200)]
    assert texts(driven)[2] == "Episode ep-5 left the highest number, and 4 lies above the present highest number."
    assert entry_view(PROJECT, entries(driven.state)[2]).how == "top_lowered"


@pytest.mark.parametrize(("how", "text"), [("deleted", "was deleted"), ("renumbered", "got another number")])
def test_a_duplicate_heals_when_one_of_two_leaves(how: str, text: str) -> None:
    driven = gap_of(top=3)
    driven.created(100, 2, episode="again")
    driven.created(101, 2, episode="thrice")
    driven.until(200)
    driven.deleted(201, "thrice")
    if how == "deleted":
        driven.deleted(202, "again")
    else:
        driven.renumbered(202, "again", 4)
    assert told(driven) == [("opened", "duplicate", 2, 2, 160), ("healed", "duplicate", 2, 2, 202)]
    view = entry_view(PROJECT, entries(driven.state)[1])
    assert (view.how, view.episode_id) == (how, "again")
    assert view.text == f"Episode again {text}, and one episode alone holds number 2 now."


def test_a_waiver_its_end_and_what_is_filled_meanwhile() -> None:
    driven = gap_of(3, 4, 5, top=6)
    wait(driven, 3, 200, HOUR)
    driven.created(300, 4)
    driven.until(HOUR)
    assert told(driven)[1:] == [
        ("waived", "gap", 3, 5, 200),
        ("filled", "gap", 3, 5, 300),
        ("reopened", "gap", 3, 3, HOUR),
        ("reopened", "gap", 5, 5, HOUR),
    ]
    waived = entry_view(PROJECT, entries(driven.state)[1])
    assert (waived.by, waived.reason, waived.until) == ("mina", "agreed", "2025-10-09T09:54:00.000Z")
    assert waived.text == "mina waived 3 … 5 until 2025-10-09T09:54:00.000Z: agreed"
    assert texts(driven)[2:] == [
        "Episode ep-4 took number 4; still missing: 3 and 5.",
        "The waiver has expired, and 3 counts again.",
        "The waiver has expired, and 5 counts again.",
    ]


def test_waivers_that_end_together_are_over_in_the_order_of_their_numbers_stored_or_not() -> None:
    driven = gap_of(2, 4, top=5)
    wait(driven, 4, 200, HOUR)
    wait(driven, 2, 201, HOUR)
    read = decode(driven.core, PROJECT, checkpoint(driven.state).head, lambda chunk, version: b"")
    for state in (driven.state, read):
        advance(driven.core, state, at_ms(HOUR))
        assert [(one.what, one.first) for one in entries(state)[-2:]] == [("reopened", 2), ("reopened", 4)]


def test_waived_findings_heal_too() -> None:
    driven = gap_of(2, 4, top=5)
    driven.created(100, 1, episode="again")
    driven.until(200)
    wait(driven, 4, 200, HOUR)
    wait(driven, 1, 200, HOUR, kind="duplicate")
    driven.deleted(300, "again")
    driven.deleted(301, "ep-5")
    assert told(driven)[-2:] == [("healed", "duplicate", 1, 1, 300), ("healed", "gap", 4, 4, 301)]
    driven.until(2 * HOUR)
    assert len(entries(driven.state)) == 7


def test_a_late_event_bears_its_own_time() -> None:
    driven = gap_of(2, top=3)
    driven.created(30, 2)
    assert told(driven) == [("opened", "gap", 2, 2, 60), ("filled", "gap", 2, 2, 30)]


def test_the_oldest_entries_go_first_and_are_counted() -> None:
    driven = gap_of(*range(2, 2 * KEPT + 1, 2), top=2 * KEPT + 1)
    history = driven.state.numbering.anomalies.history
    assert history is not None
    assert (len(history.entries), history.dropped) == (KEPT, 0)
    driven.created(200, 4)
    assert (len(history.entries), history.dropped) == (KEPT, 1)
    listed = finding_list(driven.state, at_ms(200))
    assert (listed.history[0].first_number, listed.history[-1].number, listed.history_dropped) == (4, 4, 1)
    forgotten = finding_detail(driven.state, name(2), at_ms(200))
    assert forgotten is not None
    assert (forgotten.finding.state, forgotten.history, forgotten.history_dropped) == ("open", [], 1)


def test_a_project_without_findings_stores_nothing_of_it() -> None:
    driven = Driven()
    driven.created(0, 1)
    driven.created(1, 3)
    stored = msgspec.msgpack.decode(checkpoint(driven.state).head[HEADER_BYTES:])
    assert len(stored) == len(StoredState.__struct_fields__) == 3


def test_what_was_stored_before_there_was_a_history_is_read() -> None:
    driven = gap_of(2, top=3)
    driven.state.numbering.anomalies.history = None
    read = decode(driven.core, PROJECT, checkpoint(driven.state).head, lambda chunk, version: b"")
    assert read.numbering.anomalies.history is None
    step(driven.core, read, driven.events[-1])
    detail = finding_detail(read, name(2), at_ms(100))
    assert detail is not None
    assert (detail.finding.state, detail.history) == ("open", [])


CORE = core_with(INTEGRITY, max_jump=20, settle_ms=20_000)
Act = tuple[Event | None, int]  # an event, or somebody waives the finding of this place


@st.composite
def scripts(draw: st.DrawFn) -> list[Act]:
    """Events as they arrive, and waivers between them."""
    kinds = (*NUMBERING, *JUMPING, "lose", "create", "create", "twice")
    life = draw(lives(*kinds, waits_ms=(0, 1, 7000, 31_000, 100_000), max_size=30))
    script: list[Act] = []
    for event in draw(arrivals(life)):
        script.append((event, 0))
        if draw(st.integers(0, 5)) == 0:
            script.append((None, draw(st.integers(0, 3))))
    return script


def act(state: ProjectState, doing: Act) -> None:
    event, place = doing
    if event is not None:
        step(CORE, state, event)
        return
    now_ms = state.now_ms + 1
    open_now = sorted(one for one in present(state.numbering) if one[3] is None)
    if open_now:
        kind, first, _, _ = open_now[place % len(open_now)]
        wanted = finding_id(PROJECT, kind, first)
        waive(PROJECT, state.numbering, wanted, f"by-{place}", "agreed", now_ms, now_ms + 60_000)
        state.deadline_ms = now_ms


@examples(400)
@given(scripts())
def test_a_history_replayed_from_nothing_gives_what_is_open_and_waived(script: list[Act]) -> None:
    state, seen = ProjectState(CORE, PROJECT), 0
    all_told: list[FindingRecord] = []
    for doing in script:
        act(state, doing)
        history = state.numbering.anomalies.history or FindingHistory()
        news = len(history.entries) + history.dropped - seen
        assert news <= KEPT
        all_told += history.entries[len(history.entries) - news :]
        seen += news
        assert replayed(all_told) == present(state.numbering)


@examples(200)
@given(scripts(), st.data())
def test_storing_and_reading_at_any_point_changes_no_history_and_the_same_log_gives_the_same(
    script: list[Act], data: st.DataObject
) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(script)), max_size=4))
    kept, again, read = (ProjectState(CORE, PROJECT) for _ in range(3))
    shelf = Shelf()
    for place, doing in enumerate(script):
        for state in (kept, again, read):
            act(state, doing)
            state.applied = place
        if place in cuts:
            shelf.put(read)
            read = shelf.get(CORE)
    for state in (kept, again, read):
        advance(CORE, state, state.now_ms + 10_000_000)
    assert canonical(kept) == canonical(read)
    assert kept.numbering.anomalies.history == again.numbering.anomalies.history == read.numbering.anomalies.history


@examples(200)
@given(scripts())
def test_every_finding_has_a_story_that_begins_when_it_opened(script: list[Act]) -> None:
    state = ProjectState(CORE, PROJECT)
    for doing in script:
        act(state, doing)
    history = state.numbering.anomalies.history
    if history is None or history.dropped:
        return
    for kind, first, _, by in present(state.numbering):
        wanted = finding_id(PROJECT, kind, first)
        story = history_of(PROJECT, history, wanted)
        assert story[0].what == "opened"
        assert (story[-1].what == "waived" or by is None) or any(one.by == by for one in story)
        last = story[-1]
        names = {finding_id(PROJECT, kind, low) for low, _ in (*last.lives_on, *last.ended)}
        assert wanted in names
