"""How commands show what they found: data on standard output, as a table or as one JSON document."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.table import Column, Table
from rich.text import Text

PIPED_COLUMNS: Final = 200
_FRAME: Final = "│  "  # of a column
_FOLDED: Final = 3  # columns of a table that is always one: a name, and a value whose words may be broken
_MOST_LINES: Final = 3  # of a row, on the average

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


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows of plain text. Where the terminal is too narrow for a table that can be read, each row is a block of lines,
    one for each cell that is not empty."""
    out = console()
    table = _table(heads, rows, out.width)
    if table is not None:
        out.print(table)
        return
    for row in rows:
        out.print(_block(heads, row))
        out.print()


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table | None:
    """The widest column takes what the others leave. None: that breaks its words, or makes a tall strip of it."""
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    widest = widths.index(max(widths))
    left = width - sum(widths) + widths[widest] - len(_FRAME) * len(heads) - 1
    words = max(cell_len(word) for row in (heads, *rows) for word in row[widest].split() or [""])
    lines = sum(cell_len(row[widest]) for row in rows) / (max(left, 1) * max(len(rows), 1))
    if len(heads) > _FOLDED and (left < words or lines > _MOST_LINES):
        return None
    fixed = len(heads) > _FOLDED
    columns = (Column(head, overflow="fold", no_wrap=fixed and at != widest) for at, head in enumerate(heads))
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _block(heads: Sequence[str], row: Sequence[str]) -> Table:
    lines = Table.grid(Column(style="bold", no_wrap=True), Column(overflow="fold"), padding=(0, 2, 0, 0))
    for head, cell in zip(heads, row, strict=True):
        if cell:
            lines.add_row(head, Text(cell))
    return lines
