"""Who may change things, and from where. Safe by default: every method that is not a read needs an operator.

A header may take rights away but never gives any, except `Authorization`.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

import msgspec
from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Scope

from episode_monitor.settings.api_tokens import ApiToken, Role
from episode_monitor.web.cross_origin import is_preflight
from episode_monitor.web.local_caller import Forwarded, check_direct
from episode_monitor.web.loopback_names import is_loopback_name
from episode_monitor.web.problems import Problem
from episode_monitor.web.settings import WebSettings

READ_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
INTERNAL_PREFIX: Final = "/internal/"  # routes between workers bring their own guard, `internal_guard`
SLACK_PATH: Final = "/monitoring/episodes/slack/actions"  # its route checks Slack's signature
_PROBED: Final = frozenset({"/livez", "/readyz"})
_CALLER: Final = "episode_monitor.caller"  # where the gate leaves the `Caller` in the ASGI scope
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Caller(msgspec.Struct, frozen=True):
    """Who may change things in this request. `peer` is the address of the connection, never one a header claims."""

    role: str  # "operator" with a token, "loopback" for a program of this machine without one, "slack"
    peer: str
    name: str = ""  # of the token, if it has one

    @property
    def who(self) -> str:
        """The name for the audit where the request gives none."""
        return self.name or self.role


def caller_of(request: Request) -> Caller:
    """The caller that the gate admitted. A mutation that did not pass the gate is a bug and must not run."""
    return caller_of_scope(request.scope)


def actor_of(request: Request, said: str | msgspec.UnsetType) -> str:
    """Who acts, for the audit: the name that the request says, else the caller's own."""
    return (said or "").strip() or caller_of(request).who


def caller_of_scope(scope: Scope) -> Caller:
    """The same for a layer in front of the routes."""
    caller = scope.get(_CALLER)
    if not isinstance(caller, Caller):
        raise RuntimeError("a mutation was reached without passing the gate")
    return caller


def check_request(scope: Scope, headers: Headers, settings: WebSettings) -> None:
    """Admit the request or raise a Problem (401 or 403). An admitted mutation has its `Caller` in the scope."""
    local_only = is_loopback_name(settings.host)
    if local_only and not _is_bare_probe(scope, headers):
        _check_host(headers, settings)
    if is_preflight(scope, headers):
        _check_origin(headers, settings)
    if scope["method"] in READ_METHODS or scope["path"].startswith(INTERNAL_PREFIX):
        return
    if settings.slack_signing_secret and scope["path"] == SLACK_PATH:
        scope[_CALLER] = Caller("slack", _peer(scope))
        return
    scope[_CALLER] = caller_that_changes(scope, headers, settings)


def caller_that_changes(scope: Scope, headers: Headers, settings: WebSettings) -> Caller:
    """Who sends this request, if it may change things; else a Problem (401 or 403) that says why it may not."""
    if not settings.api_tokens and not is_loopback_name(settings.host):
        _check_host(headers, settings)
    _check_origin(headers, settings)
    peer = _peer(scope)
    if settings.api_tokens:
        token = _operator_of(headers.get("authorization", ""), settings.api_tokens)
        return Caller("operator", peer, token.name)
    return Caller(_local_role(scope, headers, peer, settings), peer)


def bearer_of(headers: Headers) -> str | None:
    """The token of the request; None where it has none."""
    return _bearer(headers.get("authorization", ""))


def _is_bare_probe(scope: Scope, headers: Headers) -> bool:
    """A load balancer's probe may come without Host, which no browser's request does; these answers contain no data."""
    has_no_data = scope["method"] == "OPTIONS" or (scope["method"] in READ_METHODS and scope["path"] in _PROBED)
    return has_no_data and not headers.get("host")


def internal_guard(token: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency for routers between workers, which send `token` as Bearer. An empty token admits no request."""
    digest = hashlib.sha256(token.encode()).digest()

    async def check(request: Request) -> None:
        given = _bearer(request.headers.get("authorization", ""))
        if given is None or not hmac.compare_digest(_digest(given), digest):
            raise Problem(403, "internal_only", "This path is for the monitor's own workers.")

    return check


def _check_host(headers: Headers, settings: WebSettings) -> None:
    """A page of another site can make its own name point at this machine; the Host header still has that name."""
    host = headers.get("host", "")
    name = _host_name(host)
    known = {allowed.lower() for allowed in settings.allowed_hosts}
    if not is_loopback_name(name) and name not in known:
        raise Problem(
            403,
            "host_not_allowed",
            "This monitor serves this machine only: open it as localhost, or add the name to MONITORING_ALLOWED_HOSTS.",
        )


def _host_name(host: str) -> str:
    """The host of `host[:port]`, lower case, an IPv6 literal without brackets; "" if it is no such thing."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _check_origin(headers: Headers, settings: WebSettings) -> None:
    origin = headers.get("origin")
    if origin is None:
        foreign = headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    else:
        foreign = origin not in settings.allowed_origins and not _same_place(origin, headers.get("host", ""))
    if foreign:
        raise Problem(
            403,
            "foreign_origin",
            "Changes from pages of a foreign origin are refused: use the monitor's own page, or add the origin to "
            "MONITORING_ALLOWED_ORIGINS.",
        )


def _same_place(origin: str, host: str) -> bool:
    """Whether both name the same host and port. A proxy may have ended TLS, so the origin's scheme is believed."""
    try:
        ours, theirs = urlsplit(f"//{host}"), urlsplit(origin)
        default = _DEFAULT_PORTS.get(theirs.scheme)
        if default is None:
            return False
        return (theirs.hostname, theirs.port or default) == (ours.hostname, ours.port or default)
    except ValueError:
        return False


def _operator_of(authorization: str, tokens: tuple[ApiToken, ...]) -> ApiToken:
    """Every known token is compared, in constant time, so that timing reveals nothing."""
    given = _bearer(authorization)
    if given is None:
        raise _unauthorized("Changes need a token: send Authorization: Bearer TOKEN with an operator's token.")
    known = known_as(given, tokens)
    if not known:
        raise _unauthorized("This token is unknown: check API_TOKENS of the monitor.")
    operators = [token for token in known if token.role is Role.OPERATOR]
    if not operators:
        raise Problem(403, "operator_required", "A viewer's token allows reading only: use an operator's token.")
    return operators[0]


def known_as(given: str, tokens: tuple[ApiToken, ...]) -> list[ApiToken]:
    """The tokens of the configuration that this one is: the same may be there with both roles."""
    digest = _digest(given)
    return [token for token in tokens if hmac.compare_digest(token.digest, digest)]


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "unauthorized", detail, headers={"www-authenticate": 'Bearer realm="episode-monitor"'})


def _bearer(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _local_role(scope: Scope, headers: Headers, peer: str, settings: WebSettings) -> str:
    """The role of a caller on this machine, or a Problem. The peer's address alone proves nothing."""
    if not is_loopback_name(peer):
        raise _not_local("Without API_TOKENS, changes are accepted from this machine only")
    given = _bearer(headers.get("authorization", ""))
    known = settings.local_token
    if given is not None and known is not None and hmac.compare_digest(known.digest, _digest(given)):
        return "operator"
    if settings.demands_local_token:
        raise _unauthorized(
            "Changes need a token: set API_TOKENS, or on the monitor's machine send the one in the file "
            "operator-token of STATE_DIR as Authorization: Bearer TOKEN."
        )
    try:
        check_direct(scope, headers)
    except Forwarded as forwarded:
        raise _not_local(
            f"Changes through a proxy need a token, and this request seems to be forwarded: {forwarded}"
        ) from None
    return "loopback"


def _not_local(why: str) -> Problem:
    return Problem(403, "loopback_only", f"{why}; set API_TOKENS and send Authorization: Bearer TOKEN.")


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
