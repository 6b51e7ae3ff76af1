"""Reloading over HTTP: this worker first; if it refuses, nothing has changed, else the others are asked."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from msgspec.structs import replace
from starlette.responses import Response

from alert_sinks.texts.catalogue import Language
from episode_monitor.dispatch.reload import Files
from episode_monitor.fleet.acts.reload_files import ReloadFiles
from episode_monitor.fleet.ask import Asks
from episode_monitor.fleet.errors import Recovering, ViewError
from episode_monitor.settings.settings import SettingsError
from episode_monitor.settings.yaml_reading import FileError
from episode_monitor.web.answers import done
from episode_monitor.web.korean_refusals import refusal_in_korean
from episode_monitor.web.mutations import CheckBody, audited, read_body
from episode_monitor.web.parameters import REFUSED_IN_LANGUAGE
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import returns, takes
from episode_monitor.web.security import actor_of
from models.reload_views import FileInForce, Reloaded, WorkerFiles


def reload_router(files: Files, fleet: Asks, url: str) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`. `url`: where this worker is."""
    router = APIRouter(prefix="/monitoring/episodes/rules", tags=["rules"])

    @router.post("/reload", responses=returns(Reloaded, mutation=True), openapi_extra=takes(CheckBody, required=False),
                 dependencies=REFUSED_IN_LANGUAGE)  # fmt: skip
    async def reload(request: Request) -> Response:
        """Read the rules, the alerting and the on-call file again, on all workers. A file with a fault is refused
        as a whole (422, with its line), and what was in force still is."""
        by = actor_of(request, (await read_body(request, CheckBody)).by)
        with audited(request, by=by, action="files.reload", target="rules", details={}):
            try:
                changed = await files.reload(by)
            except SettingsError as error:
                raise _refused(error) from None
        own = WorkerFiles(url=url, files=files.in_force(), changed=changed)
        others, problems = await _others(fleet, by)
        problems += [sentence for each in others if (sentence := _differing(own, each))]
        reloaded = Reloaded(files=own.files, changed=changed, workers=[own, *others], problems=problems)
        return done(_in_korean(reloaded) if request.state.language is Language.KO else reloaded)

    return router


async def _others(fleet: Asks, by: str) -> tuple[Sequence[WorkerFiles], list[str]]:
    try:
        return await fleet.ask(ReloadFiles(by=by)), []
    except Recovering:
        why = "their partitions are recovering"
    except ViewError as error:
        why = str(error).rstrip(".")
    return [], [f"Not all of the other workers have answered ({why}): send SIGHUP to each, or try again."]


def _differing(own: WorkerFiles, other: WorkerFiles) -> str:
    if other.refused:
        return f"The worker at {other.url} has refused: {other.refused}"
    names = [mine.what for mine, theirs in zip(own.files, other.files, strict=False) if not _same(mine, theirs)]
    if not names:
        return ""
    return (
        f"The worker at {other.url} has another version of {', '.join(names)}: give it the same file, and reload again."
    )


def _in_korean(said: Reloaded) -> Reloaded:
    workers = [each if each.refused is None else replace(each, refused=refusal_in_korean(each.refused))
               for each in said.workers]  # fmt: skip
    return replace(said, workers=workers, problems=list(map(refusal_in_korean, said.problems)))


def _same(mine: FileInForce, theirs: FileInForce) -> bool:
    return (mine.what, mine.version) == (theirs.what, theirs.version)


def _refused(error: SettingsError) -> Problem:
    """One entry in `errors` for each fault, with its line where it has one."""
    faults = error.faults if isinstance(error, FileError) else ()
    errors = [
        {"parameter": error.name, "detail": each.sentence, **({"line": each.line} if each.line else {})}
        for each in faults
        if isinstance(error, FileError)
    ]
    return Problem(422, "invalid_file", str(error), extra={"errors": errors} if errors else {})
