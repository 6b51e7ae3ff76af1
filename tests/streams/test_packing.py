"""What is written value by value against msgspec: the same bytes, whatever the size."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from librt.strings import BytesWriter

from streams.base.packing import put_array, put_bytes, put_integer, put_integers
from tests.streams.driving import examples

EDGES = [
    0,
    1,
    127,
    128,
    255,
    256,
    2**15 - 1,
    2**15,
    2**16 - 1,
    2**16,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**62,
    2**63 - 1,
]


@pytest.mark.parametrize("number", [*EDGES, *(-edge for edge in EDGES), -(2**63)])
def test_an_integer_takes_the_fewest_bytes(number: int) -> None:
    out = BytesWriter()
    put_integer(out, number)
    assert out.getvalue() == msgspec.msgpack.encode(number)


@examples(200)
@given(st.lists(st.integers(-(2**63), 2**64 - 1), max_size=20))
def test_integers_may_be_of_any_size(numbers: list[int]) -> None:
    out = BytesWriter()
    put_integers(out, numbers)
    assert out.getvalue() == msgspec.msgpack.encode(numbers)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 255, 256, 32_767, 32_768, 65_535, 65_536, 100_000])
def test_arrays_and_bytes_say_their_length(length: int) -> None:
    arrays, content = BytesWriter(), BytesWriter()
    put_array(arrays, length)
    for _ in range(length):
        put_integer(arrays, 7)
    put_bytes(content, b"x" * length)
    assert msgspec.msgpack.decode(arrays.getvalue()) == [7] * length
    assert msgspec.msgpack.decode(content.getvalue()) == b"x" * length
