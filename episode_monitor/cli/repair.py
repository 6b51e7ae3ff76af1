"""`episode-monitor repair ...`: a client of the worker, so that people and programs leave one audit.

Plans and results go to standard output, progress and sentences to standard error.
"""

import asyncio
import contextlib
import shlex
import sys
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from episode_monitor.cli.calling import By, Url, WorkerClient, name_of
from episode_monitor.cli.output import Json, bar, print_json, print_table
from episode_monitor.exits import ExitCode, Failure, Interrupted
from episode_monitor.repair.planning import Strategy
from episode_monitor.settings.settings import load_settings

ANSWER_SECONDS: Final = 300.0  # longer than an act may take
POLL_SECONDS: Final = 0.3
SHOWN_CHANGES: Final = 50
_DONE: Final = ("applied", "rolled_back")

app = typer.Typer(no_args_is_help=True, help="Plan a repair of episode numbers, apply it, roll it back.")

Project = Annotated[str, typer.Argument(help="The project's id.")]
PlanId = Annotated[str, typer.Argument(help="The plan's id.")]
Confirm = Annotated[str, typer.Option(help="The id of the project that the plan changes.")]
WithNewer = Annotated[
    bool, typer.Option("--with-newer", help="Also renumber episodes that were created after the plan was made.")
]


@app.command("plan")
def plan(
    project: Project,
    strategy: Annotated[Strategy, typer.Option(help="How the numbers are repaired.")] = Strategy.COMPACT,
    by: By = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a plan that lists every change; nothing is written to the project service."""
    path = f"/integrity/project/{quote(project, safe='')}/repair-plans"
    _show(asyncio.run(_worker(url).post(path, {"by": name_of(by), "strategy": strategy.value})), as_json)


@app.command("list")
def list_plans(
    project: Annotated[str | None, typer.Argument(help="Only this project's.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List repair plans, newest first."""
    plans = asyncio.run(_worker(url).get("/repair-plans", {"project_id": project}))
    if as_json:
        print_json(plans)
        return
    names = ("plan_id", "project_id", "state", "verification", "changes_needed", "created_by", "created_at", "acted_by")
    heads = ("Plan", "Project", "State", "Verification", "Changes", "Made by", "Made at", "Acted by")
    print_table(heads, [[str(plan[name] or "") for name in names] for plan in plans["plans"]])


@app.command("show")
def show(plan_id: PlanId, url: Url = None, as_json: Json = False) -> None:
    """Show a plan, its state and its steps."""
    _show(asyncio.run(_worker(url).get(_path(plan_id))), as_json)


@app.command("approve")
def approve(plan_id: PlanId, confirm: Confirm, by: By = None, url: Url = None, as_json: Json = False) -> None:
    """Approve another person's plan; needed when it has many changes."""
    body = {"by": name_of(by), "confirm": confirm}
    _show(asyncio.run(_worker(url).post(f"{_path(plan_id)}/approve", body)), as_json)


@app.command("apply")
def apply(
    plan_id: PlanId, confirm: Confirm, with_newer: WithNewer = False, by: By = None, url: Url = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Renumber as planned, send the events and verify. Exit code 1 if that failed and it was rolled back."""
    _act(plan_id, "apply", _said(confirm, with_newer, by), url, as_json, "applied")


@app.command("rollback")
def rollback(
    plan_id: PlanId, confirm: Confirm, with_newer: WithNewer = False, by: By = None, url: Url = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Restore the exact old numbers."""
    _act(plan_id, "rollback", _said(confirm, with_newer, by), url, as_json, "rolled_back")


@app.command("automatic")
def automatic(
    pause: Annotated[
        bool | None, typer.Option("--pause/--go-on", help="Switch automatic repair off (pause) or on again.")
    ] = None,
    by: By = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show whether automatic repair is active, or pause and resume it on all workers."""
    worker, path = _worker(url), "/automatic-repair"
    work = worker.get(path) if pause is None else worker.post(path, {"by": name_of(by), "paused": pause})
    state = asyncio.run(work)
    if as_json:
        print_json(state)
        return
    print(f"{'active' if state['active'] else 'not active'}: {state['reason']}")
    if pause is not None or state["paused"]:
        who = f" (last set by {state['paused_by']})" if state["paused_by"] else ""
        print(f"The pause switch is {'on' if state['paused'] else 'off'}{who}.")


def _said(confirm: str, with_newer: bool, by: str | None) -> dict[str, Any]:
    return {"by": name_of(by), "confirm": confirm, "with_newer": with_newer}


def _act(plan_id: str, verb: str, body: dict[str, Any], url: str | None, as_json: bool, wanted: str) -> None:
    try:
        plan = asyncio.run(_with_progress(_worker(url), _path(plan_id), verb, body))
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped waiting, but the worker continues: episode-monitor repair show {plan_id}") from None
    _show(plan, as_json)
    if plan["state"] != wanted or plan["verification"] == "failed":
        raise Failure(f"The plan is {plan['state']}: {plan['steps'][-1]['detail']}", ExitCode.ISSUES_FOUND)


async def _with_progress(worker: WorkerClient, path: str, verb: str, body: dict[str, Any]) -> Any:
    """The act, with a bar that follows the plan through its stations."""
    acting = asyncio.create_task(worker.post(f"{path}/{verb}", body))
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with bar(*columns) as progress:
        task = progress.add_task(verb, total=4)
        while not acting.done():
            await asyncio.wait([acting], timeout=POLL_SECONDS)
            with contextlib.suppress(Failure):
                plan = await worker.get(path)
                done = plan["state"] in _DONE
                at = 1 + done + (done and not plan["events_pending"])  # of four; the last is the check
                progress.update(task, completed=at, description=plan["steps"][-1]["what"] if plan["steps"] else verb)
    return await acting


def _worker(url: str | None) -> WorkerClient:
    return WorkerClient(load_settings(), url, ANSWER_SECONDS)


def _path(plan_id: str) -> str:
    return f"/repair-plans/{quote(plan_id, safe='')}"


def _show(plan: Any, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    _print_changes(plan)
    _print_facts(plan)
    _print_next_steps(plan)


def _print_changes(plan: Any) -> None:
    print(f"Plan {plan['plan_id']} for {plan['project_id']}: {plan['state']}")
    is_back = plan["state"] == "rolled_back"
    heads = ("As applied", "Restored") if is_back else ("Number before", "New number")
    changes = [*plan["changes"], *plan["newer_changes"]]
    rows = []
    for change in changes[:SHOWN_CHANGES]:
        numbers = [str(change["old_number"]), str(change["new_number"])]
        rows.append([change["episode_id"], *(reversed(numbers) if is_back else numbers)])
    if rows:
        print_table(("Episode", *(("Number now", "New number") if plan["state"] == "planned" else heads)), rows)
    if len(changes) > SHOWN_CHANGES:
        print(f"... and {len(changes) - SHOWN_CHANGES} more; --json has them all.")


def _print_facts(plan: Any) -> None:
    radius = plan["blast_radius"]
    before, after, verb = radius["before"], radius["after"], "change"
    if plan["state"] == "rolled_back":
        before, after, verb = after, before, "changed back"
    print(
        f"{radius['episodes_changed']} of {before['episodes']} episodes {verb} ({radius['share_percentage']} %); "
        f"gaps {before['gaps']} -> {after['gaps']}, duplicates {before['duplicates']} -> {after['duplicates']}, "
        f"highest number {before['max_number']} -> {after['max_number']}."
    )
    if plan["newer_changes"]:
        print(f"Created after the plan, of these: {len(plan['newer_changes'])}.")
    for warning in plan["warnings"]:
        print(warning)
    for step in plan["steps"]:
        print(f"{step['at']}  {step['what']} by {step['by']}  {step['detail']}".rstrip())


def _print_next_steps(plan: Any) -> None:
    words = f"{plan['plan_id']} --confirm {shlex.quote(plan['project_id'])}"
    if plan["state"] == "applied":
        print(
            f"To roll it back: episode-monitor repair rollback {words} (with --with-newer, newer episodes move "
            "behind the others)",
            file=sys.stderr,
        )
    if plan["state"] != "planned" or not plan["changes"]:
        return
    said = (
        f"It may be applied until {plan['expires_at']}: episode-monitor repair apply {words} --with-newer\n"
        "(--with-newer also renumbers newer episodes; without it the plan is refused if there are any)"
    )
    if plan["approval_needed"] and not plan["approved_by"]:
        said = f"Another person must approve it first: episode-monitor repair approve {words} --by NAME\n{said}"
    print(said, file=sys.stderr)
