"""What people see of one project's findings and of their history: views made from states; time is an argument."""

import msgspec

from models.finding_views import FindingDetail, FindingEntry, FindingList, FindingName, FindingView, WaiverView
from models.times import rfc3339
from streams.base.ids import unpack_id
from streams.numbering import finding_history as happened
from streams.numbering.finding_history import FindingRecord, Interval
from streams.numbering.waivers import DUPLICATE
from streams.project.findings import Finding, finding_id, finding_of, findings_of
from streams.project.project_state import ProjectState
from streams.views.project_views import MAX_GAPS_LISTED


def finding_view(found: Finding) -> FindingView:
    """One finding as people see it."""
    waiver = found.waiver
    return FindingView(
        finding_id=found.finding_id,
        kind=found.kind,
        state=found.state,
        first_number=found.first,
        last_number=found.last,
        since=None if found.since_ms is None else rfc3339(found.since_ms),
        settles_at=None if found.settles_ms is None else rfc3339(found.settles_ms),
        waiver=None
        if waiver is None
        else WaiverView(by=waiver.by, reason=waiver.reason, at=rfc3339(waiver.at_ms), until=rfc3339(waiver.until_ms)),
    )


def finding_list(state: ProjectState, at_ms: int) -> FindingList:
    """All findings of a project, as of `at_ms`; of very many the first of each kind and state.

    Of one in several partitions none: what this partition lacks another may have."""
    listed: list[FindingView] = []
    seen: dict[tuple[str, str], int] = {}
    for found in () if state.split else findings_of(state.project_id, state.numbering):
        which = found.kind, found.state
        seen[which] = seen.get(which, 0) + 1
        if seen[which] <= MAX_GAPS_LISTED:
            listed.append(finding_view(found))
    history = state.numbering.anomalies.history
    return FindingList(
        project_id=state.project_id,
        findings=listed,
        as_of=rfc3339(at_ms),
        history=[] if history is None else [entry_view(state.project_id, entry) for entry in history.entries],
        history_dropped=0 if history is None else history.dropped,
    )


def finding_detail(state: ProjectState, wanted: str, at_ms: int) -> FindingDetail | None:
    """One finding with its history, as of `at_ms`; None for one that is unknown, or of which nothing is kept."""
    known = finding_of(state.project_id, state.numbering, wanted)
    if known is None:
        return None
    found, entries = known
    history = state.numbering.anomalies.history
    return FindingDetail(
        project_id=state.project_id,
        finding=finding_view(found),
        history=[entry_view(state.project_id, entry) for entry in entries],
        history_dropped=0 if history is None else history.dropped,
        as_of=rfc3339(at_ms),
    )


def entry_view(project_id: str, entry: FindingRecord) -> FindingEntry:
    """One entry as people see it."""

    def named(first: int, last: int) -> FindingName:
        name = finding_id(project_id, entry.kind, first)
        return FindingName(finding_id=name, first_number=first, last_number=last)

    view = FindingEntry(
        what=_what(entry),
        at=rfc3339(entry.at_ms),
        text=_sentence(entry),
        finding_id=finding_id(project_id, entry.kind, entry.first),
        kind=entry.kind,
        first_number=entry.first,
        last_number=entry.last,
        episode_id=unpack_id(entry.episode) or None,
        how=entry.how or None,
        lives_on_as=[named(first, last) for first, last in entry.lives_on],
    )
    match entry.what:
        case happened.OPENED:
            return msgspec.structs.replace(view, since=rfc3339(entry.since_ms))
        case happened.FILLED:
            return msgspec.structs.replace(view, number=entry.number)
        case happened.WAIVED:
            return msgspec.structs.replace(view, by=entry.by, reason=entry.reason, until=rfc3339(entry.until_ms))
    return view


def _what(entry: FindingRecord) -> str:
    """How a gap was filled follows from the number of parts that are left."""
    return ("filled", "filled_in_part", "split")[len(entry.lives_on)] if entry.what == happened.FILLED else entry.what


def _sentence(entry: FindingRecord) -> str:
    numbers, episode = _numbers((entry.first, entry.last)), unpack_id(entry.episode)
    rest = " and ".join(map(_numbers, entry.lives_on))
    joined = f" With those next to it, the gap is {rest} now." if entry.beside else ""
    match entry.what:
        case happened.OPENED if entry.kind == DUPLICATE:
            return f"Number {numbers} is a duplicate: several episodes hold it, since {rfc3339(entry.since_ms)}."
        case happened.OPENED:
            return f"Open gap {numbers}: no episode holds it, since {rfc3339(entry.since_ms)}.{joined}"
        case happened.FILLED:
            left = f"still missing: {rest}" if rest else "the gap is closed"
            return f"Episode {episode} took number {entry.number}; {left}."
        case happened.WAIVED:
            return f"{entry.by} waived {numbers} until {rfc3339(entry.until_ms)}: {entry.reason}"
        case happened.REOPENED:
            return f"The waiver has expired, and {numbers} counts again.{joined}"
    match entry.how:
        case happened.TOP_LOWERED:
            return f"Episode {episode} left the highest number, and {numbers} lies above the present highest number."
        case happened.DELETED:
            return f"Episode {episode} was deleted, and one episode alone holds number {numbers} now."
    return f"Episode {episode} got another number, and one episode alone holds number {numbers} now."


def _numbers(interval: Interval) -> str:
    first, last = interval
    return str(first) if first == last else f"{first} … {last}"
