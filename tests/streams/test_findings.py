"""Findings by name, and what a person waives of them: gone until the time is over, back unless filled meanwhile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alert import Alert, AlertStatus
from streams.base.numbering_rules import NumberingRules
from streams.numbering.numbering import Numbering
from streams.project.findings import Finding, WaiverRefusal, findings_of, waive
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import evaluate
from streams.project.state_codec import canonical, checkpoint, decode, head_of
from streams.project.step import advance
from streams.views.project_views import oldest_since, project_view
from tests.streams.driving import PROJECT, Driven, at_ms, examples

HOUR = 3600


def named(state: ProjectState) -> list[tuple[str, str, int, int]]:
    return [(one.kind, one.state, one.first, one.last) for one in findings_of(PROJECT, state.numbering)]


def open_one(state: ProjectState, first: int) -> Finding:
    return next(one for one in findings_of(PROJECT, state.numbering) if one.first == first)


def waived(driven: Driven, first: int, at: float, until: float) -> Finding | WaiverRefusal:
    wanted = open_one(driven.state, first).finding_id
    return waive(PROJECT, driven.state.numbering, wanted, "mina", "agreed", at_ms(at), at_ms(until))


def trouble() -> Driven:
    """1, 2, 5, 6, 6 of which 3 … 4 is missing and 6 held twice; all settled."""
    driven = Driven()
    for number in (1, 2, 5, 6):
        driven.created(0, number)
    driven.created(1, 6, episode="again")
    driven.until(100)
    return driven


def test_a_finding_keeps_its_name_from_suspect_to_open() -> None:
    driven = Driven()
    driven.created(0, 1)
    driven.created(0, 3)
    (suspect,) = findings_of(PROJECT, driven.state.numbering)
    assert (suspect.state, suspect.since_ms, suspect.settles_ms) == ("suspect", at_ms(0), at_ms(60))
    driven.until(60)
    (settled,) = findings_of(PROJECT, driven.state.numbering)
    assert (settled.state, settled.finding_id) == ("open", suspect.finding_id)


def test_each_gap_and_duplicate_has_a_name_of_its_own() -> None:
    found = list(findings_of(PROJECT, trouble().state.numbering))
    assert [(one.kind, one.first, one.last) for one in found] == [("gap", 3, 4), ("duplicate", 6, 6)]
    assert len({one.finding_id for one in found}) == 2
    assert found[0].finding_id not in {one.finding_id for one in findings_of("other", trouble().state.numbering)}


def test_a_waived_finding_leaves_the_totals_and_comes_back_when_its_time_is_over() -> None:
    driven = trouble()
    assert not isinstance(waived(driven, 3, 100, HOUR), WaiverRefusal)
    assert not isinstance(waived(driven, 6, 100, HOUR), WaiverRefusal)
    driven.until(101)
    head = head_of(driven.state)
    assert (head.gaps, head.duplicates, head.is_healthy) == (0, 0, True)
    assert named(driven.state) == [("duplicate", "waived", 6, 6), ("gap", "waived", 3, 4)]
    driven.until(HOUR - 0.001)
    assert head_of(driven.state).is_healthy
    driven.until(HOUR)
    assert named(driven.state) == [("gap", "open", 3, 4), ("duplicate", "open", 6, 6)]
    assert driven.state.numbering.anomalies.waived == []


def test_the_alert_ends_with_the_waiver_and_begins_anew_after_it() -> None:
    driven = trouble()
    waived(driven, 3, 100, HOUR)
    waived(driven, 6, 100, HOUR)
    emits: list[Alert] = []
    evaluate(driven.core, driven.state, at_ms(100), emits, None)
    assert [alert.status for alert in emits] == [AlertStatus.RESOLVED]
    emits = advance(driven.core, driven.state, at_ms(HOUR))
    assert [(alert.status, alert.starts_at_ms) for alert in emits] == [(AlertStatus.FIRING, at_ms(HOUR))]


def test_what_is_filled_meanwhile_does_not_come_back() -> None:
    driven = trouble()
    waived(driven, 3, 100, HOUR)
    driven.created(200, 3)
    driven.until(HOUR)
    assert named(driven.state) == [("gap", "open", 4, 4), ("duplicate", "open", 6, 6)]


def test_a_number_lost_again_is_a_new_finding() -> None:
    driven = trouble()
    waived(driven, 3, 100, HOUR)
    driven.created(200, 3, episode="three")
    driven.deleted(201, "three")
    driven.until(300)
    assert ("gap", "open", 3, 3) in named(driven.state)


def test_only_open_findings_can_be_waived_and_each_once() -> None:
    driven = trouble()
    driven.created(100, 9)
    suspect = open_one(driven.state, 7)
    numbering = driven.state.numbering
    assert waive(PROJECT, numbering, suspect.finding_id, "m", "r", at_ms(101), at_ms(HOUR)) is WaiverRefusal.NOT_OPEN
    assert waive(PROJECT, numbering, "nothing", "m", "r", at_ms(101), at_ms(HOUR)) is WaiverRefusal.UNKNOWN
    waived(driven, 3, 101, HOUR)
    assert waived(driven, 3, 102, HOUR) is WaiverRefusal.NOT_OPEN


def test_a_waiver_lasts_a_year_at_most() -> None:
    driven = trouble()
    found = waived(driven, 3, 100, 10 * 366 * 86_400)
    assert isinstance(found, Finding)
    assert found.waiver is not None
    assert found.waiver.until_ms - found.waiver.at_ms == 366 * 86_400_000


@pytest.mark.parametrize("first", [3, 6])
def test_a_waiver_survives_storing(first: int) -> None:
    driven = trouble()
    waived(driven, first, 100, HOUR)
    stored = checkpoint(driven.state)
    again = decode(driven.core, PROJECT, stored.head, lambda chunk, version: b"")
    assert canonical(again) == canonical(driven.state)
    assert named(again) == named(driven.state)
    advance(driven.core, again, at_ms(HOUR))
    assert len([one for one in named(again) if one[1] == "open"]) == 2


RULES = NumberingRules(max_jump=1000)
NUMBERS = st.lists(st.integers(1, 12), min_size=1, max_size=12)


def told(numbers: list[int], begin: int = 0) -> Numbering:
    numbering = Numbering(RULES)
    tell(numbering, numbers, begin)
    numbering.settle(at_ms(100))
    return numbering


def tell(numbering: Numbering, numbers: list[int], begin: int) -> None:
    for place, number in enumerate(numbers, begin):
        numbering.hold(f"e{place}".encode(), number, at_ms(0), at_ms(0), at_ms(0) - 60_000)


@examples(300)
@given(NUMBERS, NUMBERS, st.data())
def test_what_comes_after_a_waiver_ends_the_same_in_any_order_and_repeated(
    before: list[int], after: list[int], data: st.DataObject
) -> None:
    """Waiving changes only what is counted: once it is over, all is as if it had never been."""
    episodes = [(f"a{place}".encode(), number) for place, number in enumerate(after)]
    ends = []
    for arriving in (episodes, data.draw(st.permutations(episodes)) + episodes):
        numbering = told(before)
        for finding in list(findings_of("p", numbering)):
            waive("p", numbering, finding.finding_id, "m", "r", at_ms(100), at_ms(500))
        assert not numbering.anomalies.findings
        for episode, number in arriving:
            numbering.hold(episode, number, at_ms(200), at_ms(200), at_ms(200) - 60_000)
        numbering.settle(at_ms(499))
        waiting = sorted((one.kind, one.first, one.last) for one in numbering.anomalies.waived)
        numbering.settle(at_ms(500))
        assert numbering.anomalies.waived == []
        ends.append((waiting, list(numbering.anomalies.open_gaps), sorted(numbering.anomalies.open_duplicates)))
    assert ends[0] == ends[1]
    plain = told(before)
    for episode, number in episodes:
        plain.hold(episode, number, at_ms(200), at_ms(200), at_ms(200) - 60_000)
    plain.settle(at_ms(500))
    assert ends[0][1:] == (list(plain.anomalies.open_gaps), sorted(plain.anomalies.open_duplicates))


def since(state: ProjectState) -> dict[tuple[str, str, int], int | None]:
    """Kind, state and first number -> seconds."""
    return {
        (one.kind, one.state, one.first): None if one.since_ms is None else (one.since_ms - at_ms(0)) // 1000
        for one in findings_of(PROJECT, state.numbering)
    }


def test_an_open_finding_says_since_when_its_numbers_were_missing_or_shared() -> None:
    assert since(trouble().state) == {("gap", "open", 3): 0, ("duplicate", "open", 6): 1}


def test_a_waived_finding_says_the_same() -> None:
    driven = trouble()
    waived(driven, 3, at=100, until=HOUR)
    waived(driven, 6, at=100, until=HOUR)
    assert since(driven.state) == {("gap", "waived", 3): 0, ("duplicate", "waived", 6): 1}


def test_of_a_gap_that_grew_together_the_oldest_part_decides_and_the_refilled_part_counts_anew() -> None:
    driven = Driven()
    driven.created(0, 1)
    driven.created(0, 5)  # 2 … 4 are missing
    driven.until(100)
    driven.created(200, 3, episode="three")  # 2 and 4 are left
    assert since(driven.state) == {("gap", "open", 2): 0, ("gap", "open", 4): 0}
    driven.created(210, 2, episode="two")
    driven.created(220, 4, episode="four")
    driven.deleted(300, "two")
    driven.until(400)
    assert since(driven.state) == {("gap", "open", 2): 300}
    driven.deleted(500, "three")
    driven.until(600)
    assert since(driven.state) == {("gap", "open", 2): 300}


def test_a_gap_of_which_one_part_is_older_than_the_recorded_history_has_no_time() -> None:
    driven = Driven()
    driven.created(0, 1)
    driven.created(0, 3, episode="three")
    driven.created(0, 5)
    driven.until(100)  # 2 and 4 are open
    driven.deleted(200, "three")
    driven.until(300)
    assert since(driven.state) == {("gap", "open", 2): 0}
    history = driven.state.numbering.anomalies.history
    assert history is not None
    del history.entries[0]  # 2 opened
    assert since(driven.state) == {("gap", "open", 2): None}


def test_a_finding_that_is_older_than_the_recorded_history_has_no_time() -> None:
    driven = trouble()
    history = driven.state.numbering.anomalies.history
    assert history is not None
    del history.entries[0]  # the gap opened
    assert since(driven.state) == {("gap", "open", 3): None, ("duplicate", "open", 6): 1}


def test_the_list_of_projects_says_since_when_the_oldest_finding_is_there_if_all_are_known() -> None:
    driven = Driven()
    driven.created(0, 1)
    assert oldest_since(driven.state) is None
    driven = trouble()
    assert oldest_since(driven.state) == "2025-10-09T08:54:00.000Z"
    view = project_view(driven.state, 0, at_ms(100))
    assert view.gap_since == ["2025-10-09T08:54:00.000Z"]
    assert view.duplicate_since == {"6": "2025-10-09T08:54:01.000Z"}
    history = driven.state.numbering.anomalies.history
    assert history is not None
    del history.entries[0]
    assert oldest_since(driven.state) is None
    assert project_view(driven.state, 0, at_ms(100)).gap_since == [None]
