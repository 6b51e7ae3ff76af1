"""Whole lists as files: exactly what the same filters list, page after page, sent while it is read. At most
MOST_ROWS rows, a page of them in memory."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request
from starlette.responses import Response, StreamingResponse

from episode_monitor.fleet.question import Question
from episode_monitor.web.context import context_of
from episode_monitor.web.gate import IS_HEAD
from episode_monitor.web.schemas import Responses, problem
from episode_monitor.web.tables import MEDIA_TYPES, Format, TableWriter
from models.times import rfc3339

MOST_ROWS = 100_000

ExportFormat = Annotated[Format, Query(alias="format", description="csv (UTF-8 with a byte order mark) or json.")]
_STRING = {"schema": {"type": "string"}}
_ROWS = {"schema": {"type": "array", "items": {"type": "object"}}}


EXPORTED: Responses = {
    200: {
        "description": f"A file with at most {MOST_ROWS} rows. The connection is cut where a further page fails.",
        "content": {"text/csv": _STRING, "application/json": _ROWS},
    },
    422: problem("A parameter is wrong; `code` and `errors` name it."),
    503: problem("Tables are recovering, or a dependency does not answer; see Retry-After."),
}


class Listed(msgspec.Struct, frozen=True):
    """One page of a list as rows, and where the next one begins; None: it is the last."""

    rows: list[dict[str, Any]]
    next_cursor: str | None


Read = Callable[[Any], Listed]


async def export(
    request: Request, kind: Format, name: str, columns: Sequence[str], question: Question[Any, Any], read: Read
) -> Response:
    """Answer with all pages of `question`, which has a limit and a cursor. The first page is read before the answer
    begins, so that what is wrong with the question is still an error of its own."""
    web = context_of(request)
    first = read(await web.fleet.ask(question))
    headers = _headers(request, kind, name)
    if request.scope.get(IS_HEAD):
        return Response(headers=headers, media_type=MEDIA_TYPES[kind])

    async def parts() -> AsyncIterator[bytes]:
        writer, page, left = TableWriter(kind, columns), first, MOST_ROWS
        yield writer.begin()
        while True:
            yield writer.rows(page.rows[:left])
            left -= len(page.rows)
            if page.next_cursor is None or left <= 0 or not page.rows:
                break
            following = msgspec.structs.replace(question, cursor=page.next_cursor)
            page = read(await web.fleet.ask(following))
        yield writer.end()

    return StreamingResponse(parts(), headers=headers, media_type=MEDIA_TYPES[kind])


def export_rows(
    request: Request, kind: Format, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> Response:
    """The same of a list that is in memory as a whole."""
    writer, headers = TableWriter(kind, columns), _headers(request, kind, name)
    body = b"" if request.scope.get(IS_HEAD) else writer.begin() + writer.rows(rows[:MOST_ROWS]) + writer.end()
    return Response(body, headers=headers, media_type=MEDIA_TYPES[kind])


def _headers(request: Request, kind: Format, name: str) -> dict[str, str]:
    stamp = rfc3339(context_of(request).now_ms())[:19].replace("-", "").replace(":", "")
    return {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="{name}-{stamp}Z.{kind}"',
        "x-most-rows": str(MOST_ROWS),
    }
