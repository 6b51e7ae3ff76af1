"""Who is on call in the demo: acknowledges one alert after it has escalated, and repairs its project. A reader who is
faster is left to it."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from episode_monitor.demo.http import ask

NAME: Final = "kim"
PROJECT: Final = "proj_repaired"
ALERT_KEY: Final = f"episode_integrity:{PROJECT}"
ACKNOWLEDGES_AFTER_SECONDS: Final = 10.0  # of the page
REPAIRS_AFTER_SECONDS: Final = 10.0  # of the acknowledgement, whosever it is
COMMENT: Final = f"A number of {PROJECT} is lost; I repair it."


class PersonOnCall:
    """Acts over HTTP as a person would. `monitor` is the worker's address."""

    def __init__(self, monitor: str) -> None:
        self._root = f"{monitor}/monitoring/episodes"

    def look(self, now: datetime) -> None:
        """Do what is due, and try again at the next look where that is refused."""
        alert = ask(f"{self._root}/alerts/{quote(ALERT_KEY, safe='')}")
        match due(alert, now):
            case "acknowledge":
                ask(f"{self._root}/alerts/{quote(ALERT_KEY, safe='')}/acknowledge", {"by": NAME, "comment": COMMENT})
            case "repair":
                self._repair()

    def _repair(self) -> None:
        plan = ask(f"{self._root}/integrity/project/{PROJECT}/repair-plans", {"by": NAME})
        if plan is not None:
            body = {"by": NAME, "confirm": PROJECT, "with_newer": True}
            ask(f"{self._root}/repair-plans/{plan['plan_id']}/apply", body)


def due(alert: Any, now: datetime) -> str:
    """`acknowledge`, `repair`, or nothing, given an alert as `GET /alerts/{alert_key}` answers it."""
    if not isinstance(alert, dict) or alert["status"] != "firing":
        return ""
    at = {line["reason"]: datetime.fromisoformat(line["at"]) for line in alert["timeline"]}
    if alert["acknowledged_by"]:
        since = at.get("acknowledged_by_person")
        return "repair" if _passed(since, now, REPAIRS_AFTER_SECONDS) else ""
    return "acknowledge" if _passed(at.get("escalated_unacknowledged"), now, ACKNOWLEDGES_AFTER_SECONDS) else ""


def _passed(since: datetime | None, now: datetime, seconds: float) -> bool:
    return since is not None and (now - since).total_seconds() >= seconds
