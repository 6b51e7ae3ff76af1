"""A table as a stream of bytes: CSV for spreadsheets, or JSON. Nothing of the data may act where it is opened."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

Format = Literal["csv", "json"]
Row = Mapping[str, Any]

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_BOM = "\ufeff"  # without it, spreadsheets take Korean for something else
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # also full width
_QUOTED = re.compile(r'[",\r\n]')


def defused(text: str) -> str:
    """The text; what a spreadsheet would take for a formula gets an apostrophe in front."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def csv_cell(value: Any) -> str:
    """One cell, defused; what is no number or text is JSON."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            text = value
        case _:
            text = msgspec.json.encode(value).decode()
    safe = defused(text)
    return '"' + safe.replace('"', '""') + '"' if _QUOTED.search(safe) else safe


class TableWriter:
    """The parts of one table in order: `begin`, any number of `rows`, `end`. Lines of CSV end as RFC 4180 has it."""

    def __init__(self, kind: Format, columns: Sequence[str]) -> None:
        self._kind = kind
        self._columns = columns
        self._is_first = True

    def begin(self) -> bytes:
        """What stands before all rows."""
        return b"[" if self._kind == "json" else (_BOM + self._line(self._columns)).encode()

    def rows(self, rows: Iterable[Row]) -> bytes:
        """Some rows; of JSON all their fields, of CSV the columns."""
        if self._kind == "csv":
            return "".join(self._line([row.get(name) for name in self._columns]) for row in rows).encode()
        parts = []
        for row in rows:
            parts.append((b"\n" if self._is_first else b",\n") + msgspec.json.encode(row))
            self._is_first = False
        return b"".join(parts)

    def end(self) -> bytes:
        """What stands after all rows."""
        return b"\n]\n" if self._kind == "json" else b""

    @staticmethod
    def _line(values: Sequence[Any]) -> str:
        return ",".join(map(csv_cell, values)) + "\r\n"
