"""The built-in page, its files, and the documentation. Everything comes from this process; nothing from outside."""

import gzip
import mimetypes
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from episode_monitor.web.answers import conditional
from episode_monitor.web.docs_page import render
from episode_monitor.web.gate import SECURITY_HEADERS
from episode_monitor.web.problems import Problem
from streams.alerting.rule_types import ALERT_TYPES

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent.parent / "static"


_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_PACKED = ("text/javascript", "text/css")  # the large ones


@cache
def page_files() -> dict[str, bytes]:
    """Every file of the page by name. Only what is in here can be asked for, so no path can lead elsewhere."""
    files = {path.name: path.read_bytes() for path in _FOLDER.iterdir() if path.is_file()}
    units = msgspec.json.encode({one.name: one.page_unit for one in ALERT_TYPES.values()})
    return files | {"alert-types.js": b"export const UNITS = " + units + b"; // by alert type, in English and Korean\n"}


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(page_files()[name], mtime=0)


@cache
def page_policy() -> str:
    """The policy of every answer, and with it the one script that is in the page itself: by its hash, so that another
    one is refused there as elsewhere."""
    script = _SCRIPT.search(page_files()["index.html"])
    if script is None:
        raise RuntimeError("index.html has no early script: build the dashboard again")
    digest = b64encode(sha256(script[1]).digest()).decode()
    return SECURITY_HEADERS["content-security-policy"].replace(
        "script-src 'self'", f"script-src 'self' 'sha256-{digest}'"
    )


@router.get("/")
async def page(request: Request) -> Response:
    """The dashboard. A 304 has its policy too: browsers take the headers of the last answer."""
    answer = conditional(request, page_files()["index.html"], "text/html; charset=utf-8")
    answer.headers["content-security-policy"] = page_policy()
    return answer


@router.get("/favicon.ico")
async def favicon(request: Request) -> Response:
    """The icon, for browsers that ask here whatever the page says."""
    return conditional(request, page_files()["favicon.svg"], "image/svg+xml")


@router.get("/static/{name}")
async def static_file(request: Request, name: str) -> Response:
    """A file of the page."""
    body = page_files().get(name)
    if body is None:
        raise Problem(404, "not_found", "There is nothing at this path: see /docs for the paths.")
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    said = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
    if media_type not in _PACKED:
        return conditional(request, body, said)
    is_packed = "gzip" in request.headers.get("accept-encoding", "")
    answer = conditional(request, _packed(name) if is_packed else body, said)
    answer.headers["vary"] = "accept-encoding"
    if is_packed and answer.status_code == 200:
        answer.headers["content-encoding"] = "gzip"
    return answer


@router.get("/openapi.json")
async def openapi_document(request: Request) -> Response:
    """The routes and shapes as OpenAPI 3.1."""
    return conditional(request, msgspec.json.encode(request.app.openapi()), "application/json")


@router.get("/docs")
async def docs(request: Request) -> Response:
    """This reference."""
    return conditional(request, render(request.app.openapi()).encode(), "text/html; charset=utf-8")
