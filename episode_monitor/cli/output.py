"""How commands show what they found: data on standard output, as a table or as one JSON document."""

import json
import os
import sys
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.table import Table

PIPED_COLUMNS: Final = 200

Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to standard output.")]


def count(number: int, noun: str) -> str:
    """A number and its noun: `1 gap`, `2 gaps`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def console() -> Console:
    """For tables on standard output: as wide as the terminal, and in a pipe, which has no width, as they need."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=PIPED_COLUMNS if piped else None)


def bar(*columns: ProgressColumn) -> Progress:
    """A progress bar on standard error that leaves nothing behind; none if that is no terminal."""
    stderr = Console(stderr=True)
    return Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal)


def show(values: dict[str, Any], as_json: bool, heads: tuple[str, str]) -> None:
    """Names and values."""
    if as_json:
        print_json(values)
        return
    print_table(heads, [[name, shown(value)] for name, value in values.items()])


def shown(value: object) -> str:
    """A value in a table's cell, as it would be written into `.env`."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def print_json(value: object) -> None:
    """One document."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_made(made: Any, as_json: bool) -> None:
    """What a worker has made: its id, or all of it."""
    if as_json:
        print_json(made)
    else:
        print(made["id"])


def print_table(heads: tuple[str, ...], rows: list[list[str]]) -> None:
    """Rows of plain text: what stands in square brackets is no markup."""
    table = Table(*heads)
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    console().print(table)
