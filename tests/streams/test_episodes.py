"""Who holds which number, against a plain dict: whatever is taken, shared, released, stored and read in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.numbering.chunks import CHUNK_NUMBERS, Chunk
from streams.numbering.episodes import Episodes
from tests.streams.driving import examples

NUMBERS = st.one_of(st.integers(1, 12), st.integers(250, 262), st.integers(1, 2**31 - 1))
IDS = st.one_of(st.sampled_from([b"ep-%03d" % n for n in range(40)]), st.binary(max_size=300))
ACTS = st.lists(st.tuples(IDS, st.one_of(st.none(), NUMBERS), st.booleans()), max_size=60)


def read_again(episodes: Episodes) -> Episodes:
    """After a restart."""
    chunks = []
    for chunk in episodes.chunks:
        chunks.append(Chunk(chunk.index))
        chunks[-1].restore(chunk.stored())
    again = Episodes()
    again.restore(chunks, [(number, list(owners)) for number, owners in episodes.duplicates.items()])
    return again


def move(episodes: Episodes, held: dict[bytes, int], episode: bytes, number: int | None) -> None:
    current = episodes.number_of(episode)
    assert current == held.get(episode, 0)
    if number == current:
        return
    if number is not None:
        holder = episodes.owner(number)
        assert (holder is None) == (number not in held.values())
        if holder is None:
            episodes.take(episode, number)
        else:
            episodes.share(episode, number, holder)
    if current:
        others = sum(other == current for other in held.values()) - 1
        assert episodes.release(episode, current) == others
    held.pop(episode, None)
    if number is not None:
        held[episode] = number


@examples(300)
@given(ACTS)
def test_they_say_what_a_dict_would(acts: list[tuple[bytes, int | None, bool]]) -> None:
    episodes, held = Episodes(), dict[bytes, int]()
    for episode, number, is_restarted in acts:
        if is_restarted:
            episodes = read_again(episodes)
        move(episodes, held, episode, number)
    assert dict(episodes.items()) == held
    assert (len(episodes), episodes.count) == (len(held), len(held))
    assert episodes.highest() == max(held.values(), default=0)
    shared = [each for each in held if list(held.values()).count(held[each]) > 1]
    assert episodes.shared_bytes == sum(map(len, shared))
    for episode, number in held.items():
        assert episodes.number_of(episode) == number


def test_thousands_that_come_and_go_are_found_and_forgotten() -> None:
    episodes = Episodes()
    for number in range(1, 5001):
        episodes.take(b"ep-%d" % number, number)
        if number > 100:
            episodes.release(b"ep-%d" % (number - 100), number - 100)
    assert len(episodes) == 100
    assert [episodes.number_of(b"ep-%d" % number) for number in (4900, 4901, 5000, 5001)] == [0, 4901, 5000, 0]
    assert [chunk.index for chunk in episodes.chunks] == [19]  # 4864 … 5119
    for number in range(4901, 5001):
        episodes.release(b"ep-%d" % number, number)
    assert (len(episodes), episodes.chunks, episodes.highest()) == (0, [], 0)


@pytest.mark.parametrize("first", [0, 127, 128, 200])
@pytest.mark.parametrize("owners", [1, 15, 16, 55])
def test_a_chunk_of_ids_of_one_length_reads_as_it_was(first: int, owners: int) -> None:
    chunk, again = Chunk(3), Chunk(3)
    for offset in range(first, first + owners):
        chunk.put(offset, b"episode-%05d" % offset)
    again.restore(chunk.stored())
    for each in (chunk, again):
        assert each.owners() == [None] * first + [b"episode-%05d" % n for n in range(first, first + owners)]
        assert [each.owner(n) is None for n in (first - 1, first, first + owners)] == [True, False, True]
    assert again.stored() == chunk.stored()
    assert (again.held(), again.end(), again.is_changed) == (owners, first + owners, False)


@pytest.mark.parametrize("content", [b"\x93\x00\xc4\x00\x90", b"\x93\x00\xc4\x00\x92\xc0\xc4\x01a"])
def test_a_chunk_that_older_code_may_have_stored_is_read(content: bytes) -> None:
    chunk = Chunk(0)
    chunk.restore(content)
    assert chunk.owner(0) is None
    assert chunk.owner(CHUNK_NUMBERS - 1) is None
