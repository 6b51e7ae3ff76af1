"""`episode-monitor repair ...`: a client of the worker, so that people and programs leave one audit.

Plans and results go to standard output, progress and sentences to standard error.
"""

import asyncio
import contextlib
import sys
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from episode_monitor.cli.calling import Url, Worker, name_of
from episode_monitor.cli.output import Json, print_json
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.repair.planning import Strategy
from episode_monitor.settings import load_settings

ANSWER_SECONDS: Final = 300.0  # longer than an act may take
POLL_SECONDS: Final = 0.3
SHOWN_CHANGES: Final = 50
_DONE: Final = ("applied", "rolled_back")

app = typer.Typer(no_args_is_help=True, help="Plan a repair of numbers, apply it, take it back.")

Project = Annotated[str, typer.Argument(help="The project's id.")]
PlanId = Annotated[str, typer.Argument(help="The plan's id.")]
By = Annotated[str | None, typer.Option(help="Your name, for the audit; left out: your account's.")]
Confirm = Annotated[str, typer.Option(help="The id of the project that the plan changes.")]


@app.command("plan")
def plan(
    project: Project,
    strategy: Annotated[Strategy, typer.Option(help="How numbers are mended.")] = Strategy.COMPACT,
    by: By = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Simulate: every change, and nothing is written to the project service."""
    path = f"/integrity/project/{quote(project, safe='')}/repair-plans"
    _show(asyncio.run(_worker(url).post(path, {"by": name_of(by), "strategy": strategy.value})), as_json)


@app.command("show")
def show(plan_id: PlanId, url: Url = None, as_json: Json = False) -> None:
    """A plan and what became of it."""
    _show(asyncio.run(_worker(url).get(_path(plan_id))), as_json)


@app.command("approve")
def approve(plan_id: PlanId, confirm: Confirm, by: By = None, url: Url = None, as_json: Json = False) -> None:
    """Say yes to somebody else's plan with many changes."""
    body = {"by": name_of(by), "confirm": confirm}
    _show(asyncio.run(_worker(url).post(f"{_path(plan_id)}/approve", body)), as_json)


@app.command("apply")
def apply(plan_id: PlanId, confirm: Confirm, by: By = None, url: Url = None, as_json: Json = False) -> None:
    """Renumber as planned, tell the topic, verify; exit code 1 where the check failed and it was taken back."""
    _act(plan_id, "apply", {"by": name_of(by), "confirm": confirm}, url, as_json, "applied")


@app.command("rollback")
def rollback(plan_id: PlanId, confirm: Confirm, by: By = None, url: Url = None, as_json: Json = False) -> None:
    """Restore the old numbers exactly."""
    _act(plan_id, "rollback", {"by": name_of(by), "confirm": confirm}, url, as_json, "rolled_back")


@app.command("automatic")
def automatic(
    pause: Annotated[bool | None, typer.Option("--pause/--go-on", help="Turn the kill switch.")] = None,
    by: By = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Whether repair happens by itself, and the switch that stops it on all workers."""
    worker, path = _worker(url), "/automatic-repair"
    work = worker.get(path) if pause is None else worker.post(path, {"by": name_of(by), "paused": pause})
    standing = asyncio.run(work)
    if as_json:
        print_json(standing)
        return
    Console().print(f"{'active' if standing['active'] else 'not active'}: {standing['reason']}")


def _act(plan_id: str, verb: str, body: dict[str, Any], url: str | None, as_json: bool, wanted: str) -> None:
    plan = asyncio.run(_with_progress(_worker(url), _path(plan_id), verb, body))
    _show(plan, as_json)
    if plan["state"] != wanted or plan["verification"] == "failed":
        raise Failure(f"The plan is {plan['state']}: {plan['steps'][-1]['detail']}", ExitCode.ISSUES_FOUND)


async def _with_progress(worker: Worker, path: str, verb: str, body: dict[str, Any]) -> Any:
    """The act, with a bar that follows the plan through its stations."""
    acting = asyncio.create_task(worker.post(f"{path}/{verb}", body))
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(verb, total=4)
        while not acting.done():
            await asyncio.wait([acting], timeout=POLL_SECONDS)
            with contextlib.suppress(Failure):
                plan = await worker.get(path)
                done = plan["state"] in _DONE
                at = 1 + done + (done and not plan["events_pending"])  # of four; the last is the check
                progress.update(bar, completed=at, description=plan["steps"][-1]["what"] if plan["steps"] else verb)
    return await acting


def _worker(url: str | None) -> Worker:
    return Worker(load_settings(), url, ANSWER_SECONDS)


def _path(plan_id: str) -> str:
    return f"/repair-plans/{quote(plan_id, safe='')}"


def _show(plan: Any, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    radius = plan["blast_radius"]
    console = Console(highlight=False)
    table = Table("Episode", "Number now" if plan["state"] == "planned" else "Number before", "New number")
    for change in plan["changes"][:SHOWN_CHANGES]:
        table.add_row(change["episode_id"], str(change["old_number"]), str(change["new_number"]))
    console.print(f"Plan {plan['plan_id']} for {plan['project_id']}: {plan['state']}", markup=False)
    if plan["changes"]:
        console.print(table)
    if len(plan["changes"]) > SHOWN_CHANGES:
        console.print(f"... and {len(plan['changes']) - SHOWN_CHANGES} more; --json has them all.")
    before, after = radius["before"], radius["after"]
    console.print(
        f"{plan['changes_needed']} of {before['episodes']} episodes change ({radius['share_percentage']} %); "
        f"gaps {before['gaps']} -> {after['gaps']}, duplicates {before['duplicates']} -> {after['duplicates']}, "
        f"highest number {before['max_number']} -> {after['max_number']}."
    )
    for warning in plan["warnings"]:
        console.print(warning, markup=False)
    for step in plan["steps"]:
        console.print(f"{step['at']}  {step['what']} by {step['by']}  {step['detail']}", markup=False)
    if plan["state"] == "planned" and plan["changes"]:
        second = " after somebody else has approved it" if plan["approval_needed"] and not plan["approved_by"] else ""
        print(
            f"It may be applied until {plan['expires_at']}{second}: episode-monitor repair apply {plan['plan_id']} "
            f"--confirm {plan['project_id']}",
            file=sys.stderr,
        )
