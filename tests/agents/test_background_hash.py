"""The hash that works in a thread is SHA-256, whatever falls into the thread and whatever does not."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine import background_hash
from agents.engine.background_hash import BackgroundHash


@given(st.lists(st.integers(0, 90_000), max_size=12))
def test_pieces_of_any_length_give_the_hash_of_all_of_them(lengths: list[int]) -> None:
    pieces = [bytes([place]) * length for place, length in enumerate(lengths)]
    with ThreadPoolExecutor(1) as threads:
        ours = BackgroundHash(threads)
        for piece in pieces:
            ours.update(piece)
        assert ours.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_short_pieces_need_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_hash, "INLINE_BYTES", 4)
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    ours = BackgroundHash(threads)
    ours.update(b"abc")
    assert ours.hexdigest() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(RuntimeError):
        ours.update(b"abcd")
