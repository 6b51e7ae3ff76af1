"""A 64-bit digest of all that a project holds: the same from texts, from stored states and from a database's bytes.

Numbers are hashed as 64-bit integers in ascending order, then the owners: UUIDs in 16 bytes each behind a mark, others
as UTF-8 with a zero byte between. Several owners of a number are ordered by id.
"""

from array import array
from collections.abc import Sequence

from xxhash import xxh3_64_intdigest

from streams.base.ids import UUID_LENGTH, UUID_MARK, unpack_id

SEPARATOR = b"\0"
_UUID_BYTES = 16
_DASHES = (8, 13, 18, 23)
_NUMBER_BYTES = 8
_COUNTED = 1 << 14  # most projects hold a run of numbers below this one: 128 KiB made once
_COUNTING = array("q", range(_COUNTED)).tobytes()


def digest(numbers: Sequence[int], owners: Sequence[str]) -> int:
    """Equal for equal holdings. Both in the order of the numbers; equal numbers in that of the ids."""
    return of_bytes(array("q", numbers).tobytes(), joined([owner.encode(errors="surrogatepass") for owner in owners]))


def of_bytes(numbers: bytes, owners: bytes) -> int:
    """`digest` of numbers as this machine's 64-bit integers and owners as `joined` and its like give them."""
    return xxh3_64_intdigest(numbers + owners)


def run(first: int, end: int) -> bytes:
    """The numbers from `first` to before `end` as `of_bytes` takes them."""
    if end <= _COUNTED:
        return _COUNTING[first * _NUMBER_BYTES : end * _NUMBER_BYTES]
    return array("q", range(first, end)).tobytes()


# --- owners


def joined(owners: Sequence[bytes]) -> bytes:
    """For ids in UTF-8."""
    return joined_texts(SEPARATOR.join(owners), len(owners))


def joined_texts(owners: bytes, count: int) -> bytes:
    """For `count` ids in UTF-8 that are separated by zero bytes already."""
    if not count or len(owners) != count * (UUID_LENGTH + 1) - 1:
        return owners
    line = owners + SEPARATOR
    width = UUID_LENGTH + 1
    if line[UUID_LENGTH::width] != SEPARATOR * count or any(line[at::width] != b"-" * count for at in _DASHES):
        return owners
    digits = line.translate(None, b"-\0")
    if len(digits) != 2 * _UUID_BYTES * count or not digits.isalnum() or digits != digits.lower():
        return owners
    try:
        return UUID_MARK + bytes.fromhex(digits.decode("ascii"))
    except ValueError:  # letters that are no hexadecimal digits, or not ASCII
        return owners


def joined_uuids(owners: bytes) -> bytes:
    """For UUIDs of 16 bytes each."""
    return UUID_MARK + owners if owners else b""


def joined_packed(owners: Sequence[bytes]) -> bytes:
    """For ids as states hold them."""
    found = SEPARATOR.join(owners)
    if UUID_MARK not in found:
        return found
    if all(owner[:1] == UUID_MARK for owner in owners):
        return UUID_MARK + b"".join([owner[1:] for owner in owners])
    return joined([unpack_id(owner).encode() for owner in owners])


def joined_chunk(prefix: bytes, rest: Sequence[bytes]) -> bytes:
    """For ids as a stored chunk holds them. Raises TypeError where one is None."""
    if prefix[:1] == UUID_MARK:
        common = prefix[1:]
        return UUID_MARK + common + common.join(rest)
    found = prefix + (SEPARATOR + prefix).join(rest)
    return found if UUID_MARK not in found else joined_packed([prefix + one for one in rest])


def together(parts: Sequence[bytes]) -> bytes | None:
    """For the parts of a project; None where some are UUIDs and some are not."""
    if len(parts) == 1:
        return parts[0]
    marked = sum(part[:1] == UUID_MARK for part in parts)
    if not marked:
        return SEPARATOR.join(parts)
    return UUID_MARK + b"".join([part[1:] for part in parts]) if marked == len(parts) else None


# --- of a database


def of_database(numbers: "array[int]", owners: bytes, *, are_uuids: bool) -> int:
    """Numbers in ascending order, and as many owners: 16 bytes each, or in UTF-8 with a zero byte between. 0: none."""
    count = len(numbers)
    if not count:
        return 0
    raw = numbers.tobytes()
    if raw != run(numbers[0], numbers[0] + count) and len(set(numbers)) < count:
        return _with_duplicates(numbers, apart(owners, are_uuids=are_uuids), are_uuids=are_uuids)
    return of_bytes(raw, joined_uuids(owners) if are_uuids else joined_texts(owners, count))


def apart(owners: bytes, *, are_uuids: bool) -> list[bytes]:
    """The owners as a list."""
    if are_uuids:
        return [owners[at : at + _UUID_BYTES] for at in range(0, len(owners), _UUID_BYTES)]
    return owners.split(SEPARATOR)


def put_together(owners: Sequence[bytes], *, are_uuids: bool) -> bytes:
    """The inverse of `apart`."""
    return (b"" if are_uuids else SEPARATOR).join(owners)


def _with_duplicates(numbers: "array[int]", owners: list[bytes], *, are_uuids: bool) -> int:
    """UTF-8 sorts as its text does, and a UUID's bytes as its digits."""
    pairs = sorted(zip(numbers, owners, strict=True))
    in_order = [owner for _, owner in pairs]
    packed = joined_uuids(b"".join(in_order)) if are_uuids else joined(in_order)
    return of_bytes(numbers.tobytes(), packed)
