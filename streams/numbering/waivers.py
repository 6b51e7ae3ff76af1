"""The waived findings of one project.

A waiver is for numbers, not for a finding id: a filled number leaves it, and is a new finding when it is lost again.
"""

import msgspec

GAP, DUPLICATE = "gap", "duplicate"
MAX_WAIVERS = 1000  # of a project


class Waiver(msgspec.Struct, frozen=True, array_like=True):
    """Numbers first … last, waived by a person from `at_ms` to `until_ms`."""

    kind: str
    first: int
    last: int
    at_ms: int
    until_ms: int
    by: str
    reason: str


def fill(waived: list[Waiver], number: int) -> Waiver | None:
    """An episode holds the number. Returns the waiver that it was part of."""
    for at, one in enumerate(waived):
        if one.kind == GAP and one.first <= number <= one.last:
            parts = ((one.first, number - 1), (number + 1, one.last))
            waived[at : at + 1] = [
                msgspec.structs.replace(one, first=first, last=last) for first, last in parts if first <= last
            ]
            return one
    return None


def unshare(waived: list[Waiver], number: int) -> bool:
    """The number is held once. Returns whether the duplicate was waived."""
    kept = [one for one in waived if one.kind != DUPLICATE or one.first != number]
    was_waived = len(kept) < len(waived)
    waived[:] = kept
    return was_waived


def drop_above(waived: list[Waiver], limit: int) -> list[Waiver]:
    """Beyond the highest number nothing is missing. Returns the waivers that ended, in order."""
    gone = [one for one in waived if one.kind == GAP and one.first > limit]
    if gone:
        waived[:] = [one for one in waived if one.kind != GAP or one.first <= limit]
    return sorted(gone, key=place)


def take_expired(waived: list[Waiver], now_ms: int) -> list[Waiver]:
    """Remove and return the expired ones, in order."""
    over = [one for one in waived if one.until_ms <= now_ms]
    if over:
        waived[:] = [one for one in waived if one.until_ms > now_ms]
    return sorted(over, key=place)


def place(one: Waiver) -> tuple[str, int]:
    """Its position among the waivers of its project."""
    return one.kind, one.first
