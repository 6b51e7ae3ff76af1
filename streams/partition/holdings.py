"""A project's numbers and owners for the comparison with the database: as a digest, or in full.

Only the numbers are decoded and nothing is cached: a comparison of all projects must not displace those that events
come for.
"""

from array import array
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from streams.base import changelog_keys
from streams.base.ids import unpack_id
from streams.numbering import digests
from streams.numbering.chunks import CHUNK_SHIFT, Chunk
from streams.numbering.digests import digest
from streams.numbering.numbering import Numbering
from streams.partition.drift_values import Holdings
from streams.partition.partition import Partition
from streams.project.project_state import ProjectState
from streams.project.state_codec import HEADER_BYTES, read_head
from streams.project.state_shapes import StoredBody, StoredNumbers

# --- what a partition holds


class _Stored(msgspec.Struct, frozen=True):
    applied: int
    numbers: StoredNumbers
    chunks: list[tuple[int, bytes]]


def digest_of(partition: Partition, project_id: str) -> int | None:
    """A project's digest; None for one that the partition does not know, 0 for one that holds nothing."""
    found = partition.peek(project_id)
    if found is None:
        return None
    if isinstance(found, ProjectState):
        numbering = found.numbering
        if numbering.episodes.duplicates or numbering.anomalies.aside:
            return digest(*_sorted(_pairs(numbering)))
        return _plain_digest(numbering.episodes.chunks)
    stored = _read(partition, project_id, found)
    if stored.numbers.duplicates or stored.numbers.aside:
        return digest(*_sorted(_stored_pairs(stored)))
    return _stored_digest(stored.chunks)


def holdings_of(partition: Partition, project_id: str) -> Holdings | None:
    """All that a project holds; None for one that the partition does not know."""
    found = partition.peek(project_id)
    if found is None:
        return None
    if isinstance(found, ProjectState):
        numbering, anomalies = found.numbering, found.numbering.anomalies
        numbers, owners = _sorted(_pairs(numbering))
        return Holdings(
            project_id=project_id, partition=partition.number, applied=found.applied, numbers=numbers, owners=owners,
            explained=list(anomalies.explained), gaps=list(anomalies.open_gaps),
            duplicates=sorted(anomalies.open_duplicates), capped=numbering.capped,
            is_split=project_id in partition.index.splits,
        )  # fmt: skip
    stored = _read(partition, project_id, found)
    numbers, owners = _sorted(_stored_pairs(stored))
    return Holdings(
        project_id=project_id, partition=partition.number, applied=stored.applied, numbers=numbers, owners=owners,
        explained=stored.numbers.explained, gaps=stored.numbers.open_gaps,
        duplicates=[number for number, since_ms, _ in stored.numbers.duplicates if not since_ms],
        capped=stored.numbers.capped, is_split=project_id in partition.index.splits,
    )  # fmt: skip


def known_projects(partition: Partition, start: int, limit: int) -> tuple[list[str], int | None]:
    """Projects that hold something, in the order they became known, from a place on; and the next place, None: none."""
    found, head_keys = [], partition.index.head_keys
    end = min(start + limit, len(head_keys))
    for at in range(start, end):
        project_id = changelog_keys.project_of(head_keys[at])
        head = partition.head(project_id)
        if head is not None and head.episodes:
            found.append(project_id)
    return found, end if end < len(head_keys) else None


def _pairs(numbering: Numbering) -> list[tuple[int, str]]:
    pairs = [(number, unpack_id(episode)) for episode, number in numbering.episodes.items()]
    pairs.extend((number, unpack_id(episode)) for episode, (number, _) in numbering.anomalies.aside.items())
    return pairs


def _sorted(pairs: list[tuple[int, str]]) -> tuple[list[int], list[str]]:
    pairs.sort()
    return [number for number, _ in pairs], [owner for _, owner in pairs]


def _plain_digest(chunks: list[Chunk]) -> int:
    """Of numbers that are each held once."""
    numbers: list[int] = []
    owners: list[bytes] = []
    for chunk in chunks:
        for number, owner in enumerate(chunk.owners(), chunk.index << CHUNK_SHIFT):
            if owner is not None:
                numbers.append(number)
                owners.append(owner)
    return digests.of_bytes(array("q", numbers).tobytes(), digests.joined_packed(owners)) if numbers else 0


# --- stored states, of which the numbers alone are read

_Rest: Callable[..., Any] = msgspec.defstruct(
    "_Rest",
    [(name, StoredNumbers if name == "numbers" else msgspec.Raw) for name in StoredBody.__struct_fields__],
    array_like=True,
    gc=False,
)
# A struct, not a tuple: for a project that has had findings more fields follow, which are skipped.
_Lean: Callable[..., Any] = msgspec.defstruct(
    "_Lean",
    [("rest", _Rest), ("versions", list[tuple[int, int]]), ("inline", list[tuple[int, bytes]])],
    array_like=True,
    gc=False,
)
_lean: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(_Lean)
_chunk = msgspec.msgpack.Decoder(tuple[int, bytes, list[bytes | None]])


def _read(partition: Partition, project_id: str, encoded: bytes) -> _Stored:
    lean = _lean.decode(memoryview(encoded)[HEADER_BYTES:])
    apart = [(index, partition.chunk(project_id, index, version)) for index, version in lean.versions]
    return _Stored(read_head(encoded).applied, lean.rest.numbers, sorted([*apart, *lean.inline]))


def _stored_digest(chunks: list[tuple[int, bytes]]) -> int:
    """Of numbers that are each held once. A chunk without a missing number is hashed as a whole."""
    numbers: list[bytes] = []
    owners: list[bytes] = []
    for index, content in chunks:
        first, prefix, rest = _chunk.decode(content)
        begin = (index << CHUNK_SHIFT) + first
        try:
            joined = digests.joined_chunk(prefix, rest)  # type: ignore[arg-type]
            held = digests.run(begin, begin + len(rest))
        except TypeError:  # a number without an episode
            places = [place for place, suffix in enumerate(rest) if suffix is not None]
            joined = digests.joined_chunk(prefix, [suffix for suffix in rest if suffix is not None])
            held = array("q", [begin + place for place in places]).tobytes()
        if held:
            numbers.append(held)
            owners.append(joined)
    if not numbers:
        return 0
    together = digests.together(owners)
    if together is None:
        return _mixed_digest(chunks)
    return digests.of_bytes(b"".join(numbers), together)


def _mixed_digest(chunks: list[tuple[int, bytes]]) -> int:
    """The slow way, for chunks of UUIDs beside chunks of other ids."""
    pairs = list(_chunk_pairs(chunks))
    owners = digests.joined_packed([owner for _, owner in pairs])
    return digests.of_bytes(array("q", [number for number, _ in pairs]).tobytes(), owners)


def _chunk_pairs(chunks: list[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for index, content in chunks:
        first, prefix, rest = _chunk.decode(content)
        for number, suffix in enumerate(rest, (index << CHUNK_SHIFT) + first):
            if suffix is not None:
                yield number, prefix + suffix


def _stored_pairs(stored: _Stored) -> list[tuple[int, str]]:
    shared = {number for number, _, _ in stored.numbers.duplicates}
    pairs = [(number, unpack_id(episode)) for number, _, owners in stored.numbers.duplicates for episode in owners]
    pairs.extend((number, unpack_id(episode)) for episode, number, _ in stored.numbers.aside)
    pairs.extend((number, unpack_id(owner)) for number, owner in _chunk_pairs(stored.chunks) if number not in shared)
    return pairs
