"""Which episode holds which number: gaps, duplicates, and what must settle before it is called either.

Facts about different episodes commute: any interleaving of their events ends in the same numbers, gaps and duplicates.
For one episode the statement with the latest event time wins while disorder stays within the grace. Episodes are byte
strings as `streams.identity.pack_id` makes them.
"""

from bisect import insort
from collections.abc import Iterator
from enum import Enum

from mypy_extensions import mypyc_attr

from models.event import MAX_EPISODE_NUMBER
from streams import finding_history, waivers
from streams.finding_history import FindingHistory
from streams.intervals import IntervalSet
from streams.suspects import Hole, Suspects

CHUNK_SHIFT = 8  # numbers are kept in chunks of 256, each a bounded part of the stored state
CHUNK_NUMBERS = 1 << CHUNK_SHIFT
MAX_SET_ASIDE = 64  # implausible numbers remembered a project; the lowest stay
DELETED = MAX_EPISODE_NUMBER + 1  # stands for "no number" in the memory of moves; it wins ties of event time
MAX_HOLES = 100_000  # runs of missing or explained numbers followed a project; 29 bytes each in the stored head
MAX_SPARSE_CHUNKS = 4096  # a project may have beside those that its episodes fill: 2 kB of memory each
MAX_SHARED_BYTES = 6 * 1024 * 1024  # of episodes that share numbers: all of them are in the head, one record
MAX_MOVES_REMEMBERED = 256  # renumberings and deletions whose event times are remembered within the grace


class DeletedNumbers(Enum):
    """What the number of a deleted episode is, if nobody holds it."""

    GAP = "gap"
    HOLE = "hole"


class NumberingRules:
    """Settings of the numbering: event time in milliseconds, numbers as they are."""

    __slots__ = ("deleted", "first_number", "max_episodes", "max_jump", "settle_ms")

    def __init__(
        self,
        settle_ms: int = 60_000,
        deleted: DeletedNumbers = DeletedNumbers.GAP,
        first_number: int | None = 1,
        max_jump: int = 1000,
        max_episodes: int = 100_000,
    ) -> None:
        """`first_number` None: whatever is seen first; a lower number seen later lowers it."""
        self.settle_ms = settle_ms
        self.deleted = deleted
        self.first_number = first_number
        self.max_jump = max_jump
        self.max_episodes = max_episodes


@mypyc_attr(acyclic=True)
class Numbering:
    """The numbers of one project. Every method that changes something takes event time in milliseconds."""

    __slots__ = (
        "aside", "base", "capped", "changed_chunks", "chunks", "duplicates", "episodes", "explained", "history",
        "max_number", "moves", "open_duplicates", "open_gaps", "peak", "restatements", "rules", "shared_bytes",
        "suspect_duplicates", "suspects", "waived",
    )  # fmt: skip

    def __init__(self, rules: NumberingRules) -> None:
        self.rules = rules
        self.base = rules.first_number  # the first expected number; None until one was seen
        self.episodes: dict[bytes, int] = {}  # live episode -> its number
        self.chunks: dict[int, list[bytes | None]] = {}  # chunk -> an owner of each of its numbers; as long as needed
        self.changed_chunks: set[int] = set()  # since they were last stored
        self.max_number = 0  # highest live number
        self.peak = (rules.first_number or 1) - 1  # highest number ever taken; it never falls, so order is no matter
        self.suspects = Suspects()
        self.suspect_duplicates = self.suspects.shared  # number -> since when
        self.open_gaps = IntervalSet()
        self.explained = IntervalSet()  # numbers of deleted episodes, where those are no gaps
        self.duplicates: dict[int, list[bytes]] = {}  # number -> all its owners, sorted, two at least
        self.open_duplicates: set[int] = set()
        self.waived: list[waivers.Waiver] = []
        self.history: FindingHistory | None = None  # of the findings; None until there was one
        self.aside: dict[bytes, tuple[int, int]] = {}  # episode -> implausible number, when stated
        self.moves: dict[bytes, tuple[int, int]] = {}  # episode -> event time and number (or DELETED) of its last move
        self.shared_bytes = 0  # of the owners in `duplicates`
        self.restatements = 0
        self.capped = False  # something was left out because a bound was reached; it stays so

    # --- what may happen to an episode

    def hold(self, episode: bytes, number: int, at_ms: int, newest_ms: int, grace_ms: int) -> None:
        """An episode is stated to hold a number: created, renumbered or read from the database."""
        current = self.episodes.get(episode)
        if current == number:
            self.restatements += 1
            return
        is_plain = current is None and number - self.peak == 1 and not self.moves and not self.aside
        if is_plain and self.base is not None and len(self.episodes) < self.rules.max_episodes:
            self.peak = number
            self._acquire(episode, number, at_ms)
            return
        self._move(episode, number, at_ms, newest_ms - grace_ms)

    def delete(self, episode: bytes, at_ms: int, newest_ms: int, grace_ms: int) -> None:
        """An episode no longer exists. Deleting an unknown one is remembered within the grace."""
        self._move(episode, DELETED, at_ms, newest_ms - grace_ms, remember=True)

    def renumber(self, episode: bytes, number: int, at_ms: int, newest_ms: int, grace_ms: int) -> None:
        """An episode has got another number; remembered, so that an older statement arriving later does not undo it."""
        self._move(episode, number, at_ms, newest_ms - grace_ms, remember=True)

    def _move(self, episode: bytes, number: int, at_ms: int, horizon_ms: int, *, remember: bool = False) -> None:
        last = self.moves.get(episode)
        if last is not None and last[0] >= horizon_ms and _is_older(number, at_ms, last):
            if number == last[1]:
                self.restatements += 1
            elif number != DELETED:
                self._raise_peak(number)
            return
        current = self.episodes.get(episode)
        known = self.aside.get(episode)
        if current == number or (known is not None and known[0] == number):
            self.restatements += 1
        if number != DELETED and number != current and not self._has_room(episode, number, current):
            self.capped = True
            return
        if remember or current is not None or last is not None:
            self._remember(episode, number, at_ms, horizon_ms)
        if current == number or (known is not None and known[0] == number):
            return
        self.aside.pop(episode, None)
        if number != DELETED:  # before it leaves its old number: what is missing between the two stays missing
            self._take_or_set_aside(episode, number, at_ms)
        if current is not None:
            if self.episodes[episode] == current:
                del self.episodes[episode]
            self._release(episode, current, at_ms, deleted=number == DELETED)

    def _has_room(self, episode: bytes, number: int, current: int | None) -> bool:
        """Whether this much more can be followed. What shrinks a project is always taken."""
        rules, index = self.rules, number >> CHUNK_SHIFT
        if current is None and episode not in self.aside and len(self.episodes) + len(self.aside) >= rules.max_episodes:
            return False
        if index in self.chunks:
            owner = self.owner(number)
            if owner is not None:
                return self.shared_bytes + len(owner) + len(episode) <= MAX_SHARED_BYTES
        elif len(self.chunks) >= MAX_SPARSE_CHUNKS + (rules.max_episodes >> CHUNK_SHIFT):
            return False
        return self.suspects.count + len(self.open_gaps) + len(self.explained) < MAX_HOLES

    def _remember(self, episode: bytes, number: int, at_ms: int, horizon_ms: int) -> None:
        if at_ms < horizon_ms:
            return
        self.moves[episode] = (at_ms, number)
        if len(self.moves) > MAX_MOVES_REMEMBERED:
            for stale in [key for key, (when, _) in self.moves.items() if when < horizon_ms]:
                del self.moves[stale]
        if len(self.moves) > MAX_MOVES_REMEMBERED:
            del self.moves[min(self.moves, key=lambda key: (self.moves[key][0], key))]

    # --- implausible jumps

    def _take_or_set_aside(self, episode: bytes, number: int, at_ms: int) -> None:
        if self.base is None:
            self.peak = number
        elif self.rules.first_number is None and number < self.base:
            pass
        elif number > self.peak + self.rules.max_jump:
            self._set_aside(episode, number, at_ms)
            return
        self._acquire(episode, number, at_ms)
        self._raise_peak(number)

    def _raise_peak(self, number: int) -> None:
        if number > self.peak + self.rules.max_jump:
            return
        self.peak = max(self.peak, number)
        while self.aside:
            episode = min(self.aside, key=lambda key: (self.aside[key][0], key))
            low, since_ms = self.aside[episode]
            if low > self.peak + self.rules.max_jump:
                return
            del self.aside[episode]
            self._acquire(episode, low, since_ms)
            self.peak = max(self.peak, low)

    def _set_aside(self, episode: bytes, number: int, at_ms: int) -> None:
        self.aside[episode] = (number, at_ms)
        near = [(n, key) for key, (n, _) in self.aside.items() if abs(n - number) <= self.rules.max_jump]
        if len(near) > 1:  # a second event near it: both are believed
            low, lowest = min(near)
            _, since_ms = self.aside.pop(lowest)
            self._acquire(lowest, low, since_ms)
            self.peak = max(self.peak, low)
            self._raise_peak(self.peak)
        elif len(self.aside) > MAX_SET_ASIDE:
            del self.aside[max(self.aside, key=lambda key: (self.aside[key][0], key))]
            self.capped = True

    # --- numbers

    def owner(self, number: int) -> bytes | None:
        """An episode that holds the number, None where nobody does."""
        chunk, offset = self.chunks.get(number >> CHUNK_SHIFT), number & (CHUNK_NUMBERS - 1)
        return chunk[offset] if chunk is not None and offset < len(chunk) else None

    def _put(self, number: int, episode: bytes) -> None:
        index = number >> CHUNK_SHIFT
        chunk = self.chunks.get(index)
        if chunk is None:
            chunk = self.chunks[index] = []
        offset = number & (CHUNK_NUMBERS - 1)
        if offset == len(chunk):
            chunk.append(episode)
        else:
            if offset > len(chunk):
                chunk.extend([None] * (offset + 1 - len(chunk)))
            chunk[offset] = episode
        self.changed_chunks.add(index)

    def _clear(self, number: int) -> None:
        index = number >> CHUNK_SHIFT
        chunk = self.chunks[index]
        chunk[number & (CHUNK_NUMBERS - 1)] = None
        if not any(chunk):  # numbers that rise for ever, with the old ones deleted, must not cost more and more
            del self.chunks[index]
        self.changed_chunks.add(index)

    def _acquire(self, episode: bytes, number: int, at_ms: int) -> None:
        self.episodes[episode] = number
        holder = self.owner(number)
        if holder is not None:
            self._share(number, holder, episode, at_ms)
            return
        self._put(number, episode)
        if self.base is None or number < self.base:
            self._lower_base(number, at_ms)
        elif number == self.max_number + 1:
            pass
        elif number > self.max_number:
            self._open_hole(max(self.max_number + 1, self.base), number - 1, at_ms)
        else:
            gap = self.open_gaps.interval_of(number)
            if gap is None:
                self.suspects.fill(number)
            else:
                self.open_gaps.discard(number, number)
                self._history().filled(gap[0], gap[1], at_ms, number, episode)
        if self.suspects.jumped:
            self.suspects.date_back(number, at_ms)
        if len(self.explained):
            self.explained.discard(number, number)
        if self.waived:
            one = waivers.fill(self.waived, number)
            if one is not None:
                self._history().filled(one.first, one.last, at_ms, number, episode)
        if number > self.max_number:
            self.max_number = number

    def _lower_base(self, number: int, at_ms: int) -> None:
        if self.rules.first_number is None:
            if self.base is not None and self.max_number:
                self._open_hole(number + 1, self.base - 1, at_ms, at_ms)
            self.base = number

    def _open_hole(self, start: int, end: int, at_ms: int, floor_ms: int = 0) -> None:
        for first, last in self.explained.outside(start, end):
            self.suspects.open(Hole(first, last, at_ms, floor_ms))

    def _share(self, number: int, holder: bytes, episode: bytes, at_ms: int) -> None:
        owners = self.duplicates.get(number)
        if owners is None:
            self.duplicates[number] = sorted((holder, episode))
            self.shared_bytes += len(holder) + len(episode)
            self.suspects.share(number, at_ms)
        else:
            insort(owners, episode)
            self.shared_bytes += len(episode)
            if number in self.suspect_duplicates:
                self.suspects.share(number, at_ms)
        self._put(number, self.duplicates[number][0])

    def _release(self, episode: bytes, number: int, at_ms: int, *, deleted: bool) -> None:
        owners = self.duplicates.get(number)
        if owners is not None:
            owners.remove(episode)
            self.shared_bytes -= len(episode)
            self._put(number, owners[0])
            if len(owners) == 1:
                del self.duplicates[number]
                self.shared_bytes -= len(owners[0])
                self.suspect_duplicates.pop(number, None)
                if number in self.open_duplicates or (self.waived and waivers.unshare(self.waived, number)):
                    self.open_duplicates.discard(number)
                    how = finding_history.DELETED if deleted else finding_history.RENUMBERED
                    self._history().healed(waivers.DUPLICATE, number, number, at_ms, how, episode)
            return
        self._clear(number)
        explained = deleted and self.rules.deleted is DeletedNumbers.HOLE
        if explained:
            self.explained.add(number, number)
        if number == self.max_number:
            self._lower_max(episode, at_ms)
        elif not explained and number >= (self.base or 1):
            left_ms = max(at_ms, 1)  # 0 would say that nobody has ever held it
            self.suspects.open(Hole(number, number, left_ms, left_ms))

    def _lower_max(self, episode: bytes, at_ms: int) -> None:
        self.max_number = 0
        if self.chunks:
            index = max(self.chunks)
            chunk = self.chunks[index]
            offset = next(i for i in range(len(chunk) - 1, -1, -1) if chunk[i] is not None)
            self.max_number = (index << CHUNK_SHIFT) + offset
        gone = self.open_gaps.discard_above(self.max_number)
        self.suspects.drop_above(self.max_number)
        if self.waived:
            gone.extend((one.first, one.last) for one in waivers.drop_above(self.waived, self.max_number))
        for first, last in gone:
            self._history().healed(waivers.GAP, first, last, at_ms, finding_history.TOP_LOWERED, episode)

    # --- settling

    def next_settling_ms(self) -> int | None:
        """When the next suspect or waived one becomes a finding; None without any."""
        oldest_ms = self.suspects.oldest_ms()
        next_ms = None if oldest_ms is None else oldest_ms + self.rules.settle_ms
        if self.waived:
            expires_ms = min(one.until_ms for one in self.waived)
            next_ms = expires_ms if next_ms is None else min(next_ms, expires_ms)
        return next_ms

    def settle(self, now_ms: int) -> None:
        """Turn suspects that have been so for the settling time into findings."""
        holes, shared = self.suspects.settle(now_ms - self.rules.settle_ms)
        for hole in holes:
            beside = self._open_gap(hole.start, hole.end)
            self._history().opened(waivers.GAP, hole.start, hole.end, now_ms, hole.since_ms, beside)
        for number, since_ms in shared:
            self.open_duplicates.add(number)
            self._history().opened(waivers.DUPLICATE, number, number, now_ms, since_ms, [])
        if self.waived:
            for one in waivers.take_expired(self.waived, now_ms):
                if one.kind == waivers.GAP:
                    beside = self._open_gap(one.first, one.last)
                else:
                    self.open_duplicates.add(one.first)
                    beside = []
                self._history().reopened(one, now_ms, beside)

    def _open_gap(self, first: int, last: int) -> list[tuple[int, int]]:
        """These numbers are an open gap now; answers the open ones next to them, which become one with it."""
        gaps = self.open_gaps
        beside = [gap for gap in (gaps.interval_of(first - 1), gaps.interval_of(last + 1)) if gap is not None]
        gaps.add(first, last)
        return beside

    def _history(self) -> FindingHistory:
        if self.history is None:
            self.history = FindingHistory()
        return self.history

    def waive(self, waiver: waivers.Waiver) -> None:
        """Take an open finding out of the open ones until its waiver is over."""
        if waiver.kind == waivers.GAP:
            self.open_gaps.discard(waiver.first, waiver.last)
        else:
            self.open_duplicates.discard(waiver.first)
        self.waived.append(waiver)
        self._history().waived(waiver)

    @property
    def suspect_holes(self) -> list[Hole]:
        """All that have not settled, in order."""
        return self.suspects.holes

    # --- what people ask

    @property
    def findings(self) -> int:
        """Open gap numbers and open duplicate numbers."""
        return self.open_gaps.count + len(self.open_duplicates)

    def live_numbers(self) -> Iterator[int]:
        """All numbers that somebody holds, ascending."""
        for index in sorted(self.chunks):
            for offset, holder in enumerate(self.chunks[index]):
                if holder is not None:
                    yield (index << CHUNK_SHIFT) + offset


def _is_older(number: int, at_ms: int, last: tuple[int, int]) -> bool:
    """Whether a statement is older than the last one known. Of equal times the later to arrive counts, for one
    transaction may move an episode twice; but what was deleted stays so."""
    last_ms, last_number = last
    return at_ms < last_ms or (at_ms == last_ms and last_number in (number, DELETED))


def health_score(max_number: int, gaps: int, duplicates: int) -> float:
    """`100 · (1 − (gaps + duplicates) / max)` to one decimal and never below 0; 100.0 without episodes."""
    if max_number == 0:
        return 100.0
    return max(0.0, round(100.0 * (1.0 - (gaps + duplicates) / max_number), 1))
