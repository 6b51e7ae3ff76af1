"""Is the worker healthy? Asks its integrity summary straight, whatever proxies the environment names.

`python -m episode_monitor.observe.health` is the image's health check: it needs nothing but the standard library,
since it runs every few seconds. `episode-monitor health` is the same for people.
"""

import http.client
import json
import os
import sys
from contextlib import closing
from urllib.parse import urlsplit

from episode_monitor.addresses import local_url

SUMMARY = "/monitoring/episodes/integrity/summary"
PATIENCE_SECONDS = 9.0  # the image's own limit is ten


class NoAnswer(Exception):
    """No worker answers; the message says why."""


def ask(url: str, patience_seconds: float = PATIENCE_SECONDS) -> tuple[bool, str]:
    """Whether the worker at `url` is healthy, and a sentence. Raises NoAnswer."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        with closing(kind(parts.hostname or "", parts.port, timeout=patience_seconds)) as connection:
            connection.request("GET", f"{parts.path.rstrip('/')}{SUMMARY}")
            answer = connection.getresponse()
            body = answer.read(64 * 1024)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswer(f"No worker answers at {url} ({str(error) or type(error).__name__}).") from error
    said = _object(body)
    if answer.status == http.client.OK:
        if said.get("monitoring_enabled") is False:
            return True, "Healthy, but switched off: EPISODE_MONITORING_ENABLED is false, so no events are read."
        return True, "Healthy: the integrity summary answers."
    return False, str(said.get("detail") or f"The integrity summary answers {answer.status}.")


def _object(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def main() -> int:
    """0 for healthy, 1 for anything else: what a container's health check may answer."""
    url = local_url(os.environ.get("MONITORING_HOST") or "127.0.0.1", os.environ.get("MONITORING_PORT") or "8002")
    try:
        is_healthy, sentence = ask(url)
    except NoAnswer as error:
        is_healthy, sentence = False, str(error)
    print(sentence, file=sys.stdout if is_healthy else sys.stderr)
    return 0 if is_healthy else 1


if __name__ == "__main__":
    raise SystemExit(main())
