"""Which number of one side belongs to which of the other: the same episode with another number, or the same number
with another episode."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

import msgspec

Held = tuple[int, str]  # a number and the episode that holds it
Holders = Mapping[int, Sequence[str]]  # number -> episodes


class Paired(msgspec.Struct, frozen=True):
    """One difference. Both sides given: either the episodes are the same, or the numbers. At least one is given."""

    ours: Held | None
    theirs: Held | None


def paired(here: Holders, there: Holders) -> Iterator[Paired]:
    """What each side alone has, put together: episodes with another number first, then by number."""
    ours, theirs = _by_episode(here), _by_episode(there)
    renumbered = [
        Paired((mine, episode), (other, episode))
        for episode in ours.keys() & theirs.keys()
        for mine, other in zip(ours[episode], theirs[episode], strict=False)
    ]
    yield from sorted(renumbered, key=lambda pair: pair.ours or (0, ""))
    done_here, done_there = {pair.ours for pair in renumbered}, {pair.theirs for pair in renumbered}
    for number in sorted(here.keys() | there.keys()):
        left = [(number, one) for one in here.get(number, ()) if (number, one) not in done_here]
        right = [(number, one) for one in there.get(number, ()) if (number, one) not in done_there]
        yield from (Paired(mine, other) for mine, other in zip_longest(left, right))


def _by_episode(holders: Holders) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for number, episodes in sorted(holders.items()):
        for episode in episodes:
            found[episode].append(number)
    return found
