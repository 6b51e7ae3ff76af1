"""The report of a replay for people: counts, then what was found, then what could not be used."""

from collections.abc import Iterator

from episode_monitor.cli.output import print_table
from episode_monitor.replay.findings import IMPLAUSIBLE, SUSPECT, ReplayFinding
from episode_monitor.replay.report import At, Report
from models.alert import FINDINGS_ROSE

MOST_ROWS = 50  # of a table; `--json` has all
ACTS = "What people did (acknowledged, silenced, waived) is not replayed: it is no record of the events topic."


def print_report(report: Report) -> None:
    """To standard output."""
    _print_counts(report)
    if report.findings:
        rows = [_finding_row(each) for each in report.findings[:MOST_ROWS]]
        print_table(("Project", "What", "State", "Since", "Opened", "Closed", "Partition", "Offsets"), rows)
        _print_rest(report.findings_total, "findings")
    if report.suspects:
        print("Suspects have not lasted for the settling time; --until lets time go on.")
    fired = list(_fired(report))
    if fired:
        print_table(("Alert", "Project", "Severity", "Fired", "Resolved"), fired[:MOST_ROWS])
        _print_rest(sum(report.firings.values()), "alerts that would have fired")
    if report.windows:
        windows = [[w.rule_id, f"{w.bad} of {w.whole}", _rate(w.rate_percentage)] for w in report.windows]
        print_table(("Rule", "Last window", "Rate"), windows)
    if report.dead_letter_records:
        print_table(("Partition", "Offset", "Line", "Reason", "Detail"), _letter_rows(report))
        _print_rest(sum(report.dead_letters.values()), "records that could not be used")
    if report.project_states is not None and len(report.project_states) <= MOST_ROWS:
        states = [[each.project_id, str(each.episodes), each.digest] for each in report.project_states]
        print_table(("Project", "Episodes", "Digest"), states)
    print(ACTS)


def _fired(report: Report) -> Iterator[list[str]]:
    """Each alert that would have fired, in that order."""
    resolved = {one["alert_id"]: one["ends_at"] for one in report.alerts if one["status"] == "resolved"}
    for one in report.alerts:
        if one["status"] == "firing" and one["reason"] != FINDINGS_ROSE:
            names = (one["rule_id"], one["project_id"], one["severity"], one["starts_at"])
            yield [*names, resolved.get(one["alert_id"]) or ""]


def _letter_rows(report: Report) -> list[list[str]]:
    return [
        [str(each.partition), str(each.offset), str(each.line or ""), each.reason, each.detail]
        for each in report.dead_letter_records[:MOST_ROWS]
    ]


def _print_counts(report: Report) -> None:
    counted = (
        "events", "applied", "tombstones", "projects", "projects_with_findings", "split_projects", "episodes", "gaps",
        "duplicates", "suspects", "transitions",
    )  # fmt: skip
    rows = [[name, str(getattr(report, name))] for name in counted]
    rows.insert(3, ["dead_letters", words(report.dead_letters)])
    rows += [
        ["split", words(report.split)],
        ["firings", words(report.firings)],
        ["from", _places(report.begin)],
        ["to", _places(report.end)],
        ["is_complete", str(report.is_complete).lower()],
        ["state_hash", report.state_hash],
    ]
    print_table(("What", "Value"), rows)


def words(values: dict[str, object] | dict[str, int] | dict[str, list[int]]) -> str:
    """Names and values in a cell."""
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "none"


def _finding_row(each: ReplayFinding) -> list[str]:
    first, last = each.first_number, each.last_number
    kind = "implausible jump to" if each.kind == IMPLAUSIBLE else each.kind
    number = str(first) if first == last else f"{first} to {last}"
    closed = each.closed_at or ""
    if each.state == SUSPECT and each.settles_at is not None:
        closed = f"settles {each.settles_at}"
    offsets = "?" if each.first_offset is None else str(each.first_offset)
    if each.last_offset is not None:
        offsets += f" to {each.last_offset}"
    times = [each.since or "", each.opened_at or "", closed]
    return [each.project_id, f"{kind} {number}", each.state, *times, str(each.partition), offsets]


def _print_rest(total: int, what: str) -> None:
    if total > MOST_ROWS:
        print(f"{MOST_ROWS} of {total} {what}; --json lists more.")


def _places(places: list[At]) -> str:
    return ", ".join(f"{place.partition}:{place.offset}" for place in places)


def _rate(percentage: float | None) -> str:
    return "" if percentage is None else f"{percentage:.2f} %"
