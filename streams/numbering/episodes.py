"""The live episodes of one project and the number that each holds, in a few bytes an episode.

The chunks have the owners of numbers. An index gives the number that an episode may hold; the chunk decides.
Episodes are byte strings as `streams.base.ids.pack_id` makes them, numbers are at least 1.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final

from mypy_extensions import i64, mypyc_attr

from streams.base.open_table import OpenTable
from streams.numbering.chunks import CHUNK_NUMBERS, CHUNK_SHIFT, Chunk

_HASH: Final = 0xFFFFFFFF  # an index entry is a number above 32 bits of its episode's hash
_HASH_BITS: Final = 32
_NO_DUPLICATES: Final[dict[int, list[bytes]]] = {}


@mypyc_attr(acyclic=True)
class Episodes:
    """Owners by number; a number may have several. `chunks` are in order, and none of them is empty."""

    __slots__ = ("_duplicates", "_index", "chunks", "count", "shared_bytes")

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.shared_bytes = 0  # of the owners in `duplicates`
        self._duplicates: dict[int, list[bytes]] | None = None
        self.count: i64 = 0  # episodes; the same as the length, without a call
        self._index: OpenTable | None = None  # None until something is looked for

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[bytes]:
        for episode, _ in self.items():
            yield episode

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Every episode and its number, in the order of the numbers."""
        duplicates = self.duplicates
        for chunk in self.chunks:
            for number, owner in enumerate(chunk.owners(), chunk.index << CHUNK_SHIFT):
                if number in duplicates:
                    for each in duplicates[number]:
                        yield each, number
                elif owner is not None:
                    yield owner, number

    @property
    def duplicates(self) -> dict[int, list[bytes]]:
        """Number -> all its owners, sorted, two at least. For reading alone."""
        return _NO_DUPLICATES if self._duplicates is None else self._duplicates

    def owner(self, number: i64) -> bytes | None:
        """An episode that holds the number; None: free."""
        chunk = self.chunk(number >> CHUNK_SHIFT)
        return None if chunk is None else chunk.owner(number & (CHUNK_NUMBERS - 1))

    def chunk(self, index: i64) -> Chunk | None:
        """A chunk with a number that is held."""
        chunks = self.chunks
        if not chunks:
            return None
        last = chunks[-1]
        if last.index <= index:
            return last if last.index == index else None
        chunk = chunks[self._place(index)]
        return chunk if chunk.index == index else None

    def highest(self) -> int:
        """The highest number that is held, 0 without any."""
        return (self.chunks[-1].index << CHUNK_SHIFT) + self.chunks[-1].end() - 1 if self.chunks else 0

    # --- changes

    def take(self, episode: bytes, number: i64) -> None:
        """A new episode holds a free number."""
        self._note(episode, number)
        chunks, index = self.chunks, number >> CHUNK_SHIFT
        if chunks and chunks[-1].index == index:  # as nearly always: two calls less without a compiler
            chunks[-1].put(number & (CHUNK_NUMBERS - 1), episode)
        else:
            self._put(number, episode)

    def share(self, episode: bytes, number: int, holder: bytes) -> bool:
        """Add an owner to a number that has one; returns whether it had exactly one."""
        self._note(episode, number)
        if self._duplicates is None:
            self._duplicates = {}
        owners = self._duplicates.get(number)
        if owners is None:
            owners = self._duplicates[number] = sorted((holder, episode))
            self.shared_bytes += len(holder) + len(episode)
        else:
            insort(owners, episode)
            self.shared_bytes += len(episode)
        self._put(number, owners[0])
        return len(owners) == 2

    def release(self, episode: bytes, number: int) -> int:
        """Remove an episode from its number; returns how many owners are left."""
        self._forget(episode, number)
        owners = self.duplicates.get(number)
        if owners is None:
            self._clear(number)
            return 0
        owners.remove(episode)
        self.shared_bytes -= len(episode)
        self._put(number, owners[0])
        if len(owners) == 1 and self._duplicates is not None:
            del self._duplicates[number]
            self.shared_bytes -= len(owners[0])
            if not self._duplicates:
                self._duplicates = None
            return 1
        return len(owners)

    def restore(self, chunks: list[Chunk], duplicates: list[tuple[int, list[bytes]]]) -> None:
        """Fill an empty one from storage."""
        self.chunks = [chunk for chunk in sorted(chunks, key=_index_of) if chunk.held()]
        for chunk in self.chunks:
            self.count += chunk.held()
        if duplicates:
            self._duplicates = dict(duplicates)
            for owners in self._duplicates.values():
                self.count += len(owners) - 1
                self.shared_bytes += sum(map(len, owners))

    def _put(self, number: i64, episode: bytes) -> None:
        index = number >> CHUNK_SHIFT
        chunk = self.chunk(index)
        if chunk is None:
            chunk = self._add_chunk(index)
        chunk.put(number & (CHUNK_NUMBERS - 1), episode)

    def _add_chunk(self, index: i64) -> Chunk:
        chunk, chunks = Chunk(index), self.chunks
        if not chunks or chunks[-1].index < index:
            chunks.append(chunk)
        else:
            chunks.insert(self._place(index), chunk)
        return chunk

    def _clear(self, number: i64) -> None:
        """Where numbers always rise and the old ones are deleted, the cost must not rise with them."""
        index = number >> CHUNK_SHIFT
        chunk = self.chunk(index)
        if chunk is not None and not chunk.clear(number & (CHUNK_NUMBERS - 1)):
            del self.chunks[self._place(index)]

    def _place(self, index: i64) -> int:
        """The chunk's position, or where it would be inserted; most projects have all chunks from the first on."""
        chunks = self.chunks
        guess = index - chunks[0].index
        if 0 <= guess < len(chunks) and chunks[guess].index == index:
            return guess
        return bisect_left(chunks, index, key=_index_of)

    # --- the index

    def number_of(self, episode: bytes) -> int:
        """The number that an episode holds, 0: none."""
        index = self._index
        if index is None:
            if self.count == 0:
                return 0
            index = self._build()
        hashed: i64 = hash(episode)
        hashed &= _HASH
        at: i64 = index.find(hashed, _HASH, hashed)
        while at >= 0:
            number = index.slots[at] >> _HASH_BITS
            if self.owner(number) == episode or episode in self.duplicates.get(number, ()):
                return number
            at = index.find(hashed, _HASH, at + 1)
        return 0

    def _note(self, episode: bytes, number: i64) -> None:
        (self._index or self._build()).put(_entry_of(episode, number))
        self.count += 1

    def _forget(self, episode: bytes, number: i64) -> None:
        """Of two episodes with one number and one hash the entries are the same, so either may go."""
        (self._index or self._build()).remove(_entry_of(episode, number))
        self.count -= 1

    def _build(self) -> OpenTable:
        """Make the index from the chunks, with room for one more and for some changes."""
        index = self._index = OpenTable(7 * (self.count + 1) // 4)
        for episode, number in self.items():
            index.put(_entry_of(episode, number))
        return index


def _entry_of(episode: bytes, number: i64) -> i64:
    hashed: i64 = hash(episode)
    return number << _HASH_BITS | hashed & _HASH


def _index_of(chunk: Chunk) -> int:
    return chunk.index
