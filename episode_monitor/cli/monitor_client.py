"""How a command speaks to a running monitor: its address by the settings, an operator's token, errors as sentences."""

from typing import Any, Self

import httpx

from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings import Settings

_TIMEOUT_SECONDS = 30.0
_EVERYWHERE = ("0.0.0.0", "::")


class MonitorClient:
    """`url` None: the monitor of these settings, on this machine where it listens everywhere."""

    def __init__(self, settings: Settings, url: str | None = None) -> None:
        self.url = (url or _own_url(settings)).rstrip("/")
        token = _operator_token(settings)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, method: str, path: str, *, accept: tuple[int, ...] = (200,), **options: Any) -> httpx.Response:
        """The answer if its status is one of `accept`. Raises Failure with the monitor's own sentence."""
        try:
            answer = self._client.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise Failure(
                f"No monitor answers at {self.url} ({why}); start one with `episode-monitor worker`, or set "
                f"MONITORING_PORT or --url to where it is.",
                ExitCode.UNREACHABLE,
            ) from None
        if answer.status_code in accept:
            return answer
        raise Failure(_detail(answer), _CODES.get(answer.status_code, ExitCode.UNREACHABLE))


_CODES = {
    400: ExitCode.USAGE, 401: ExitCode.REFUSED, 403: ExitCode.REFUSED, 404: ExitCode.USAGE, 409: ExitCode.REFUSED,
    422: ExitCode.USAGE,
}  # fmt: skip


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The monitor answered with HTTP {answer.status_code} and no reason; see its log."


def _own_url(settings: Settings) -> str:
    host = "127.0.0.1" if settings.monitoring_host in _EVERYWHERE else settings.monitoring_host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.monitoring_port}"


def _operator_token(settings: Settings) -> str | None:
    """The first one; None where changes need none."""
    if settings.api_tokens is None:
        return None
    for word in settings.api_tokens.get_secret_value().split(","):
        role, _, token = word.strip().partition(":")
        if role == "operator":
            return token
    return None
