"""Questions to a running worker over HTTP, for commands. Every way to fail is one sentence and an exit code.

A change is sent with an Idempotency-Key of its own, so that it may be sent again where the connection broke before the
answer came: it is done once.
"""

import asyncio
import getpass
import uuid
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import typer

from episode_monitor.addresses import local_url
from episode_monitor.exits import ExitCode, Failure, NotReady
from episode_monitor.settings.api_tokens import Role
from episode_monitor.settings.settings import Settings
from episode_monitor.web.local_changes import read_token
from episode_monitor.web.loopback_names import is_loopback_name

BASE = "/monitoring/episodes"
PATIENCE_SECONDS = 30.0
AGAIN_SECONDS = (0.2, 1.0, 3.0)  # pauses before a change is sent again
_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)

By = Annotated[str | None, typer.Option(help="Your name, for the audit; default: your login name.")]
Url = Annotated[str | None, typer.Option("--url", help="A worker's address; default: the one in the settings.")]


class WorkerClient:
    """The worker that is asked: at `url`, or the one of these settings on this machine."""

    def __init__(
        self, settings: Settings, url: str | None, patience_seconds: float = PATIENCE_SECONDS,
        token: str | None = None, option: str = "--url",
    ) -> None:  # fmt: skip
        """`token`: sent with every request, reads too, instead of the operator's token of the settings. `option`: the
        one that names the address."""
        self.address = _address(settings, url)
        self._token = token or _operator_token(settings, self.address)
        self._sends_always = token is not None
        self._option = option
        self._patience_seconds = patience_seconds

    async def get(self, path: str, parameters: dict[str, Any] | None = None, *, may_miss: bool = False) -> Any:
        """A view as JSON; None for what is not known where that is allowed. Raises Failure, as `post` does."""
        return await self._ask("GET", path, parameters, None, may_miss)

    async def post(self, path: str, body: dict[str, Any] | None, parameters: dict[str, Any] | None = None) -> Any:
        """A change as JSON. Raises Failure: 2 for wrong usage, 3 if no worker can answer, 4 if it is refused."""
        return await self._ask("POST", path, parameters, body, may_miss=False)

    async def delete(self, path: str) -> Any:
        """What was removed, as JSON. Raises Failure, as `post` does."""
        return await self._ask("DELETE", path, None, None, may_miss=False)

    async def _ask(
        self, method: str, path: str, parameters: dict[str, Any] | None, body: dict[str, Any] | None, may_miss: bool
    ) -> Any:
        has_token = self._token and (self._sends_always or method != "GET")
        headers = {"authorization": f"Bearer {self._token}"} if has_token else {}
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        if method == "POST":
            headers["idempotency-key"] = uuid.uuid4().hex
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=self._patience_seconds) as client:
                url = f"{self.address}{BASE}{path}"
                asked = client.build_request(method, url, params=given, json=body, headers=headers)
                answer = await _sent(client, asked, may_repeat=method == "POST")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise Failure(
                f"No worker answers at {self.address} ({why}); start one, or name another with {self._option}.",
                ExitCode.UNREACHABLE,
            ) from None
        if may_miss and answer.status_code == httpx.codes.NOT_FOUND:
            return None
        said = self._json(answer)
        if answer.is_success:
            return said
        problem = said if isinstance(said, dict) else {}
        sentence = problem.get("detail") or f"The worker at {self.address} answered {answer.status_code}."
        if answer.status_code == 401:
            sentence += " A command sends the operator's token of its own API_TOKENS (operator:TOKEN)."
        code = f" ({problem['code']})" if problem.get("code") else ""
        kind = NotReady if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else Failure
        raise kind(f"{sentence}{code}", _exit_code(answer.status_code))

    def _json(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise Failure(
                f"The server at {self.address} is not a worker of the monitor; check the address.", ExitCode.UNREACHABLE
            ) from None


async def _sent(client: httpx.AsyncClient, asked: httpx.Request, *, may_repeat: bool) -> httpx.Response:
    """The answer. Where the connection breaks before it comes, or the first request still runs, it is asked again."""
    for pause_seconds in AGAIN_SECONDS if may_repeat else ():
        try:
            answer = await client.send(asked)
        except _BROKEN:
            pass
        else:
            if answer.status_code != httpx.codes.CONFLICT or b'"request_in_flight"' not in answer.content:
                return answer
        await asyncio.sleep(pause_seconds)
    return await client.send(asked)


def get(
    settings: Settings, url: str | None, path: str, parameters: dict[str, Any] | None = None, *, may_miss: bool = False
) -> Any:
    """`WorkerClient.get` of one question."""
    return asyncio.run(WorkerClient(settings, url).get(path, parameters, may_miss=may_miss))


def post(
    settings: Settings, url: str | None, path: str, body: dict[str, Any] | None,
    parameters: dict[str, Any] | None = None,
) -> Any:  # fmt: skip
    """`WorkerClient.post` of one change."""
    return asyncio.run(WorkerClient(settings, url).post(path, body, parameters))


def delete(settings: Settings, url: str | None, path: str) -> Any:
    """`WorkerClient.delete` of one thing."""
    return asyncio.run(WorkerClient(settings, url).delete(path))


def every(
    settings: Settings, url: str | None, path: str, name: str, parameters: dict[str, Any] | None = None
) -> list[Any]:  # fmt: skip
    """All entries of a list that comes in pages. Raises Failure."""
    client, given, found = WorkerClient(settings, url), dict(parameters or {}), []
    while True:
        page = asyncio.run(client.get(path, given))
        found += page[name]
        given["cursor"] = page.get("next_cursor")
        if given["cursor"] is None:
            return found


def name_of(by: str | None) -> str:
    """Who acts: as said, or the login. Raises Failure."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        raise Failure("Say who you are with --by NAME: the audit needs it.", ExitCode.USAGE) from None


def _address(settings: Settings, url: str | None) -> str:
    if url:
        return url.rstrip("/")
    return settings.worker_url or local_url(settings.monitoring_host, settings.monitoring_port)


def _operator_token(settings: Settings, address: str) -> str | None:
    """OPERATOR_TOKEN, the first operator's token of API_TOKENS, or the one of STATE_DIR, for this machine alone."""
    if settings.operator_token is not None:
        return settings.operator_token.get_secret_value().strip()
    entries = settings.api_tokens.get_secret_value().split(",") if settings.api_tokens is not None else []
    pairs = [entry.strip().partition(":") for entry in entries]
    found = next((token.strip() for role, _, token in pairs if role.strip() == Role.OPERATOR.value), None)
    if found is None and is_loopback_name(urlsplit(address).hostname or ""):
        return read_token(settings)
    return found


def _exit_code(status: int) -> ExitCode:
    if status in (401, 403, 409):
        return ExitCode.REFUSED
    return ExitCode.USAGE if status < 500 else ExitCode.UNREACHABLE
