"""Two sequences of digests: what was removed, altered, inserted or exchanged, against a plain model and by hand."""

from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from episode_monitor.audit.alignment import Alignment, Difference, SearchLimits

SMALL = SearchLimits(first_window=8, last_window=40, confirmed_by=4)


def aligned(
    own: Iterable[Hashable], copy: Iterable[Hashable], limits: SearchLimits | None = None
) -> Iterator[Difference]:
    """The differences of two sequences of digests, in order; the marks are the digests themselves."""
    alignment = Alignment(limits)
    sources = ((alignment.own, iter(own)), (alignment.copy, iter(copy)))
    while not alignment.is_done:
        for window, source in sources:
            while alignment.wants(window):
                digests = list(islice(source, 1_000))
                window.add(digests, digests)
                window.ended = not digests
        yield from alignment.step()


def told(difference: Difference) -> tuple[str, Any, Any]:
    """`(what, place in the own, place in the copy)`."""
    own, copy = [p.number for p in difference.own], [p.number for p in difference.copy]
    if difference.own_count > 1 or difference.copy_count > 1:
        return "region", (own[0], own[-1]), (copy[0], copy[-1])
    what = "substituted" if own and copy else "removed" if own else "inserted"
    return what, own[0] if own else None, copy[0] if copy else None


def found(own: Any, copy: Any, limits: SearchLimits | None = None) -> list[tuple[str, Any, Any]]:
    return [told(each) for each in aligned(own, copy, limits)]


ROW = list(range(100))


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        (ROW, []),
        (ROW[:10] + ROW[11:], [("removed", 10, None)]),
        (ROW[1:], [("removed", 0, None)]),
        (ROW[:-1], [("removed", 99, None)]),
        ([*ROW[:10], "x", *ROW[10:]], [("inserted", None, 10)]),
        (["x", *ROW], [("inserted", None, 0)]),
        ([*ROW, "x"], [("inserted", None, 100)]),
        ([*ROW[:10], "x", *ROW[11:]], [("substituted", 10, 10)]),
        ([*ROW[:10], 11, 10, *ROW[12:]], [("substituted", 10, 10), ("substituted", 11, 11)]),
        ([*ROW[:10], 12, 11, 10, *ROW[13:]], [("substituted", 10, 10), ("substituted", 12, 12)]),
        ([*ROW[:10], 90, *ROW[11:90], 10, *ROW[91:]], [("substituted", 10, 10), ("substituted", 90, 90)]),
        ([*ROW[:10], *ROW[11:60], 10, *ROW[60:]], [("removed", 10, None), ("inserted", None, 59)]),
        ([], [("removed", place, None) for place in ROW]),
    ],
)
def test_each_edit_is_named_at_its_place(copy: list[Any], expected: list[Any]) -> None:
    assert found(ROW, copy) == expected
    assert found(ROW, copy, SMALL) == expected


def test_of_equal_records_in_a_row_as_many_are_missing_as_were_removed() -> None:
    own = [1] + [7] * 50 + [2, 3, 4, 5]
    assert [what for what, *_ in found(own, [1] + [7] * 47 + [2, 3, 4, 5])] == ["removed"] * 3


def test_an_inserted_record_is_named_between_its_neighbours() -> None:
    [difference] = aligned(ROW, [*ROW[:10], "x", *ROW[10:]])
    assert difference.after is not None
    assert difference.before is not None
    assert (difference.after.mark, difference.before.mark) == (9, 10)
    [first] = aligned(ROW, ["x", *ROW])
    assert first.after is None
    assert first.before is not None
    assert first.before.mark == 0
    [last] = aligned(ROW, [*ROW, "x"])
    assert last.after is not None
    assert last.before is None
    assert last.after.mark == 99


def test_a_long_run_that_was_removed_is_named_record_by_record() -> None:
    own = list(range(10_000))
    assert found(own, own[:100] + own[5_100:]) == [("removed", place, None) for place in range(100, 5_100)]
    assert found(own[:100] + own[5_100:], own) == [("inserted", None, place) for place in range(100, 5_100)]


def test_records_altered_densely_are_each_named() -> None:
    own = list(range(5_000))
    copy = [f"x{each}" if each % 5 == 0 else each for each in own]
    assert found(own, copy) == [("substituted", place, place) for place in range(0, 5_000, 5)]


def test_a_region_without_anything_in_common_is_named_as_a_whole() -> None:
    own = list(range(1_000))
    copy = own[:100] + [f"x{each}" for each in range(350)] + own[400:]
    assert found(own, copy) == [("region", (100, 399), (100, 449))]


def test_a_region_beyond_the_bound_ends_where_the_window_does_and_memory_stays_bounded() -> None:
    own = list(range(200))
    copy = [f"x{each}" for each in range(150)] + own[50:]
    named = found(own, copy, SMALL)
    assert named[0][0] in ("region", "substituted")
    assert rebuilt(own, copy, list(aligned(own, copy, SMALL))) == copy


def rebuilt(own: list[Any], copy: list[Any], differences: list[Difference]) -> list[Any]:
    """The own with the differences applied: nothing else may differ, or it is not the copy."""
    result: list[Any] = []
    at = 0
    for difference in differences:
        start = difference.own[0].number if difference.own else at_of(difference)
        result += own[at:start]
        at = start + difference.own_count
        if difference.copy:
            begin = difference.copy[0].number
            result += copy[begin : begin + difference.copy_count]
    return result + own[at:]


def at_of(difference: Difference) -> int:
    return 0 if difference.after is None else difference.after.number + 1


few = st.lists(st.integers(0, 3), max_size=60)


@given(few, few)
def test_the_differences_turn_the_own_into_the_copy(own: list[int], copy: list[int]) -> None:
    for limits in (None, SMALL):
        assert rebuilt(own, copy, list(aligned(own, copy, limits))) == copy


@st.composite
def edited(draw: st.DrawFn) -> tuple[list[Any], list[Any], list[tuple[str, Any]]]:
    """Distinct records, edits at least 40 apart, and what must be named."""
    own: list[Any] = list(range(draw(st.integers(100, 600))))
    spots = sorted(draw(st.sets(st.integers(0, len(own) // 40 - 1), max_size=8)))
    copy: list[Any] = []
    names: list[tuple[str, Any]] = []
    at = 0
    for spot in spots:
        place = spot * 40 + draw(st.integers(0, 3))
        copy += own[at:place]
        what = draw(st.sampled_from(["removed", "inserted", "substituted", "exchanged"]))
        new = [] if what == "removed" else ["x", own[place]] if what == "inserted" else [f"x{place}"]
        taken = 2 if what == "exchanged" else 1
        copy += own[place : place + 2][::-1] if what == "exchanged" else new
        at = place + taken
        if what == "exchanged":
            names += [("substituted", place), ("substituted", place + 1)]
        else:
            names.append((what, None if what == "inserted" else place))
    return own, copy + own[at:], names


@given(edited())
def test_edits_apart_from_each_other_are_named_exactly(case: tuple[list[Any], list[Any], list[Any]]) -> None:
    own, copy, names = case
    assert [(what, place) for what, place, _ in found(own, copy)] == names
