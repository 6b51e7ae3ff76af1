"""`alerts`: what is active, what was, and what a person does about one, asked of a running worker."""

import asyncio
from typing import Annotated, Any
from urllib.parse import quote

import typer

from alert_sinks.wording import reason
from episode_monitor.cli.alert_details import print_details
from episode_monitor.cli.alert_routes import routes
from episode_monitor.cli.alert_statistics import statistics
from episode_monitor.cli.alert_trial import send_trial
from episode_monitor.cli.calling import By, Url, every, get, name_of, post
from episode_monitor.cli.output import Json, print_json, print_table
from episode_monitor.cli.times import Since, Until, asked_times
from episode_monitor.exits import ExitCode
from episode_monitor.settings.settings import load_settings

alerts = typer.Typer(no_args_is_help=True, help="Show and handle the alerts of a running monitor.")
alerts.add_typer(routes, name="routes")
alerts.command("statistics")(statistics)

Key = Annotated[str, typer.Argument(help="RULE_ID:PROJECT_ID, as `alerts list` shows it.")]
Comment = Annotated[str, typer.Option(help="The reason; stored in the history.")]


@alerts.command("list")
def list_alerts(
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None, url: Url = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """List pending and firing alerts, the most severe first. Exit code 1 if there are any."""
    listed = every(load_settings(), url, "/alerts/active", "alerts")
    active = [alert for alert in listed if project in (None, alert["project_id"])]
    if as_json:
        print_json({"alerts": active, "total": len(active)})
    else:
        rows = [
            [a["alert_key"], a["status"], a["severity"], a["starts_at"], _handled(a), a["description"]] for a in active
        ]
        print_table(("Alert", "Status", "Severity", "Since", "Handled", "What"), rows)
    if active:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def _handled(alert: dict[str, Any]) -> str:
    by, until = alert["acknowledged_by"], alert["silenced_until"]
    return ", ".join(filter(None, (by and f"acknowledged by {by}", until and f"silenced until {until}")))


@alerts.command("history")
def history(
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    alert: Annotated[str | None, typer.Option(help="Only this alert, RULE_ID:PROJECT_ID.")] = None,
    status: Annotated[str | None, typer.Option(help="Only transitions to pending, firing or resolved.")] = None,
    since: Since = None, until: Until = None,
    limit: Annotated[int, typer.Option(help="The maximum number of transitions.", min=1, max=1000)] = 50,
    url: Url = None, as_json: Json = False,
) -> None:  # fmt: skip
    """List alert transitions, newest first."""
    begins, ends = asked_times(since, until, ("--since", "--until"))
    asked = {
        "project_id": project, "rule_id": rule, "alert_key": alert, "status": status, "since": begins, "until": ends,
        "limit": limit,
    }  # fmt: skip
    page = get(load_settings(), url, "/alerts/history", asked)
    if as_json:
        print_json(page)
        return
    rows = [[t["at"], t["alert"]["alert_key"], t["alert"]["status"], reason(t["reason"]), t["by"] or ""]
            for t in page["transitions"]]  # fmt: skip
    print_table(("When", "Alert", "Status", "Why", "By"), rows)


@alerts.command("test")
def send_trial_alert(as_json: Json = False) -> None:
    """Send a trial alert, marked as one, to every configured sink. Exit code 1 if a sink does not accept it."""
    outcomes = asyncio.run(send_trial(load_settings()))
    if as_json:
        print_json(outcomes)
    else:
        print_table(("Sink", "Outcome", "Why"), [[one["sink"], one["outcome"], one["reason"]] for one in outcomes])
    if any(one["outcome"] != "delivered" for one in outcomes):
        raise typer.Exit(ExitCode.ISSUES_FOUND)


@alerts.command("show")
def show_alert(key: Key, url: Url = None, as_json: Json = False) -> None:
    """Show one alert: what happened, who was notified, who was not and why, what happens next. Exit code 1 if it
    fires."""
    found = get(load_settings(), url, f"/alerts/{quote(key, safe='')}")
    if as_json:
        print_json(found)
    else:
        print_details(found)
    if found["status"] == "firing":
        raise typer.Exit(ExitCode.ISSUES_FOUND)


@alerts.command("acknowledge")
@alerts.command("ack", hidden=True)
def acknowledge(
    key: Key,
    minutes: Annotated[
        int | None, typer.Option(min=1, max=10_080, help="It ends then; default: as long as the alert fires.")
    ] = None,
    by: By = None, comment: Comment = "", url: Url = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Acknowledge the alert, which stops its escalation."""
    lasting = {} if minutes is None else {"minutes": minutes}
    _act(key, "acknowledge", {"by": by, "comment": comment, **lasting}, url, as_json)


@alerts.command("unacknowledge")
def unacknowledge(key: Key, by: By = None, comment: Comment = "", url: Url = None, as_json: Json = False) -> None:
    """Take the acknowledgement back; escalation begins anew."""
    _act(key, "unacknowledge", {"by": by, "comment": comment}, url, as_json)


@alerts.command("resolve")
def resolve(key: Key, by: By = None, comment: Comment = "", url: Url = None, as_json: Json = False) -> None:
    """Resolve the alert manually; it fires again after its condition has cleared once, or when it gets worse."""
    _act(key, "resolve", {"by": by, "comment": comment}, url, as_json)


@alerts.command("silence")
def silence(
    key: Key, minutes: Annotated[int, typer.Option(min=1, max=10_080)] = 60, by: By = None, comment: Comment = "",
    url: Url = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Suppress deliveries of the alert for a while; if it is still firing afterwards, it is delivered again."""
    _act(key, "silence", {"by": by, "comment": comment, "minutes": minutes}, url, as_json)


def _act(key: str, what: str, body: dict[str, Any], url: str | None, as_json: bool) -> None:
    body["by"] = name_of(body["by"])
    alert = post(load_settings(), url, f"/alerts/{quote(key, safe='')}/{what}", body)
    if as_json:
        print_json(alert)
    else:
        until = f", silenced until {alert['silenced_until']}" if alert["silenced_until"] else ""
        by = alert["acknowledged_by"] if what == "acknowledge" else None
        why = f"acknowledged by {by}" if by else reason(alert["reason"])
        print(f"{alert['alert_key']} is {alert['status']} ({why}){until}.")
        before = alert["annotations"].get("acknowledged_before_by")
        if before:
            print(f"{before} had acknowledged it before; both are in `alerts show`.")
