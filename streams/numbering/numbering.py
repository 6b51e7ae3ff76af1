"""Which episode holds which number: gaps, duplicates, and suspects that must settle before they are either.

Facts about different episodes commute: any interleaving of their events ends in the same numbers, gaps and duplicates.
For one episode the statement with the latest event time wins while disorder stays within the grace; of a creation and
what arrives after it, the latter. Episodes are byte strings as `streams.base.ids.pack_id` makes them.
"""

from enum import Enum

from mypy_extensions import mypyc_attr

from models.event import MAX_EPISODE_NUMBER
from streams.base.numbering_rules import SET_ASIDE, DeletedNumbers
from streams.numbering import anomalies as out_of_order
from streams.numbering.chunks import CHUNK_SHIFT
from streams.numbering.finding_history import DELETED as BY_DELETION
from streams.numbering.finding_history import RENUMBERED as BY_RENUMBERING
from streams.numbering.number_state import NumberState

MAX_SET_ASIDE = 64  # implausible numbers remembered of a project; the lowest stay
DELETED = MAX_EPISODE_NUMBER + 1  # stands for "no number" in the memory of moves; it wins ties of event time
MAX_HOLES = 100_000  # runs of missing or explained numbers tracked of a project; 29 bytes each in the stored head
MAX_SPARSE_CHUNKS = 4096  # of a project, beside those that its episodes fill: some hundred bytes of memory each
MAX_SHARED_BYTES = 6 * 1024 * 1024  # of episodes that share numbers: all of them are in the head, one record
MAX_MOVES_REMEMBERED = 256  # renumberings and deletions whose event times are remembered within the grace


class _Decision(Enum):
    """What a statement about the number of an episode comes to."""

    OUTDATED = 1  # a later statement is known
    RESTATED = 2  # nothing changes
    NO_ROOM = 3  # a bound is reached
    MOVED = 4


@mypyc_attr(acyclic=True)
class Numbering(NumberState):
    """The numbers of one project, as its events change them.

    Times in milliseconds: `at_ms` is event time, by which the latest statement wins; `seen_ms` is the same, but not
    later than the clock: a suspect begins then; `horizon_ms` is where the grace ends: what lies before it is final.
    """

    __slots__ = ()

    # --- what may happen to an episode

    def hold(self, episode: bytes, number: int, at_ms: int, seen_ms: int, horizon_ms: int) -> None:
        """An episode is stated to hold a number: created, renumbered or read from the database."""
        current = self.episodes.number_of(episode)
        if current == number:
            self.restatements += 1
            return
        anomalies, episodes = self.anomalies, self.episodes
        if (
            not current and number - self.peak == 1 and not anomalies.aside and episode not in anomalies.moves
            and self.base is not None and episodes.count < self.rules.max_episodes
        ):  # fmt: skip
            self.peak = number
            before_ms, troubled_ms = self.changed_ms, self.troubled_ms
            if number - self.max_number == 1 and anomalies is out_of_order.NONE:
                episodes.take(episode, number)
                self.max_number = number
                self.note(number, seen_ms, horizon_ms)
            else:
                self._acquire(episode, number, seen_ms, horizon_ms)
                if seen_ms < before_ms or seen_ms == troubled_ms:
                    self.redate(horizon_ms)
            return
        self._move(episode, number, at_ms, seen_ms, horizon_ms)

    def delete(self, episode: bytes, at_ms: int, seen_ms: int, horizon_ms: int) -> None:
        """An episode no longer exists. Deleting an unknown one is remembered within the grace."""
        self._move(episode, DELETED, at_ms, seen_ms, horizon_ms, remember=True)

    def renumber(self, episode: bytes, number: int, at_ms: int, seen_ms: int, horizon_ms: int) -> None:
        """An episode has got another number; remembered, so that an older statement arriving later does not undo it."""
        self._move(episode, number, at_ms, seen_ms, horizon_ms, remember=True)

    def _move(
        self, episode: bytes, number: int, at_ms: int, seen_ms: int, horizon_ms: int, *, remember: bool = False
    ) -> None:
        last = self.anomalies.moves.get(episode)
        current = self.episodes.number_of(episode)  # 0: none
        decision = self._decide(episode, number, current, at_ms, horizon_ms)
        if decision is _Decision.OUTDATED:
            if last is not None and last[1] == number:
                self.restatements += 1
            elif number != DELETED:
                self._raise_peak(number, horizon_ms)
            return
        if decision is _Decision.NO_ROOM:
            self.capped = True
            return
        if remember or current or last is not None:
            self._remember(episode, number, at_ms, horizon_ms)
        if decision is _Decision.RESTATED:
            self.restatements += 1
        else:
            self._change_number(episode, current, number, seen_ms, horizon_ms)

    def _decide(self, episode: bytes, number: int, current: int, at_ms: int, horizon_ms: int) -> _Decision:
        last, known = self.anomalies.moves.get(episode), self.anomalies.aside.get(episode)
        if last is not None and last[0] >= horizon_ms and _is_older(number, at_ms, last):
            return _Decision.OUTDATED
        if current == number or (known is not None and known[0] == number):
            return _Decision.RESTATED
        if number != DELETED and not self._has_room(episode, number, current):
            return _Decision.NO_ROOM
        return _Decision.MOVED

    def _change_number(self, episode: bytes, current: int, number: int, seen_ms: int, horizon_ms: int) -> None:
        if episode in self.anomalies.aside:
            del self.anomalies.aside[episode]
        before_ms, troubled_ms = self.changed_ms, self.troubled_ms
        if number != DELETED:  # before it leaves its old number: what is missing between the two stays missing
            self._take_or_set_aside(episode, number, seen_ms, horizon_ms)
        if current:
            self._release(episode, current, seen_ms, horizon_ms, deleted=number == DELETED)
        # At one moment numbers are taken before others are left: what only took some is in order with it.
        if horizon_ms <= seen_ms and (seen_ms < before_ms or seen_ms == troubled_ms):
            self.redate(horizon_ms)

    def _has_room(self, episode: bytes, number: int, current: int) -> bool:
        """Whether the number can be tracked. What makes a project smaller always can."""
        rules, episodes, anomalies = self.rules, self.episodes, self.anomalies
        is_full = len(episodes) + len(anomalies.aside) >= rules.max_episodes
        if is_full and not current and episode not in anomalies.aside:
            return False
        if episodes.chunk(number >> CHUNK_SHIFT) is not None:
            owner = episodes.owner(number)
            if owner is not None:
                return episodes.shared_bytes + len(owner) + len(episode) <= MAX_SHARED_BYTES
        elif len(episodes.chunks) >= MAX_SPARSE_CHUNKS + (rules.max_episodes >> CHUNK_SHIFT):
            return False
        return anomalies.suspects.count + len(anomalies.open_gaps) + len(anomalies.explained) < MAX_HOLES

    def _remember(self, episode: bytes, number: int, at_ms: int, horizon_ms: int) -> None:
        if at_ms < horizon_ms:
            return
        moves = self.own().moves
        moves[episode] = (at_ms, number)
        if len(moves) > MAX_MOVES_REMEMBERED:
            for stale in [key for key, (when, _) in moves.items() if when < horizon_ms]:
                del moves[stale]
        if len(moves) > MAX_MOVES_REMEMBERED:
            del moves[min(moves, key=lambda key: (moves[key][0], key))]

    # --- implausible jumps

    def _take_or_set_aside(self, episode: bytes, number: int, at_ms: int, horizon_ms: int) -> None:
        if self.base is None:
            self.peak = number
        elif self.rules.first_number is None and number < self.base:
            pass
        elif number > self.peak + self.rules.max_jump:
            self._set_aside(episode, number, at_ms, horizon_ms)
            return
        self._acquire(episode, number, at_ms, horizon_ms)
        self._raise_peak(number, horizon_ms)

    def _raise_peak(self, number: int, horizon_ms: int) -> None:
        if number > self.peak + self.rules.max_jump:
            return
        self.peak = max(self.peak, number)
        aside = self.anomalies.aside
        while aside:
            episode = min(aside, key=lambda key: (aside[key][0], key))
            low, since_ms = aside[episode]
            if low > self.peak + self.rules.max_jump:
                return
            del aside[episode]
            self._acquire(episode, low, since_ms, horizon_ms)
            self.peak = max(self.peak, low)

    def _set_aside(self, episode: bytes, number: int, at_ms: int, horizon_ms: int) -> None:
        aside = self.own().aside
        aside[episode] = (number, at_ms)
        self.anomalies.trace_change(SET_ASIDE, number, number)
        near = [(n, key) for key, (n, _) in aside.items() if abs(n - number) <= self.rules.max_jump]
        if len(near) > 1:  # a second event near it makes both plausible
            low, lowest = min(near)
            _, since_ms = aside.pop(lowest)
            self._acquire(lowest, low, since_ms, horizon_ms)
            self.peak = max(self.peak, low)
            self._raise_peak(self.peak, horizon_ms)
        elif len(aside) > MAX_SET_ASIDE:
            del aside[max(aside, key=lambda key: (aside[key][0], key))]
            self.capped = True

    # --- numbers

    def _acquire(self, episode: bytes, number: int, at_ms: int, horizon_ms: int) -> None:
        self.note(number, at_ms, horizon_ms)
        holder = self.episodes.owner(number)
        if holder is not None:
            self._share(number, holder, episode, at_ms)
            return
        self.episodes.take(episode, number)
        if self.base is None or number < self.base:
            self._lower_base(number, at_ms)
        elif number == self.max_number + 1:
            pass
        elif number > self.max_number:
            self.own().open_hole(max(self.max_number + 1, self.base), number - 1, at_ms)
        elif not self.is_calm:
            self.anomalies.fill(number, at_ms, episode)
        if not self.is_calm:
            self.anomalies.taken(number, at_ms, episode)
        if number > self.max_number:
            self.max_number = number

    def _lower_base(self, number: int, at_ms: int) -> None:
        if self.rules.first_number is None:
            if self.base is not None and self.max_number:
                self.own().open_hole(number + 1, self.base - 1, at_ms, at_ms)
            self.base = number

    def _share(self, number: int, holder: bytes, episode: bytes, at_ms: int) -> None:
        self.trouble(at_ms)
        is_new = self.episodes.share(episode, number, holder)
        if is_new or number in self.anomalies.suspects.shared:
            self.own().share(number, at_ms)

    def _release(self, episode: bytes, number: int, at_ms: int, horizon_ms: int, *, deleted: bool) -> None:
        self.note(-number, at_ms, horizon_ms)
        was_shared = number in self.episodes.duplicates
        others = self.episodes.release(episode, number)
        if was_shared:
            if others == 1:
                self.own().unshare(number, at_ms, BY_DELETION if deleted else BY_RENUMBERING, episode)
            return
        explained = deleted and self.rules.deleted is DeletedNumbers.HOLE
        if explained:
            self.own().explained.add(number, number)
        if number == self.max_number:
            self.max_number = self.episodes.highest()
            if not self.is_calm:
                self.anomalies.drop_above(self.max_number, at_ms, episode)
        elif not explained and number >= (self.base or 1):
            self.own().leave(number, at_ms)


def _is_older(number: int, at_ms: int, last: tuple[int, int]) -> bool:
    """Whether a statement is older than the last known one. At equal times the later to arrive wins, for one
    transaction may move an episode twice; but a deletion stays."""
    last_ms, last_number = last
    return at_ms < last_ms or (at_ms == last_ms and last_number in (number, DELETED))
