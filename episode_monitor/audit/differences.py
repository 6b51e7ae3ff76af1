"""What became of each record that has no equal at its place: removed, altered, inserted or moved."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final, Literal

import msgspec

from episode_monitor.audit.alignment import Difference, Place
from episode_monitor.audit.records import Compared, named

MAX_NAMED: Final = 10_000  # of a partition; the rest is counted

What = Literal["removed", "altered", "inserted", "moved"]


class RecordDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One record. `offset` is in the monitor's own topic, of an inserted record in the copy.

    `copy_offset` is where the copy has it; `after` and `before` are the offsets between which it stands there, where
    that is not its own place. In a file an offset is the number of the line, from 0 on.
    """

    partition: int
    offset: int
    what: What
    copy_offset: int | None = None
    after: int | None = None
    before: int | None = None
    event_id: str | None = None
    project_id: str | None = None


class DifferingRegion(msgspec.Struct, frozen=True, kw_only=True):
    """Records that have too little in common with the copy's to be named one by one. Both ends are inclusive."""

    partition: int
    offset_from: int
    offset_to: int
    records: int
    copy_from: int
    copy_to: int
    copy_records: int


class Differences:
    """Of one partition. `add` in any order, then `records`."""

    def __init__(self, partition: int, compared: Compared, at_most: int = MAX_NAMED) -> None:
        self.regions: list[DifferingRegion] = []
        self.unnamed = 0
        self._partition = partition
        self._compared = compared
        self._at_most = at_most
        self._kept: list[Difference] = []

    def __len__(self) -> int:
        return len(self._kept) + len(self.regions) + self.unnamed

    def add(self, differences: Iterable[Difference]) -> None:
        """Of an alignment whose marks are records."""
        for each in differences:
            if len(self._kept) + len(self.regions) >= self._at_most:
                self.unnamed += max(each.own_count, each.copy_count)
            elif each.own_count > 1 or each.copy_count > 1:
                self.regions.append(self._region(each))
            else:
                self._kept.append(each)

    def _region(self, each: Difference) -> DifferingRegion:
        return DifferingRegion(
            partition=self._partition,
            offset_from=each.own[0].mark.offset,
            offset_to=each.own[-1].mark.offset,
            records=each.own_count,
            copy_from=each.copy[0].mark.offset,
            copy_to=each.copy[-1].mark.offset,
            copy_records=each.copy_count,
        )

    def records(self) -> list[RecordDifference]:
        """Each once, by offset: equal ones elsewhere are moved, those with one event id or one place are altered."""
        own = {at: each for at, each in enumerate(self._kept) if each.own}
        copy = {at: each for at, each in enumerate(self._kept) if each.copy}
        moved = _pairs(own, copy, self._identity)
        altered = _pairs(own, copy, _event_id)
        altered += [(each, copy.pop(at)) for at, each in list(own.items()) if at in copy and own.pop(at)]
        found = [self._record("moved", mine.own[0], theirs) for mine, theirs in moved]
        found += [self._record("altered", mine.own[0], theirs) for mine, theirs in altered]
        found += [self._record("removed", each.own[0], None) for each in own.values()]
        found += [self._record("inserted", None, each) for each in copy.values()]
        return sorted(found, key=lambda each: (_place(each), each.offset))

    def forget_what_follows(self) -> None:
        """What the copy has after the last own record is no difference."""
        self._kept = [each for each in self._kept if each.own or each.before]

    def _identity(self, place: Place) -> Hashable:
        return self._compared.identity(place.mark)

    def _record(self, what: What, own: Place | None, theirs: Difference | None) -> RecordDifference:
        copy = None if theirs is None else theirs.copy[0]
        said = named((own or copy).mark)  # type: ignore[union-attr]
        is_elsewhere = theirs is not None and (own is None or own not in theirs.own)
        return RecordDifference(
            partition=self._partition,
            offset=(own or copy).mark.offset,  # type: ignore[union-attr]
            what=what,
            copy_offset=None if copy is None else copy.mark.offset,
            after=_offset(theirs.after) if is_elsewhere and theirs is not None else None,
            before=_offset(_next(theirs)) if is_elsewhere and theirs is not None else None,
            event_id=said.event_id,
            project_id=said.project_id,
        )


def _pairs(
    own: dict[int, Difference], copy: dict[int, Difference], key: Callable[[Place], Hashable]
) -> list[tuple[Difference, Difference]]:
    """Those with equal keys, first with first; they are taken out of both."""
    there: dict[Hashable, list[int]] = defaultdict(list)
    for at, each in reversed(copy.items()):
        there[key(each.copy[0])].append(at)
    found = []
    for at, each in list(own.items()):
        wanted = key(each.own[0])
        if wanted is not None and there.get(wanted):
            found.append((own.pop(at), copy.pop(there[wanted].pop())))
    return found


def _event_id(place: Place) -> str | None:
    return named(place.mark).event_id


def _next(difference: Difference) -> Place | None:
    """The own record behind the place of the copy's one: the one that it replaces, or the neighbour."""
    return difference.own[0] if difference.own else difference.before


def _offset(place: Place | None) -> Any:
    return None if place is None else place.mark.offset


def _place(each: RecordDifference) -> int:
    """By which it is sorted: an inserted one stands before its neighbour."""
    if each.what != "inserted":
        return each.offset
    return each.before if each.before is not None else each.offset if each.after is None else each.after + 1
