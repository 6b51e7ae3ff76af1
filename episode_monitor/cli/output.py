"""How commands show what they found: data on standard output, as a table or as one JSON document."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def show(values: dict[str, Any], as_json: bool, heads: tuple[str, str]) -> None:
    """Names and values."""
    if as_json:
        print_json(values)
        return
    print_table(heads, [[name, "" if value is None else str(value)] for name, value in values.items()])


def print_json(value: object) -> None:
    """One document."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(heads: tuple[str, ...], rows: list[list[str]]) -> None:
    """Rows of plain text: what stands in square brackets is no markup."""
    table = Table(*heads)
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    Console().print(table)
