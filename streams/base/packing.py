"""msgpack written value by value: compiled code makes no objects in between. A small state consists of little else.

The output equals msgspec's. Long or rare values are better encoded by msgspec and appended.
"""

from typing import Final

import msgspec
from librt.strings import BytesWriter, write_i16_be, write_i32_be, write_i64_be
from mypy_extensions import i16, i32, i64

_pack: Final = msgspec.msgpack.Encoder().encode
NIL: Final = 0xC0
FALSE: Final = 0xC2
TRUE: Final = 0xC3
EMPTY_ARRAY: Final = 0x90
EMPTY_MAP: Final = 0x80


def put_integer(out: BytesWriter, number: i64) -> None:
    """In the fewest bytes."""
    if 0 <= number < 1 << 7:
        out.append(number)
    elif number < 0:
        out.write(_pack(number))
    elif number < 1 << 8:
        out.append(0xCC)
        out.append(number)
    elif number < 1 << 16:
        out.append(0xCD)
        write_i16_be(out, i16(number if number < 1 << 15 else number - (1 << 16)))
    elif number < 1 << 32:
        out.append(0xCE)
        write_i32_be(out, i32(number if number < 1 << 31 else number - (1 << 32)))
    else:
        out.append(0xCF)
        write_i64_be(out, number)


def put_array(out: BytesWriter, length: i64) -> None:
    """Begin an array of that many values."""
    if length < 1 << 4:
        out.append(EMPTY_ARRAY | length)
    elif length < 1 << 15:
        out.append(0xDC)
        write_i16_be(out, i16(length))
    else:
        out.append(0xDD)
        write_i32_be(out, i32(length))


def put_bytes(out: BytesWriter, content: bytes) -> None:
    """A binary value."""
    length: i64 = len(content)
    if length < 1 << 8:
        out.append(0xC4)
        out.append(length)
    elif length < 1 << 15:
        out.append(0xC5)
        write_i16_be(out, i16(length))
    else:
        out.append(0xC6)
        write_i32_be(out, i32(length))
    out.write(content)


def put_integers(out: BytesWriter, numbers: list[int]) -> None:
    """An array of integers, of any size."""
    put_array(out, len(numbers))
    for number in numbers:
        if 0 <= number < 1 << 62:
            put_integer(out, number)
        else:
            out.write(_pack(number))
