"""Processes that others started, as Linux shows them."""

import os
from contextlib import suppress
from pathlib import Path


def children(pid: int | None = None) -> list[int]:
    """The processes that this one, or `pid`, has started."""
    with suppress(FileNotFoundError):
        tasks = [task / "children" for task in Path(f"/proc/{pid or os.getpid()}/task").iterdir()]
        return [int(child) for task in tasks for child in task.read_text().split()]
    return []


def is_there(pid: int) -> bool:
    """Whether it runs; one that ended and was not waited for is gone as well."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
