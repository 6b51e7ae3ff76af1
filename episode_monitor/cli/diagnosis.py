"""What `doctor` finds: a part, how it is, and one sentence."""

from enum import Enum

import msgspec


class DiagnosisLevel(Enum):
    """How a part is."""

    OK = "ok"
    WRONG = "wrong"
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"


class Diagnosis(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part and its sentence. `commands` are for whoever may do what it asks for."""

    part: str
    verdict: DiagnosisLevel
    sentence: str
    commands: tuple[str, ...] = ()


def skipped(part: str, needs: str) -> Diagnosis:
    """A part that could not be looked at."""
    return Diagnosis(part, DiagnosisLevel.SKIPPED, f"Not checked: it needs {needs}.")
