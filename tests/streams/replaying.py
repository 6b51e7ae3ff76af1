"""Open and waived findings as a history alone tells them: nothing of `replayed` comes from the numbering."""

from collections.abc import Iterable

from streams.numbering.finding_history import FindingRecord
from streams.numbering.numbering import Numbering
from streams.project.findings import findings_of

Findings = set[tuple[str, int, int, str | None]]  # kind, first, last, who waived it


def replayed(entries: Iterable[FindingRecord]) -> Findings:
    """What is there after these entries, if nothing was there before them."""
    there: Findings = set()
    for entry in entries:
        kind, first, last = entry.kind, entry.first, entry.last
        if entry.what in ("opened", "reopened"):
            if entry.what == "reopened":
                there.remove(only(there, kind, first, last, waived=True))
            for beside in entry.beside:
                there.remove((kind, *beside, None))
            ends = [first, last, *(end for beside in entry.beside for end in beside)]
            there.add((kind, min(ends), max(ends), None))
            continue
        before = only(there, kind, first, last, waived=None)
        there.remove(before)
        if entry.what == "waived":
            assert before[3] is None
            there.add((kind, first, last, entry.by))
        elif entry.what == "filled":
            for low, high in ((first, entry.number - 1), (entry.number + 1, last)):
                if low <= high:
                    there.add((kind, low, high, before[3]))
    return there


def only(there: Findings, kind: str, first: int, last: int, *, waived: bool | None) -> tuple[str, int, int, str | None]:
    """The one finding of these numbers."""
    (found,) = [one for one in there if one[:3] == (kind, first, last) and waived in (None, one[3] is not None)]
    return found


def present(numbering: Numbering) -> Findings:
    """What is open or waived."""
    return {
        (one.kind, one.first, one.last, one.waiver.by if one.waiver else None)
        for one in findings_of("", numbering)
        if one.state != "suspect"
    }
