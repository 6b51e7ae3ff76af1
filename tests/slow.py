"""What `./run test` leaves to `./run test --all`, and why each of it cannot be had in seconds. CI takes all."""

from collections.abc import Iterable, Sequence

MINUTES, ALL_MINUTES = 6, 15  # on two cores, on the embedded broker

# Beginnings of test ids -> the reason.
SLOW = {
    "tests/system": "whole systems of several processes, killed and started again",
    "tests/faults/test_hostile_input.py": "a worker under tens of thousands of hostile records",
    "tests/alertmanager_api/test_notifications_side_by_side.py": "half a minute of plays before a real Alertmanager",
    "tests/client/test_outbox_kills.py": "a service and its relays, killed again and again",
}


def left_out(chosen: Sequence[str]) -> dict[str, str]:
    """Those of `SLOW` that do not run. `chosen` are the paths or ids that were asked for, relative to the tree; none
    of them: all tests. What is asked for by its own name runs."""
    named = {slow for slow in SLOW if any(lies_in(each, slow) for each in chosen)}
    wanted = {slow for slow in SLOW if not chosen or any(lies_in(slow, each) for each in chosen)}
    return {slow: why for slow, why in SLOW.items() if slow in wanted - named}


def header(chosen: Sequence[str], *, is_all: bool) -> list[str]:
    """The first lines of a run: what runs, how long that takes, and what does not run."""
    left = {} if is_all else left_out(chosen)
    takes = "" if chosen else f", about {ALL_MINUTES if is_all else MINUTES} minutes on two cores"
    runs = " ".join(chosen) or "all"
    if not left:
        return [f"tests: {runs}{takes}"]
    names = [f"  {name}: {why}" for name, why in left.items()]
    return [f"tests: {runs} but these, which --all runs too{takes}", *names]


def is_in(test_id: str, parts: Iterable[str]) -> bool:
    """Whether a test is one of those parts or lies in one."""
    return any(lies_in(test_id, part) for part in parts)


def lies_in(test_id: str, part: str) -> bool:
    """Whether a test or path is `part` or lies in it."""
    return part == "." or test_id == part or test_id.startswith((f"{part}/", f"{part}::", f"{part}["))
