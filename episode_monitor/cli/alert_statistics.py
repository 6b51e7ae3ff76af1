"""`alerts statistics`: by rule, how often alerts fired, how soon people acknowledged them, and how long they lasted."""

from typing import Annotated, Any

import typer

from episode_monitor.cli.calling import Url, get
from episode_monitor.cli.output import Json, count, print_json, print_table
from episode_monitor.cli.times import Since, Until, asked_times
from episode_monitor.settings.settings import load_settings

_HEADS = ("Rule", "Firings", "Now", "Night", "Flapping", "Escalated", "Acknowledged", "Acknowledged after",
          "Acknowledged p90", "Resolved", "Resolved after", "Resolved p90", "Messages")  # fmt: skip


def statistics(
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    since: Since = None, until: Until = None, url: Url = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Show figures about the firings that began in a range, by default of the last 30 days."""
    begins, ends = asked_times(since, until, ("--since", "--until"))
    asked = {"from": begins, "to": ends, "rule_id": rule, "project_id": project}
    found = get(load_settings(), url, "/alerts/statistics", asked)
    if as_json:
        print_json(found)
        return
    rows = [_row(one["rule_id"], one) for one in found["rules"]]
    print_table(_HEADS, [*rows, *([_row("all", found["total"])] if len(rows) > 1 else ())])
    for name, word in (("acknowledged_by", "Acknowledged"), ("resolved_by", "Resolved by hand")):
        persons = ", ".join(f"{one['by'] or '(no name)'} {one['count']}" for one in found["total"][name])
        if persons:
            print(f"{word}: {persons}.")
    print(
        f"From {found['from']} to {found['to']}; night is {found['night']} {found['time_zone']}, flapping is to fire"
        f" again within {count(found['flap_minutes'], 'minute')} of the end."
    )
    if found["history_from"] is None or found["history_from"] > found["from"]:
        print(f"The history begins at {found['history_from'] or 'no time yet'}.")


def _row(name: str, figures: dict[str, Any]) -> list[str]:
    acknowledged, resolved = figures["time_to_acknowledge"], figures["time_to_resolve"]
    messages = figures["notifications"]
    failed = f", {messages['failed']} failed" if messages and messages["failed"] else ""
    return [
        name, *(str(figures[each]) for each in ("firings", "still_firing", "at_night", "flapping", "escalated")),
        str(figures["acknowledged"]), _time(acknowledged["median_seconds"]), _time(acknowledged["p90_seconds"]),
        str(figures["resolved"]), _time(resolved["median_seconds"]), _time(resolved["p90_seconds"]),
        "?" if messages is None else f"{messages['delivered']}{failed}",
    ]  # fmt: skip


def _time(seconds: float | None) -> str:
    """
    >>> _time(None), _time(7.5), _time(75), _time(7500)
    ('', '7.5s', '1m 15s', '2h 5m')
    """
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.3g}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60}m"
