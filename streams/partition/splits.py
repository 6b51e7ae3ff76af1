"""A project whose events are in several partitions: which ones, as each of these partitions stores it.

Each partition numbers its part alone, so a number missing there is no finding: another part may have it.
"""

from collections.abc import Iterable

import msgspec


class Split(msgspec.Struct, frozen=True, array_like=True):
    """All partitions in which the project was seen, ascending; `keyless` are those where records of it had no key."""

    partitions: tuple[int, ...]
    keyless: tuple[int, ...] = ()


def joined(own: int, known: Split | None, seen: Iterable[int], keyless: Iterable[int]) -> Split | None:
    """What partition `own` knows after parts were seen in others; None where no other has one."""
    before = known or Split(())
    partitions = {own, *before.partitions, *seen}
    if len(partitions) < 2:
        return None
    return Split(tuple(sorted(partitions)), tuple(sorted({*before.keyless, *keyless})))
