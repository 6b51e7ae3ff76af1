"""The HTTP face of the project service; it checks what callers send and leaves the work to `service`."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

import asyncpg
import structlog
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ..serving import Problem, install_problems, problem_answer
from .names import EpisodeId, ProjectId, Title
from .service import ProjectService
from .settings import Settings
from .trouble import router

log = structlog.get_logger(__name__)

MAX_NUMBER = 2_147_483_647  # PostgreSQL's integer
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

TimeLimit = Annotated[float | None, Header(alias="X-Time-Limit-Seconds", gt=0, allow_inf_nan=False)]


class NewEpisode(BaseModel):
    """What a caller may say about a new episode."""

    model_config = ConfigDict(extra="forbid")
    title: Title = ""


class NewNumber(BaseModel):
    """The wished number."""

    model_config = ConfigDict(extra="forbid", strict=True)
    number: int = Field(ge=1, le=MAX_NUMBER)


def trace_context(traceparent: Annotated[str | None, Header()] = None) -> str | None:
    """The caller's W3C trace context if it is well formed; it travels on in the record's header."""
    return traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None


Trace = Annotated[str | None, Depends(trace_context)]


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application; its lifespan opens and closes the database pool and the producer."""
    service = ProjectService(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(title="project service (sample)", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.service = service
    install_problems(app)
    _say_when_the_database_is_away(app)
    app.include_router(router(service.troubles))
    _add_episode_routes(app, service)

    @app.get("/healthz")
    async def healthz(response: Response) -> dict[str, Any]:
        """200 when both parts answer, else 503 with a sentence for the part that does not."""
        parts = await service.health()
        healthy = all(state == "ok" for state in parts.values())
        response.status_code = 200 if healthy else 503
        return {
            "status": "ok" if healthy else "unavailable",
            "parts": parts,
            "source": service.events.source,
            "events_waiting": await service.events_waiting(),
        }

    return app


def _say_when_the_database_is_away(app: FastAPI) -> None:
    async def on_database_error(_: Request, error: Exception) -> Response:
        log.warning("the database refused", reason=repr(error))
        detail = "PostgreSQL does not answer; nothing is known to be changed. Try again."
        return problem_answer(Problem(503, "database_unavailable", detail, retry_after_seconds=1))

    for kind in (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        app.add_exception_handler(kind, on_database_error)


def _add_episode_routes(app: FastAPI, service: ProjectService) -> None:
    @app.post("/projects/{project_id}/episodes", status_code=201)
    async def create(
        project_id: ProjectId, trace: Trace, body: NewEpisode | None = None, limit_seconds: TimeLimit = None
    ) -> dict[str, Any]:
        """Creates an episode with the next number; 503 when that did not work within the time limit."""
        created, how = await service.create(project_id, body.title if body else "", limit_seconds, trace)
        return {**asdict(created), **how}

    @app.post("/projects/{project_id}/episodes/{episode_id}/renumber")
    async def renumber(project_id: ProjectId, episode_id: EpisodeId, body: NewNumber, trace: Trace) -> dict[str, Any]:
        """Gives an episode another number; 409 when another episode holds it."""
        return asdict(await service.renumber(project_id, episode_id, body.number, trace))

    @app.delete("/projects/{project_id}/episodes/{episode_id}", status_code=204)
    async def delete(project_id: ProjectId, episode_id: EpisodeId, trace: Trace) -> None:
        """Deletes an episode."""
        await service.delete(project_id, episode_id, trace)

    @app.get("/projects/{project_id}/episodes")
    async def episodes(
        project_id: ProjectId,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=MAX_NUMBER)] = 0,
    ) -> dict[str, Any]:
        """A page of the project's episodes in the order of their numbers."""
        return await service.list(project_id, limit, offset)
