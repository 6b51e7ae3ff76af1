"""Questions to a running worker over HTTP, for commands. Every way to fail is one sentence and an exit code."""

from typing import Annotated, Any

import httpx
import typer

from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings import Settings
from episode_monitor.web.settings import Role

BASE = "/monitoring/episodes"
PATIENCE_SECONDS = 15.0

Url = Annotated[str | None, typer.Option("--url", help="A worker's address; without it, that of the settings.")]


def address(settings: Settings, url: str | None) -> str:
    """Where to ask: what was said, or the worker of these settings on this machine."""
    if url:
        return url.rstrip("/")
    host = settings.monitoring_host
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return settings.worker_url or f"http://{host}:{settings.monitoring_port}"


def operator_token(settings: Settings) -> str | None:
    """The first token of API_TOKENS that may change things."""
    entries = settings.api_tokens.get_secret_value().split(",") if settings.api_tokens is not None else []
    pairs = [entry.strip().partition(":") for entry in entries]
    return next((token.strip() for role, _, token in pairs if role.strip() == Role.OPERATOR.value), None)


def call(
    settings: Settings, url: str | None, method: str, path: str, *,
    parameters: dict[str, Any] | None = None, body: dict[str, Any] | None = None,
) -> Any:  # fmt: skip
    """The JSON of an answer. Raises Failure: 2 for wrong words, 3 where nobody can answer, 4 where it is refused."""
    worker = address(settings, url)
    token = operator_token(settings) if method != "GET" else None
    headers = {"authorization": f"Bearer {token}"} if token else {}
    given = {name: value for name, value in (parameters or {}).items() if value is not None}
    try:
        with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            answer = client.request(method, f"{worker}{BASE}{path}", params=given, json=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        raise Failure(
            f"No worker answers at {worker} ({why}); start one, or name another with --url.", ExitCode.UNREACHABLE
        ) from None
    if answer.is_success:
        return _json(answer, worker)
    problem = _json(answer, worker)
    sentence = problem.get("detail") if isinstance(problem, dict) else None
    raise Failure(sentence or f"The worker at {worker} answered {answer.status_code}.", _code(answer.status_code))


def _json(answer: httpx.Response, worker: str) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise Failure(
            f"What answers at {worker} is no worker of the monitor; check the address.", ExitCode.UNREACHABLE
        ) from None


def _code(status: int) -> ExitCode:
    if status in (401, 403, 404, 409):
        return ExitCode.REFUSED
    return ExitCode.USAGE if status < 500 else ExitCode.UNREACHABLE
