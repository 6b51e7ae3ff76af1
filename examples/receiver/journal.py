"""Remembers what arrived: the newest entries in memory and, if wanted, every one as a line of a file.

Entries are numbered from 1 and never change, so a reader continues after the last number it saw.
"""

from collections import deque
from pathlib import Path
from typing import Any, TextIO

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a sink and how it was answered. `status` 0: the connection was closed midway."""

    number: int
    sink: str  # "slack", "webhook" or "pagerduty"
    received_at: str
    status: int
    severity: str  # "critical", "warning", "info", "acknowledged", "resolved", or "" where the body does not say
    title: str
    text: str
    project_id: str
    reason: str  # this and the next two: "" where the body does not say
    by: str
    comment: str
    message_id: str  # the webhook-id; "" where the sender gave none
    repeated: bool  # the same message_id was here before
    signature: str  # "valid", "invalid", or "unchecked"
    headers: dict[str, str]  # names in lower case, without credentials
    body: Any  # the JSON as it came, or the raw text


class Journal:
    """The newest `limit` entries, and a JSON-lines file that only grows."""

    def __init__(self, limit: int, path: Path | None = None):
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._file: TextIO | None = None
        self._path = path
        self._last = 0

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 before the first."""
        return self._last

    def open(self) -> None:
        """Opens the file. Raises OSError when it cannot be written."""
        if self._path is not None:
            self._file = self._path.open("a", encoding="utf-8", buffering=1)

    def close(self) -> None:
        """Closes the file; entries in memory stay."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, **fields: Any) -> Entry:
        """Keeps one more entry and answers it, with its number."""
        message_id = fields["message_id"]
        repeated = bool(message_id) and any(entry.message_id == message_id for entry in self._entries)
        self._last += 1
        entry = Entry(number=self._last, repeated=repeated, **fields)
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(msgspec.json.encode(entry).decode() + "\n")
        return entry

    def since(self, number: int, sink: str | None = None, limit: int | None = None) -> list[Entry]:
        """Entries after `number`, oldest first, at most `limit`."""
        found = [entry for entry in self._entries if entry.number > number and sink in (None, entry.sink)]
        return found[:limit]
