"""What people waived of one project's findings.

A waiver holds for numbers, not for a name: what is filled leaves it, and what is lost again later is a new finding.
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


def fill(waived: list[Waiver], number: int) -> None:
    """Somebody holds the number: it is missing no more."""
    for at, one in enumerate(waived):
        if one.kind == GAP and one.first <= number <= one.last:
            parts = ((one.first, number - 1), (number + 1, one.last))
            waived[at : at + 1] = [
                msgspec.structs.replace(one, first=first, last=last) for first, last in parts if first <= last
            ]
            return


def unshare(waived: list[Waiver], number: int) -> None:
    """The number is held once."""
    waived[:] = [one for one in waived if one.kind != DUPLICATE or one.first != number]


def drop_above(waived: list[Waiver], limit: int) -> None:
    """Beyond the highest number nothing is missing."""
    kept = []
    for one in waived:
        if one.kind != GAP or one.last <= limit:
            kept.append(one)
        elif one.first <= limit:
            kept.append(msgspec.structs.replace(one, last=limit))
    waived[:] = kept


def take_expired(waived: list[Waiver], now_ms: int) -> list[Waiver]:
    """Those whose time is over; they are waived no more."""
    over = [one for one in waived if one.until_ms <= now_ms]
    if over:
        waived[:] = [one for one in waived if one.until_ms > now_ms]
    return over
