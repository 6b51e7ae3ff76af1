"""The folder of an export: JSON lines and CSV of the same rows, and a manifest with the SHA-256 of each file.

It is written beside its place and renamed at the end, so it is there as a whole or not at all.
"""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import file_digest
from io import StringIO
from pathlib import Path
from typing import Any, Final

import msgspec

from episode_monitor.web.tables import defused
from models.audit_checkpoint import AuditCheckpoint

MANIFEST: Final = "manifest.json"
VERSION: Final = 1
CHECKPOINTS: Final = "checkpoints.jsonl"  # canonical bytes, so that links and signatures can be checked

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "findings": (
        "project_id", "kind", "state", "first_number", "last_number", "partition", "first_offset", "last_offset",
        "since", "opened_at", "closed_at", "settles_at", "episodes",
    ),
    "alerts": (
        "at", "transition_id", "alert_key", "alert_id", "rule_id", "alert_type", "severity", "status", "project_id",
        "reason", "by", "comment", "value", "threshold", "window_minutes", "sample_size", "escalation_level", "title",
        "description",
    ),
    "acts": ("at", "who", "role", "what", "target", "result", "request"),
    "repairs": (
        "plan_id", "project_id", "strategy", "state", "verification", "created_by", "created_at", "approved_by",
        "acted_by", "acted_at", "episode_id", "old_number", "new_number",
    ),
    "checkpoints": tuple(name for name in AuditCheckpoint.__struct_fields__ if name != "ranges"),
}  # fmt: skip


class ExportedFile(msgspec.Struct, frozen=True):
    """A file of the folder. `rows`: without the line of names."""

    name: str
    sha256: str
    bytes: int
    rows: int


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What is written. `jsonl`: name -> lines; `csv`: name -> a row for each, with the columns of `COLUMNS`."""

    jsonl: Mapping[str, Sequence[bytes]]
    csv: Mapping[str, Sequence[Mapping[str, Any]]]
    about: Mapping[str, Any]


class CannotExport(Exception):
    """The message is one sentence; nothing was left behind."""


def write_export(folder: Path, exported: Exported) -> str:
    """The SHA-256 of the manifest. Raises CannotExport, FileExistsError where there is something at this place."""
    try:
        with _beside(folder) as unfinished:
            files = [*_write(unfinished, exported)]
            manifest = {"version": VERSION, **exported.about, "files": msgspec.to_builtins(files)}
            path = unfinished / MANIFEST
            path.write_bytes(json.dumps(manifest, ensure_ascii=False, indent=2).encode() + b"\n")
            digest = _sha256(path)
            if os.path.lexists(folder):
                raise FileExistsError(str(folder))
            unfinished.rename(folder)
            return digest
    except FileExistsError:
        raise
    except OSError as error:
        raise CannotExport(f"{folder} cannot be written: {error.strerror or error}; nothing was left behind.") from None


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder on the same disk that goes, unless it is renamed."""
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
    try:
        yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(folder: Path, exported: Exported) -> Iterator[ExportedFile]:
    for name, lines in exported.jsonl.items():
        yield _written(folder / f"{name}.jsonl", b"".join(line + b"\n" for line in lines), len(lines))
    for name, rows in exported.csv.items():
        yield _written(folder / f"{name}.csv", csv_of(COLUMNS[name], rows), len(rows))


def _written(path: Path, content: bytes, rows: int) -> ExportedFile:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return ExportedFile(path.name, _sha256(path), len(content), rows)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """UTF-8 with a line of names. No text begins a formula in a spreadsheet: such a cell begins with an apostrophe."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in columns])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list | tuple):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    return defused(value) if isinstance(value, str) else value
