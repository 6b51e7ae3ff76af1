"""Requests of the demo to its own parts, on loopback, whatever proxies are set. They block for moments."""

import json
import urllib.error
import urllib.request
from typing import Any

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_SECONDS = 15.0  # a repair waits for its events


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    """The JSON of a GET, or with a body of a POST; None where it is refused, or nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {})
    try:
        with _DIRECT.open(request, timeout=_SECONDS) as answer:
            return json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return None
