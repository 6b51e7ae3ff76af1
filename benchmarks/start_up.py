"""How long a person waits for `episode-monitor --help`, and for the first page and the first alerts of `./run demo`."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from episode_monitor.demo.guarded import ServerError
from episode_monitor.demo.ports import LOOPBACK
from episode_monitor.demo.stack import DASHBOARD_PORT

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.05
ALERTS = 5
_URL = f"http://{LOOPBACK}:{DASHBOARD_PORT}"
_STEPS = ("first_page", "ready", "first_alert", "five_alerts")


def run(rounds: int) -> dict[str, Any]:
    """Medians of so many rounds, in seconds. Raises ServerError where the demo cannot have its usual port."""
    helped = [_help_seconds() for _ in range(rounds)]
    demos = [_demo_seconds() for _ in range(rounds)]
    return {
        "help_seconds": round(median(helped), 2),
        **{f"{step}_seconds": round(median(demo[step] for demo in demos), 1) for step in _STEPS},
    }


def _help_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([Path(sys.executable).parent / "episode-monitor", "--help"], check=True, capture_output=True)
    return time.perf_counter() - began


def _demo_seconds() -> dict[str, float]:
    if _asked("/livez") is not None:
        raise ServerError(f"{_URL} is in use; stop what answers there, so that the demo has its usual port.")
    began = time.monotonic()
    demo = subprocess.Popen(
        [ROOT / "run", "demo"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return _watched(began)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(demo.pid, signal.SIGINT)
        demo.wait(PATIENCE_SECONDS)


def _watched(began: float) -> dict[str, float]:
    """When each step was reached, in seconds since the start."""
    found: dict[str, float] = {}
    while time.monotonic() < began + PATIENCE_SECONDS:
        for step in _reached():
            found.setdefault(step, time.monotonic() - began)
        if len(found) == len(_STEPS):
            return found
        time.sleep(LOOK_SECONDS)
    raise ServerError(f"The demo did not come to {ALERTS} alerts within {PATIENCE_SECONDS:.0f} s.")


def _reached() -> list[str]:
    if _asked("/") is None:
        return []
    alerts = json.loads(_asked("/monitoring/episodes/alerts/active?limit=1") or b'{"total": 0}')["total"]
    is_reached = (True, _asked("/readyz") is not None, alerts >= 1, alerts >= ALERTS)
    return [step for step, is_so in zip(_STEPS, is_reached, strict=True) if is_so]


def _asked(path: str) -> bytes | None:
    """The body; None where nobody answers, or not with 200."""
    try:
        with urllib.request.urlopen(_URL + path, timeout=5) as answer:
            body: bytes = answer.read()
            return body
    except OSError:
        return None
