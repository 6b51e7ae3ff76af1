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


def fill(waived: list[Waiver], number: int) -> Waiver | None:
    """Somebody holds the number: it is missing no more. Answers the waiver that it was part of."""
    for at, one in enumerate(waived):
        if one.kind == GAP and one.first <= number <= one.last:
            parts = ((one.first, number - 1), (number + 1, one.last))
            waived[at : at + 1] = [
                msgspec.structs.replace(one, first=first, last=last) for first, last in parts if first <= last
            ]
            return one
    return None


def unshare(waived: list[Waiver], number: int) -> bool:
    """The number is held once. Answers whether that was waived."""
    kept = [one for one in waived if one.kind != DUPLICATE or one.first != number]
    is_news = len(kept) < len(waived)
    waived[:] = kept
    return is_news


def drop_above(waived: list[Waiver], limit: int) -> list[Waiver]:
    """Beyond the highest number, which somebody holds, nothing is missing. Answers what is waived no more, in order."""
    gone = [one for one in waived if one.kind == GAP and one.first > limit]
    if gone:
        waived[:] = [one for one in waived if one.kind != GAP or one.first <= limit]
    return sorted(gone, key=place)


def take_expired(waived: list[Waiver], now_ms: int) -> list[Waiver]:
    """Those whose time is over, in order; they are waived no more."""
    over = [one for one in waived if one.until_ms <= now_ms]
    if over:
        waived[:] = [one for one in waived if one.until_ms > now_ms]
    return sorted(over, key=place)


def place(one: Waiver) -> tuple[str, int]:
    """Where it stands among the waivers of its project."""
    return one.kind, one.first
