"""The bounded memories against plain lists and sets: what stays does not depend on the order of arrival."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.base.ids import hash_of, pack_id, unpack_id
from streams.base.intervals import IntervalSet
from streams.rates.dedup_window import MAX_INTERVALS, MAX_SOURCES, RecentKeys, SequenceMemory
from tests.streams.driving import examples

# --- intervals

edits = st.tuples(st.booleans(), st.integers(-5, 60), st.integers(0, 12))


def spread(numbers: IntervalSet) -> set[int]:
    return {n for start, end in numbers for n in range(start, end + 1)}


@examples(300)
@given(edits=st.lists(edits, max_size=30), asked=st.tuples(st.integers(-5, 60), st.integers(0, 20)))
def test_an_interval_set_is_a_set(edits: list[tuple[bool, int, int]], asked: tuple[int, int]) -> None:
    numbers, plain = IntervalSet(), set[int]()
    for adds, start, length in edits:
        part = set(range(start, start + length + 1))
        if adds:
            numbers.add(start, start + length)
            plain |= part
        else:
            assert numbers.discard(start, start + length) == bool(plain & part)
            plain -= part
        assert spread(numbers) == plain
        assert numbers.count == len(plain)
    intervals = list(numbers)
    assert intervals == sorted(intervals)
    assert all(end + 1 < start for (_, end), (start, _) in pairwise(intervals)), "maximal"
    assert len(numbers) == len(intervals)
    assert list(IntervalSet(intervals)) == intervals
    start, end = asked[0], asked[0] + asked[1]
    outside = [n for first, last in numbers.outside(start, end) for n in range(first, last + 1)]
    assert outside == [n for n in range(start, end + 1) if n not in plain]
    assert numbers.first_numbers(asked[1]) == sorted(plain)[: asked[1]]
    assert [n in numbers for n in range(-6, 80)] == [n in plain for n in range(-6, 80)]
    numbers.discard_above(start)
    assert spread(numbers) == {n for n in plain if n <= start}


# --- the newest keys

puts = st.tuples(st.integers(0, 30), st.integers(0, 9), st.booleans())


@examples(300)
@given(st.data(), st.integers(1, 30))
def test_the_newest_keys_by_time_and_key_stay_in_any_order_of_arrival(data: st.DataObject, limit: int) -> None:
    entries = data.draw(st.dictionaries(st.integers(-(2**63), 2**63 - 1), st.integers(1, 6), max_size=40))
    newest = sorted(entries.items(), key=lambda entry: (entry[1], entry[0] % 2**64))[-limit:]  # as without a sign
    for _ in range(2):
        memory = RecentKeys(limit)
        for key in data.draw(st.permutations(sorted(entries))):
            memory.put(key, entries[key])
        assert {key for key in entries if memory.has(key)} == dict(newest).keys()
        memory.settle()
        assert list(zip(memory.keys, memory.times, strict=True)) == newest
        again = RecentKeys(limit)
        again.restore(memory.keys, memory.times)
        assert list(zip(again.keys, again.times, strict=True)) == newest
        assert {key for key in entries if again.has(key)} == dict(newest).keys()


@examples(200)
@given(st.lists(puts, max_size=80), st.integers(1, 12))
def test_a_key_that_is_put_again_counts_at_its_latest_time(puts: list[tuple[int, int, bool]], limit: int) -> None:
    memory, plain = RecentKeys(limit), dict[int, int]()
    for key, at_ms, asks in puts:
        at_ms = max(at_ms, plain.get(key, 0))
        if memory.holds(key):
            memory.drop(key)
        memory.put(key, at_ms)
        plain[key] = at_ms
        if len(plain) > limit:
            del plain[min(plain, key=lambda known: (plain[known], known))]
        assert len(memory) <= 2 * limit
        if asks:
            assert memory.has(key) == (key in plain)
    memory.settle()
    assert dict(zip(memory.keys, memory.times, strict=True)) == plain


# --- sequence numbers


@examples(200)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40)), max_size=60))
def test_a_sequence_number_is_news_exactly_once(sent: list[tuple[str, int]]) -> None:
    memory, seen = SequenceMemory(), set[tuple[str, int]]()
    for source, sequence in sent:
        assert memory.is_news(source, sequence, 0, 1) == ((source, sequence) not in seen)
        seen.add((source, sequence))


def test_a_resend_is_recognised_however_long_ago_it_was() -> None:
    memory = SequenceMemory()
    assert all(memory.is_news("svc", sequence, sequence, 0) for sequence in range(100_000))
    assert not any(memory.is_news("svc", sequence, 0, 0) for sequence in range(0, 100_000, 997))
    assert memory.sources["svc"].intervals == [[0, 99_999]]


def test_sequence_numbers_that_lie_apart_are_remembered_up_to_a_limit_and_below_it_event_time_decides() -> None:
    memory = SequenceMemory()
    for sequence in range(0, 10 * (MAX_INTERVALS + 5), 10):
        assert memory.is_news("svc", sequence, 1000 + sequence, 0)
    known = memory.sources["svc"]
    assert (len(known.intervals), known.floor) == (MAX_INTERVALS, 50)
    assert not memory.is_news("svc", 50, 1050, 1000)
    assert memory.is_news("svc", 51, 1051, 1000), "new, and above what is forgotten"
    assert not memory.is_news("svc", 40, 999, 1000), "as old as that it was sent before"
    assert memory.is_news("svc", 41, 1041, 1000), "recent: it was only overtaken by many"


@examples(100)
@given(st.data())
def test_what_is_remembered_of_a_source_does_not_depend_on_the_order(data: st.DataObject) -> None:
    numbers = data.draw(st.sets(st.integers(0, 3 * MAX_INTERVALS), max_size=MAX_INTERVALS))
    found = []
    for _ in range(2):
        memory = SequenceMemory()
        for sequence in data.draw(st.permutations(sorted(numbers))):
            assert memory.is_news("svc", sequence, 5, 5)
        found.append([known.intervals for known in memory.sources.values()])
    assert found[0] == found[1]


def test_the_source_heard_of_longest_ago_is_forgotten_first() -> None:
    memory = SequenceMemory()
    for i in range(MAX_SOURCES):
        memory.is_news(f"svc-{i:02}", 1, 100 + i, 0)
    memory.is_news("svc-00", 2, 500, 0)
    memory.is_news("new", 1, 600, 0)
    assert "svc-01" not in memory.sources
    assert {"svc-00", "new"} <= memory.sources.keys()


# --- identities


@pytest.mark.parametrize(
    ("episode", "length"),
    [
        ("3f1c9a52-77aa-4e0b-9c1d-0123456789ab", 17),
        ("3F1C9A52-77AA-4E0B-9C1D-0123456789AB", 36),  # another spelling is another id
        ("3f1c9a52-77aa-4e0b-9c1d-0123456789ag", 36),
        ("3f1c9a52x77aa-4e0b-9c1d-0123456789ab", 36),
        ("3f1c9a52-77aa-4e0b-9c1d-01234567\u0661\u0662", 36),
        ("ep_456", 6),
        ("에피소드", 12),
        ("ÿ", 2),
    ],
)
def test_an_episode_id_survives_packing(episode: str, length: int) -> None:
    assert unpack_id(pack_id(episode)) == episode
    assert len(pack_id(episode)) == length


@examples(300)
@given(
    st.one_of(
        st.text(min_size=1),
        st.uuids().map(str),
        st.text("0123456789abcdefABCDEF-", min_size=36, max_size=36),
        st.from_regex(r"[0-9a-fA-F²]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", fullmatch=True),
    )
)
def test_packing_is_exact_for_any_text(episode: str) -> None:
    if not any(0xD800 <= ord(character) < 0xE000 for character in episode):
        assert unpack_id(pack_id(episode)) == episode


def test_hashes_are_the_same_on_every_machine() -> None:
    assert hash_of("ev-1") == hash_of("ev-1")
    assert hash_of("") == 0x2D06800538D394C2  # XXH3 of nothing, as its authors publish it
    assert hash_of("ev-1") != hash_of("ev-2")
