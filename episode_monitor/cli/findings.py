"""What `doctor` finds: a part, how it is, and one sentence."""

from enum import Enum

import msgspec


class Verdict(Enum):
    """How a part is."""

    OK = "ok"
    WRONG = "wrong"
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"


class Finding(msgspec.Struct, frozen=True):
    """One part and its sentence."""

    part: str
    verdict: Verdict
    sentence: str


def skipped(part: str, needs: str) -> Finding:
    """A part that could not be looked at."""
    return Finding(part, Verdict.SKIPPED, f"Not looked at: it needs {needs}.")
