"""The lives of the demo's alerts as lines to read: what happened, who did it and why, and what each receiver got."""

from typing import Any, Final

from rich.markup import escape

from episode_monitor.demo.http import ask

_NOT_SHOWN: Final = frozenset({"cleared_before_firing"})
_COLOURS: Final = {"critical": "red", "warning": "yellow", "acknowledged": "magenta", "resolved": "green"}
_RECEIVERS: Final = {"slack": "team's Slack", "pagerduty": "on-call"}  # the webhook gets what Slack gets


class AlertLog:
    """Lines since the last look. `monitor` and `receiver` are addresses."""

    def __init__(self, monitor: str, receiver: str) -> None:
        self._history = f"{monitor}/monitoring/episodes/alerts/history?limit=200"
        self._received = f"{receiver}/received"
        self._shown: set[tuple[str, str, str]] = set()
        self._last = 0  # the number of the newest entry of the receiver that was shown

    def new_lines(self) -> list[str]:
        """In the order of time; nothing where neither answers."""
        lines = [*self._of_history(), *self._of_receivers()]
        return [line for _, line in sorted(lines, key=lambda one: one[0])]

    def _of_history(self) -> list[tuple[str, str]]:
        found = ask(self._history)
        lines = []
        for step in reversed(found["transitions"] if found else []):
            one = (step["transition_id"], step["reason"], step["at"])
            is_new = one not in self._shown
            self._shown.add(one)
            if is_new and step["alert"]["status"] != "pending" and step["reason"] not in _NOT_SHOWN:
                lines.append((step["at"], line_of_step(step)))
        return lines

    def _of_receivers(self) -> list[tuple[str, str]]:
        found = ask(f"{self._received}?since={self._last}")
        entries = found["received"] if found else []
        self._last = max([self._last, *(entry["number"] for entry in entries)])
        return [(entry["received_at"], line_of_entry(entry)) for entry in entries if entry["sink"] in _RECEIVERS]


def line_of_step(step: dict[str, Any]) -> str:
    """`12:00:12 ACKNOWLEDGED episode_integrity:p by kim: I look`."""
    alert, by, comment = step["alert"], step["by"], step["comment"]
    word, colour, why = alert["severity"].upper(), _COLOURS.get(alert["severity"], "white"), alert["description"]
    match step["reason"]:
        case "acknowledged_by_person":
            word, colour, why = "ACKNOWLEDGED", _COLOURS["acknowledged"], f"by {by}"
        case "escalated_unacknowledged":
            word, why = "ESCALATED", "not acknowledged in time"
        case reason if alert["status"] == "resolved":
            word, colour, why = "RESOLVED", _COLOURS["resolved"], f"by {by}" if by else reason.replace("_", " ")
        case reason if by:
            word, why = "ACT", f"{reason.replace('_', ' ')}: {by}"
    said = f"{why}: {comment}" if comment else why
    return f"{_clock(step['at'])} [{colour}]{word:12}[/{colour}] {escape(alert['alert_key'])} {escape(said)}"


def line_of_entry(entry: dict[str, Any]) -> str:
    """`12:00:13   -> on-call got [CRITICAL] …`."""
    colour = _COLOURS.get(entry["severity"], "white")
    words = entry["text"] if entry["sink"] == "pagerduty" else entry["title"]
    said = f"{entry['severity'].upper()} {entry['project_id']}: {words}"
    refused = "" if 200 <= entry["status"] < 300 else f" (answered {entry['status']})"
    got = f"{_RECEIVERS[entry['sink']]} got {said}{refused}"
    return f"{_clock(entry['received_at'])}   [{colour}]->[/{colour}] {escape(got)}"


def _clock(at: str) -> str:
    return at[11:19]
