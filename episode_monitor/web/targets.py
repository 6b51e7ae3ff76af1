"""What a request is aimed at: every form of address that HTTP knows, brought to the one that the routes know.

An encoded slash belongs to an id and separates nothing, so that no id can be taken for a route's ending.
"""

import unicodedata
from functools import cache
from typing import Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import Scope

from episode_monitor.web.paths import ENCODED_SLASH
from episode_monitor.web.problems import Problem

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PLACES: Final = (
    "monitoring",
    "api",
    "static",
    "docs",
    "openapi.json",
    "favicon.ico",
    "livez",
    "readyz",
    "metrics",
    "",
)


class MovedTo(Exception):
    """The page has another address; `location` is relative, so that it holds behind every proxy."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


def aim(scope: Scope, base_path: str) -> None:
    """Bring `scope` to the form that the routes know. Raises Problem 400, or MovedTo.

    `base_path` is the path of DASHBOARD_URL: a proxy may take it away or leave it.
    """
    _take_authority(scope)
    _check(scope)
    raw = scope.get("raw_path") or b""
    if b"%2f" in raw.lower():
        encoded = raw.decode("ascii", "replace").replace("%2F", ENCODED_SLASH).replace("%2f", ENCODED_SLASH)
        scope["path"] = unquote(encoded)
    _take_base(scope, base_path)
    path = scope["path"]
    if len(path) > 1 and path.endswith("/") and path[:-1] in _fixed_paths(scope["app"]):
        scope["path"] = path[:-1]


def methods_at(scope: Scope) -> list[str]:
    """The methods that the routes take at this path; none where nothing is."""
    routes = scope["app"].routes
    found = [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return ["GET", "HEAD", *found[1:]] if found[:1] == ["GET"] else found


def had_encoded_slash(scope: Scope) -> bool:
    """Whether the caller encodes the slashes of ids, so that all others separate."""
    return b"%2f" in (scope.get("raw_path") or b"").lower()


def _take_authority(scope: Scope) -> None:
    """`GET http://host/path`: host and path as in the usual form. The host of the target counts, as RFC 9112 says."""
    raw = scope.get("raw_path") or b""
    if not raw[:8].lower().startswith((b"http://", b"https://")):
        return
    try:
        parts = urlsplit(raw.decode("ascii"))
        is_usable = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise Problem(
            400, "invalid_target", "The address in the request line is invalid: send a path, or http://HOST/PATH."
        )
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    scope["headers"] = [(b"host", parts.netloc.encode("ascii")), *headers]
    scope["raw_path"] = (parts.path or "/").encode("ascii")
    scope["path"] = unquote(parts.path or "/")


def _check(scope: Scope) -> None:
    """A path must be UTF-8 without control characters; the server would put U+FFFD for what is not, silently."""
    raw = scope.get("raw_path")
    if raw is not None and b"%" in raw:
        try:
            unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise Problem(400, "invalid_path", "The path is not UTF-8: percent-encode its UTF-8 bytes.") from None
    if any(unicodedata.category(character) == "Cc" for character in scope["path"]):
        raise Problem(400, "invalid_path", "The path contains control characters; ids must not contain any.")


def _take_base(scope: Scope, base_path: str) -> None:
    path = scope["path"]
    if not base_path or not path.startswith(base_path):
        return
    rest = path[len(base_path) :]
    if rest == "":
        if not methods_at(scope):
            raise MovedTo(f"./{base_path.rpartition('/')[2]}/")
    elif rest.startswith("/") and rest[1:].partition("/")[0] in _PLACES:
        scope["path"] = rest


@cache
def _fixed_paths(app: FastAPI) -> frozenset[str]:
    """Documented paths without a parameter: what may also be asked for with a slash at the end."""
    return frozenset(path for path in app.openapi()["paths"] if "{" not in path)
