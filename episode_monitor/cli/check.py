"""`episode-monitor check`: the fleet by a running monitor, or named projects by the monitor and by the database."""

import sys
import time
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

from episode_monitor.access import episodes_table, secret
from episode_monitor.checks.integrity_checker import EpisodeIntegrityChecker, UnknownProject
from episode_monitor.cli import calling
from episode_monitor.cli.calling import Url
from episode_monitor.cli.output import Json, bar, count, print_json, print_table
from episode_monitor.cli.service_database import failing_as_a_command
from episode_monitor.exits import ExitCode, Failure, Interrupted
from episode_monitor.settings.settings import Settings, load_settings
from streams.base.numbering_rules import NumberingRules

POLL_SECONDS = 0.5
_SHOWN = 20  # numbers in a table's cell
_SIDES = ("stream", "database")


def check(
    projects: Annotated[list[str] | None, typer.Argument(metavar="[PROJECT]...", help="Only these.")] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Check every project, and compare it with the service's database.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Your name, for the audit of a check of all.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Check all projects, or compare the named ones with DATABASE_URL. Exit code 1 if issues are found."""
    settings = load_settings()
    if projects:
        found = check_projects(settings, url, projects)
        issues = not all(project["is_healthy"] for project in found)
        print_json({"projects": found}) if as_json else show_projects(found)
    else:
        result = check_fleet(settings, url, by or "", deep=deep)
        issues = has_issues(result)
        print_json(result) if as_json else show_fleet(result)
    raise SystemExit(int(ExitCode.ISSUES_FOUND if issues else ExitCode.CLEAN))


def check_fleet(settings: Settings, url: str | None, by: str, *, deep: bool) -> dict[str, Any]:
    """The result of a check of all projects. Raises Failure."""
    parameters = {"deep_check": "true"} if deep else {}
    try:
        answer: dict[str, Any] = calling.post(settings, url, "/jobs/integrity/run-check", {"by": by}, parameters)
        return _follow(settings, url, answer["job_id"]) if "job_id" in answer else answer
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped waiting, but the check continues: GET {calling.BASE}/jobs lists it, with its "
            f"result when it has ended."
        ) from None


def _follow(settings: Settings, url: str | None, job_id: str) -> dict[str, Any]:
    """Wait for the job's end, with a bar on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with bar(*columns) as progress:
        task = progress.add_task("Checking all projects", total=None)
        while True:
            job = calling.get(settings, url, f"/jobs/{quote(job_id, safe='')}")
            if job["state"] != "running":
                break
            if job["progress"] is not None:
                progress.update(task, total=1.0, completed=job["progress"])
            time.sleep(POLL_SECONDS)
    if job["state"] != "completed":
        raise Failure(job["error"] or "The check ended without a result; see the monitor's log.", ExitCode.UNREACHABLE)
    result: dict[str, Any] = job["result"]
    return result


def check_projects(settings: Settings, url: str | None, projects: list[str]) -> list[dict[str, Any]]:
    """Each project as the stream has it and, with DATABASE_URL, as the database has it. Raises Failure."""
    database_url = secret(settings.database_url)
    found = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with bar(*columns) as progress:
        for project in progress.track(projects, description="Checking projects"):
            stream, note = _of_stream(settings, url, project, needed=database_url is None)
            if note:
                progress.console.print(note, style="yellow", soft_wrap=True)
            database = None if database_url is None else _of_database(settings, database_url, project)
            drift = None
            if stream is not None and database_url is not None:
                drift, note = _drift(settings, url, project)
                if note:
                    progress.console.print(note, style="yellow", soft_wrap=True)
            if stream is None and database is None:
                raise Failure(f"Unknown project {project!r}; check its id.", ExitCode.USAGE)
            sides = [side for side in (stream, database) if side is not None]
            healthy = all(side["is_healthy"] for side in sides) and drift is None
            if stream is not None and stream["split"] is not None:
                healthy = False
                progress.console.print(
                    f"{escape(project)}: {stream['split']['detail']}", style="yellow", soft_wrap=True
                )
            found.append(
                {"project_id": project, "is_healthy": healthy, "stream": stream, "database": database, "drift": drift}
            )
    return found


def _of_stream(settings: Settings, url: str | None, project: str, *, needed: bool) -> tuple[dict[str, Any] | None, str]:
    """None for a project no event named; with a note where the monitor gives no answer and is not needed."""
    try:
        return calling.get(settings, url, "/integrity/project", {"project_id": project}, may_miss=True), ""
    except Failure as failure:
        if needed or failure.code is not ExitCode.UNREACHABLE:
            raise
        return None, f"The database alone is checked: {failure}"


def _drift(settings: Settings, url: str | None, project: str) -> tuple[dict[str, Any] | None, str]:
    """Where both sides disagree number by number, as the monitor sees it; with a note where it cannot say."""
    try:
        found = calling.get(settings, url, "/integrity/drift", {"project_id": project}, may_miss=True)
    except Failure as failure:
        return None, f"Stream and database of {project} are not compared number by number: {failure}"
    return None if found is None else found["drift"], ""


def _of_database(settings: Settings, url: str, project: str) -> dict[str, Any] | None:
    rules = NumberingRules(first_number=settings.first_number, max_jump=settings.max_number_jump)
    checker = EpisodeIntegrityChecker(url, episodes_table(settings), rules)
    with failing_as_a_command():
        try:
            return asdict(checker.check_project_integrity(project))
        except UnknownProject:
            return None


# --- for people


def has_issues(result: dict[str, Any]) -> bool:
    """Whether a check of all projects found anything."""
    if result["kind"] == "basic":
        return bool(result["summary"]["unhealthy_projects"])
    database = result["database"] or {}
    found = result["projects_with_issues"] or result["project_issues"] or database.get("invalid_rows")
    return bool(found or result["split"])


def show_fleet(result: dict[str, Any]) -> None:
    """A table of a check of all projects."""
    if result["kind"] == "basic":
        summary = result["summary"]
        print(
            f"{count(summary['total_projects'], 'project')}, {summary['unhealthy_projects']} of them unhealthy: "
            f"{count(summary['total_gaps'], 'gap')}, {count(summary['total_duplicates'], 'duplicate')}."
        )
        if summary["unhealthy_projects"]:
            print("Which ones: episode-monitor check --deep", file=sys.stderr)
        return
    print(
        f"{count(result['projects_checked'], 'project')} checked in {result['duration_seconds']} s, "
        f"{result['projects_with_issues']} with issues."
    )
    database = result["database"]
    if database is not None:
        print(
            f"{count(database['episodes_read'], 'episode')} of {count(database['projects_read'], 'project')} read: "
            f"{database['missing_in_stream']} missing in the stream, {database['missing_in_database']} missing in the "
            f"database, {database['different_owner']} with different owners, "
            f"{count(database['invalid_rows'], 'invalid row')}."
        )
    if result["project_issues"]:
        _show_issues(result["project_issues"], "" if database is None else " on a side")
    if result["split"]:
        print(
            f"{count(len(result['split']), 'project')} in several partitions, not compared (docs/operations.md): "
            + ", ".join(f"{one['project_id']} ({', '.join(map(str, one['partitions']))})" for one in result["split"])
        )
    if result["truncated"]:
        print(f"The {len(result['project_issues'])} worst are listed.", file=sys.stderr)


def _show_issues(issues: list[dict[str, Any]], where: str) -> None:
    """With a database, a number is listed that is missing or held twice in the stream or in the database."""
    heads = ("Project", "Score", f"Missing{where}", f"Held twice{where}", "Drift")
    rows = []
    for issue in issues:
        drift = issue.get("drift") or {"numbers": []}
        rows.append([
            issue["project_id"], str(issue["health_score"]), _numbers(issue["gaps"], issue.get("gaps_total", 0)),
            _numbers(issue["duplicates"], issue.get("duplicates_total", 0)),
            _numbers([one["number"] for one in drift["numbers"]], _differences(drift)),
        ])  # fmt: skip
    print_table(heads, rows)


def show_projects(projects: list[dict[str, Any]]) -> None:
    """A line for each project and side; then one for each number on which they disagree."""
    rows = [
        [project["project_id"], side, str(one["total_episodes"]), str(one["max_number"]), _numbers(one["gaps"]),
         _numbers(one["duplicates"]), _suspects(one), str(one["health_score"])]
        for project in projects
        for side, one in (("stream", project["stream"]), ("database", project["database"]))
        if one is not None
    ]  # fmt: skip
    print_table(("Project", "Side", "Episodes", "Highest", "Gaps", "Duplicates", "Suspect", "Score"), rows)
    for project in projects:
        if project["drift"] is not None:
            show_drift(project["project_id"], project["drift"])


def show_drift(project: str, drift: dict[str, Any]) -> None:
    """A line for each number on which stream and database disagree."""
    rows = [
        [project, str(one["number"]), one["kind"].replace("_", " "), *(", ".join(one[side]) or "-" for side in _SIDES)]
        for one in drift["numbers"]
    ]
    print_table(("Project", "Number", "Difference", "Stream", "Database"), rows)
    total = _differences(drift)
    if total > len(drift["numbers"]):
        print(f"The first {len(drift['numbers'])} of {total} differences are listed.", file=sys.stderr)


def _suspects(side: dict[str, Any]) -> str:
    """What the stream does not believe yet; the database has none."""
    ranges = [(one["first_number"], one["last_number"]) for one in side.get("suspects", [])[:_SHOWN]]
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _differences(drift: dict[str, Any]) -> int:
    return sum(drift.get(kind, 0) for kind in ("missing_in_stream", "missing_in_database", "different_owner"))


def _numbers(numbers: list[int], total: int = 0) -> str:
    """The first ones; `total` counts all, also those that the answer does not list."""
    shown, total = ", ".join(map(str, numbers[:_SHOWN])), max(total, len(numbers))
    return f"{shown}, … ({total} in all)" if total > _SHOWN else shown
