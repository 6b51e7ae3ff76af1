"""`audit`: who changed what, whether the events are those that were processed, and what auditors are given."""

import sys
from typing import Annotated, Any

import typer

from episode_monitor.cli.audit_export import export
from episode_monitor.cli.audit_verify import verify
from episode_monitor.cli.calling import Url, get
from episode_monitor.cli.output import Json, print_json, print_table
from episode_monitor.cli.times import Before, From, asked_times
from episode_monitor.settings.settings import load_settings

audit = typer.Typer(
    no_args_is_help=True, help="Show who changed what, prove what was processed, and export both for auditors."
)

audit.command("verify")(verify)
audit.command("export")(export)

_PAGE_ROWS = 1000


@audit.command("list")
def list_entries(
    who: Annotated[str | None, typer.Option(help="Only changes by this name.")] = None,
    what: Annotated[str | None, typer.Option(help="Only this kind of change, such as alert.resolve.")] = None,
    target: Annotated[str | None, typer.Option(help="Only changes of this alert key, project or plan.")] = None,
    since: From = None, until: Before = None,
    limit: Annotated[int, typer.Option(help="The maximum number of entries.", min=1)] = 100, url: Url = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """List what people and the monitor itself have changed, newest first, with the result of each change."""
    begins, ends = asked_times(since, until, ("--from", "--to"))
    asked = {"who": who, "what": what, "target": target, "from": begins, "to": ends}
    page = _listed(asked, limit, url)
    if page["kept_in"] == "memory":
        print(
            "MONITOR_DATABASE_URL is not set: these are the entries in the memory of the workers that run now.",
            file=sys.stderr,
        )
    if as_json:
        print_json(page)
        return
    rows = [[e["at"], e["who"], e["role"], e["what"], e["target"], e["result"]] for e in page["entries"]]
    print_table(("When", "Who", "Role", "What", "Target", "Result"), rows)
    if page["next_cursor"] is not None:
        print(f"{len(rows)} of {page['total']} entries; --limit shows more.", file=sys.stderr)


def _listed(asked: dict[str, Any], limit: int, url: str | None) -> dict[str, Any]:
    """As many pages as `limit` entries need, as one."""
    settings = load_settings()
    entries: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        rows = min(limit - len(entries), _PAGE_ROWS)
        page: dict[str, Any] = get(settings, url, "/audit", {**asked, "limit": rows, "cursor": cursor})
        entries += page["entries"]
        cursor = page["next_cursor"]
        if cursor is None or len(entries) >= limit:
            return {**page, "entries": entries}
