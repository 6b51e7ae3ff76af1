"""The packed table against a plain list: all entries that belong in one slot are found, whatever was removed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.base.open_table import WHOLE, OpenTable
from tests.streams.driving import examples

# Few lowest bits, so that many belong in one slot, and every sign.
entries = st.builds(
    lambda high, low: high << 32 | low, st.integers(-3, 3), st.sampled_from((0, 1, 2, 3, 4, 7, 2**32 - 1))
)
changes = st.lists(st.tuples(st.booleans(), entries), max_size=60)


def places(table: OpenTable, entry: int, bits: int) -> list[int]:
    """All that `find` answers, one after the other."""
    found, at = list[int](), table.find(entry, bits, entry)
    while at >= 0:
        found.append(at)
        at = table.find(entry, bits, at + 1)
    return found


@examples(300)
@given(changes=changes, asked=entries)
def test_a_table_holds_what_was_put_and_not_removed(changes: list[tuple[bool, int]], asked: int) -> None:
    table, plain = OpenTable(0), Counter[int]()
    for is_put, entry in changes:
        if is_put and not (entry == 0 and plain[0]):
            table.put(entry)
            plain[entry] += 1
        elif plain[entry]:
            table.remove(entry)
            plain[entry] -= 1
    assert table.has(asked) == (plain[asked] > 0)
    assert Counter(entry for entry in table.slots if entry) == +Counter({k: n for k, n in plain.items() if k})
    if asked:
        assert len(places(table, asked, WHOLE)) == plain[asked]
        low = 2**32 - 1
        same = [entry for entry in plain.elements() if entry and entry & low == asked & low]
        assert sorted(table.slots[at] for at in places(table, asked, low)) == sorted(same)


def test_removing_what_is_not_there_is_an_error() -> None:
    table = OpenTable(0)
    table.put(5)
    with pytest.raises(KeyError):
        table.remove(9)  # belongs in the same slot


def test_a_full_table_doubles_so_that_a_search_always_ends() -> None:
    table = OpenTable(8)
    for entry in range(1, 6):
        table.put(entry)
    assert len(table.slots) == 8
    table.put(6)
    assert len(table.slots) == 16
    assert [entry for entry in range(20) if table.has(entry)] == [1, 2, 3, 4, 5, 6]
