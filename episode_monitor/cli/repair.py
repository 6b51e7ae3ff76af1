"""`episode-monitor repair ...`: a client of the worker, so that people and programs leave one audit.

Plans and results go to standard output, progress and sentences to standard error.
"""

import asyncio
import contextlib
import getpass
import json
import sys
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from episode_monitor.exits import ExitCode, Failure
from episode_monitor.repair.planning import Strategy
from episode_monitor.settings import load_settings

BASE: Final = "/monitoring/episodes"
ANSWER_SECONDS: Final = 300.0  # longer than an act may take
POLL_SECONDS: Final = 0.3
SHOWN_CHANGES: Final = 50
_DONE: Final = ("applied", "rolled_back")

app = typer.Typer(no_args_is_help=True, help="Plan a repair of numbers, apply it, take it back.")

Project = Annotated[str, typer.Argument(help="The project's id.")]
PlanId = Annotated[str, typer.Argument(help="The plan's id.")]
By = Annotated[str, typer.Option(help="Your name, for the audit; left out: your account's.")]
Confirm = Annotated[str, typer.Option(help="The id of the project that the plan changes.")]
Url = Annotated[str, typer.Option(help="A worker's address; left out: WORKER_URL, or made of host and port.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


@app.command("plan")
def plan(
    project: Project,
    strategy: Annotated[Strategy, typer.Option(help="How numbers are mended.")] = Strategy.COMPACT,
    by: By = "",
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Simulate: every change, and nothing is written to the project service."""
    path = f"{BASE}/integrity/project/{quote(project, safe='')}/repair-plans"
    _show(asyncio.run(_Worker(url).post(path, {"by": _name(by), "strategy": strategy.value})), as_json)


@app.command("show")
def show(plan_id: PlanId, url: Url = "", as_json: Json = False) -> None:
    """A plan and what became of it."""
    _show(asyncio.run(_Worker(url).get(_path(plan_id))), as_json)


@app.command("approve")
def approve(plan_id: PlanId, confirm: Confirm, by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Say yes to somebody else's plan with many changes."""
    body = {"by": _name(by), "confirm": confirm}
    _show(asyncio.run(_Worker(url).post(f"{_path(plan_id)}/approve", body)), as_json)


@app.command("apply")
def apply(plan_id: PlanId, confirm: Confirm, by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Renumber as planned, tell the topic, verify; exit code 1 where the check failed and it was taken back."""
    _act(plan_id, "apply", {"by": _name(by), "confirm": confirm}, url, as_json, "applied")


@app.command("rollback")
def rollback(plan_id: PlanId, confirm: Confirm, by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Restore the old numbers exactly."""
    _act(plan_id, "rollback", {"by": _name(by), "confirm": confirm}, url, as_json, "rolled_back")


@app.command("automatic")
def automatic(
    pause: Annotated[bool | None, typer.Option("--pause/--go-on", help="Turn the kill switch.")] = None,
    by: By = "",
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Whether repair happens by itself, and the switch that stops it on all workers."""
    worker, path = _Worker(url), f"{BASE}/automatic-repair"
    work = worker.get(path) if pause is None else worker.post(path, {"by": _name(by), "paused": pause})
    standing = asyncio.run(work)
    if as_json:
        _print_json(standing)
        return
    Console().print(f"{'active' if standing['active'] else 'not active'}: {standing['reason']}")


def _act(plan_id: str, verb: str, body: dict[str, Any], url: str, as_json: bool, wanted: str) -> None:
    plan = asyncio.run(_with_progress(_Worker(url), _path(plan_id), verb, body))
    _show(plan, as_json)
    if plan["state"] != wanted or plan["verification"] == "failed":
        raise Failure(f"The plan is {plan['state']}: {plan['steps'][-1]['detail']}", ExitCode.ISSUES_FOUND)


async def _with_progress(worker: "_Worker", path: str, verb: str, body: dict[str, Any]) -> Any:
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


class _Worker:
    """The worker that is asked. Raises Failure with the problem's own sentence."""

    def __init__(self, url: str) -> None:
        settings = load_settings()
        self._url = (url or settings.public_url).rstrip("/")
        tokens = "" if settings.api_tokens is None else settings.api_tokens.get_secret_value()
        entries = (entry.strip().partition(":") for entry in tokens.split(","))
        token = next((token.strip() for role, _, token in entries if role.strip() == "operator"), None)
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}

    async def get(self, path: str) -> Any:
        """A view."""
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """A mutation."""
        return await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, headers=self._headers) as client:
                answer = await client.request(method, f"{self._url}{path}", json=body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            why = str(error) or type(error).__name__
            raise Failure(
                f"No worker answers at {self._url} ({why}): start one, or name another with --url.",
                ExitCode.UNREACHABLE,
            ) from error
        if answer.is_success:
            return answer.json()
        raise Failure(_sentence(answer), _exit_code(answer.status_code))


def _sentence(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['detail']} ({problem['code']})"
    except (ValueError, KeyError, TypeError):
        return f"The worker answered {answer.status_code} without a word: is it one?"


def _exit_code(status: int) -> ExitCode:
    if status in (403, 409):
        return ExitCode.REFUSED
    return ExitCode.UNREACHABLE if status in (502, 503, 504) else ExitCode.USAGE


def _path(plan_id: str) -> str:
    return f"{BASE}/repair-plans/{quote(plan_id, safe='')}"


def _name(by: str) -> str:
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        raise Failure("Your account has no name: say who you are with --by.", ExitCode.USAGE) from None


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _show(plan: Any, as_json: bool) -> None:
    if as_json:
        _print_json(plan)
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
