"""Which number of one side belongs to which of the other: the same episode with another number, or the same number
with another episode."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

Held = tuple[int, str]  # a number and the episode that holds it
Holders = Mapping[int, Sequence[str]]  # number -> episodes


class Paired(msgspec.Struct, frozen=True):
    """One difference. Both sides given: either the episodes are the same, or the numbers. At least one is given."""

    ours: Held | None
    theirs: Held | None


def paired(here: Holders, there: Holders) -> Iterator[Paired]:
    """What each side alone has, put together: episodes with another number first, then by number."""
    ours, theirs = _numbers_of(here), _numbers_of(there)
    renumbered = ours.keys() & theirs.keys()
    for episode in sorted(renumbered, key=lambda one: (ours[one], one)):
        yield Paired((ours[episode][0], episode), (theirs[episode][0], episode))
    for number in sorted(here.keys() | there.keys()):
        left = [(number, one) for one in here.get(number, ()) if one not in renumbered]
        right = [(number, one) for one in there.get(number, ()) if one not in renumbered]
        both = min(len(left), len(right))
        yield from (Paired(*pair) for pair in zip(left[:both], right[:both], strict=True))
        yield from (Paired(one, None) for one in left[both:])
        yield from (Paired(None, one) for one in right[both:])


def _numbers_of(holders: Holders) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for number, episodes in holders.items():
        for episode in episodes:
            found[episode].append(number)
    return dict(found)
