"""`silence`: silences by matchers, listed, tried, added and ended on a running worker."""

from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from episode_monitor.cli.calling import By, Url, delete, every, name_of, post
from episode_monitor.cli.output import Json, count, print_json, print_made, print_table
from episode_monitor.cli.times import moment, span
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings.settings import load_settings
from models.times import rfc3339
from streams.routing.matcher import MatcherError
from streams.routing.matcher_parsing import parse_matchers

silence = typer.Typer(no_args_is_help=True, help="Show and handle the silences of a running monitor.")

Matchers = Annotated[
    list[str], typer.Argument(help="Such as severity=warning, 'project_id=~drama_.*' or team!=web; all must fit.")
]
State = Annotated[Literal["pending", "active", "expired", "all"], typer.Option(help="pending, active, expired or all.")]
Minutes = Annotated[int | None, typer.Option(min=1, max=527_040, help="The duration; default: 60.")]
Start = Annotated[str | None, typer.Option(help="RFC 3339 with offset; default: now.")]
End = Annotated[str | None, typer.Option("--until", help="RFC 3339 with offset, in place of --minutes.")]


@silence.command("list")
def list_silences(state: State = "active", url: Url = None, as_json: Json = False) -> None:
    """List silences, those that end first at the beginning."""
    asked = {} if state == "all" else {"state": state}
    found = every(load_settings(), url, "/silences", "silences", asked)
    if as_json:
        print_json({"silences": found, "total": len(found)})
        return
    rows = [
        [one["id"], one["state"], _written(one["matchers"]), one["starts_at"], one["ends_at"], one["created_by"],
         one["comment"]]
        for one in found
    ]  # fmt: skip
    print_table(("Id", "State", "Matchers", "From", "Until", "By", "Comment"), rows)


@silence.command("add")
def add_silence(
    matchers: Matchers, minutes: Minutes = None, until: End = None, start: Start = None, by: By = None,
    comment: Annotated[str, typer.Option(help="The reason.")] = "", url: Url = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Silence the alerts that all matchers fit; they stay visible. Prints the silence's id."""
    lasts = span(minutes, until, "ends_at")
    body: dict[str, Any] = {"matchers": _parsed(matchers), "by": name_of(by), "comment": comment, **lasts}
    if start is not None:
        body["starts_at"] = rfc3339(moment(start, "--start"))
    print_made(post(load_settings(), url, "/silences", body), as_json)


@silence.command("preview")
def preview(matchers: Matchers, url: Url = None, as_json: Json = False) -> None:
    """List the alerts that these matchers fit now; nothing is changed."""
    found = post(load_settings(), url, "/silences/preview", {"matchers": _parsed(matchers)})
    if as_json:
        print_json(found)
        return
    print_table(("Alert",), [[key] for key in found["matches"]])
    if found["total"] > len(found["matches"]):
        print(f"{count(found['total'], 'alert')} in all.")


@silence.command("expire")
def expire(
    ids: Annotated[list[str], typer.Argument(help="Ids of silences, as `silence list` shows them.")],
    url: Url = None, as_json: Json = False,
) -> None:  # fmt: skip
    """End silences now; alerts that still fire are then delivered."""
    ended = [delete(load_settings(), url, f"/silences/{quote(one, safe='')}") for one in ids]
    if as_json:
        print_json({"silences": ended})
    else:
        for one in ended:
            print(f"{one['id']} is {one['state']}.")


def _parsed(texts: list[str]) -> list[dict[str, str]]:
    """As the worker takes them. Raises Failure."""
    try:
        found = [each for text in texts for each in parse_matchers(text)]
    except MatcherError as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    return [{"name": each.name, "value": each.value, "operator": each.operator.value} for each in found]


def _written(matchers: list[dict[str, str]]) -> str:
    return " ".join(f"{each['name']}{each['operator']}{each['value']}" for each in matchers)
