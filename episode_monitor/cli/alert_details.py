"""One alert in sentences and small tables, as `alerts show` prints it."""

from typing import Any

from alert_sinks.wording import reason
from episode_monitor.cli.output import count, print_table


def print_details(found: dict[str, Any]) -> None:
    """What `GET /alerts/{alert_key}` answered."""
    print(f"{found['alert_key']}: {found['status']}, {found['severity']}, since {found['starts_at']}.")
    print(found["description"])
    print(_counts(found["inputs"]))
    if found["acknowledged_by"]:
        print(f"Acknowledged by {found['acknowledged_by']}.")
    for name, word in (("silenced_by", "Silenced"), ("inhibited_by", "Inhibited")):
        if found[name]:
            print(f"{word} by {', '.join(found[name])}.")
    timeline = [{**line, "reason": reason(line["reason"])} for line in found["timeline"]]
    _table("What happened", ("When", "Status", "Why", "By", "Comment"), timeline,
           ("at", "status", "reason", "by", "comment"))  # fmt: skip
    _table("Deliveries", ("When", "Receiver", "Sink", "Outcome", "Attempts", "Error"), found["deliveries"] or [],
           ("at", "receiver", "sink", "status", "attempts", "last_error"))  # fmt: skip
    _table("Not notified now", ("Receiver", "Why", "Until"), found["not_told"], ("receiver", "reason", "until"))
    _table("Next", ("When", "What"), found["next"], ("at", "what"))


def _counts(inputs: dict[str, Any]) -> str:
    if inputs["bad"] is None:
        return f"Judged by {count(inputs['whole'], 'operation')}."
    if inputs["rate"] is None:
        return f"Findings: {inputs['bad']}, of {count(inputs['whole'], 'episode')}."
    return f"Judged by {inputs['bad']} of {count(inputs['whole'], 'operation')} ({inputs['rate']:.4g} %)."


def _table(title: str, heads: tuple[str, ...], rows: list[dict[str, Any]], names: tuple[str, ...]) -> None:
    if rows:
        print(f"\n{title}")
        print_table(heads, [[_words(name, row.get(name)) for name in names] for row in rows])


def _words(name: str, value: object) -> str:
    """Codes as words; what people and receivers wrote stays."""
    text = str(value or "")
    return text.replace("_", " ") if name in ("status", "reason", "what") else text
