"""How far a backfill has come, in a file of STATE_DIR, so that the next run goes on there.

It is written only after the broker has everything up to it. Losing it costs a pass over the table and changes nothing.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from episode_monitor.backfill.pages import Position
from episode_monitor.backfill.statements import Unusable
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.whole_file import check_replaceable

FORMAT = 1


@dataclass(slots=True)
class BackfillProgress:
    """What was done so far, in this run and in those that it goes on from."""

    after: Position | None = None
    stated: int = 0
    projects: int = 0
    unusable: Unusable = field(default_factory=Unusable)


class PositionFile:
    """One for a table and a topic. `hold` it before anything else."""

    def __init__(self, folder: Path, *identity: str) -> None:
        """`identity`: what the position belongs to, the database's place, its table and columns, the topic."""
        name = sha256("\0".join(identity).encode()).hexdigest()[:16]
        self._identity = list(identity)
        self._path = folder / "backfill" / f"{name}.json"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Locks the work. Raises Failure where another process holds it, or nothing can be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_suffix(".lock").open("w")
        except OSError as error:
            raise Failure(
                f"STATE_DIR at {self._path.parent.parent} cannot be written ({error.strerror}); set it to a folder "
                f"that can.", ExitCode.USAGE,
            ) from None  # fmt: skip
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Failure(
                    "Another backfill of the same table is running here; wait until it ends.", ExitCode.REFUSED
                ) from None
            yield

    def load(self) -> BackfillProgress:
        """Where the last run was broken off; the beginning, where there was none or the file cannot be read."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if found["format"] != FORMAT or found["identity"] != self._identity:
                return BackfillProgress()
            project, number, episode = found["after"]
            return BackfillProgress(
                (str(project), int(number), str(episode)),
                int(found["stated"]),
                int(found["projects"]),
                Unusable(dict(found["unusable"]["by_reason"]), list(found["unusable"]["samples"])),
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return BackfillProgress()

    def save(self, progress: BackfillProgress) -> None:
        """Whole or not at all, whenever the process is killed. Raises Failure where it cannot be written."""
        content: dict[str, Any] = {"format": FORMAT, "identity": self._identity, **asdict(progress)}
        unfinished = self._path.with_suffix(".new")
        try:
            check_replaceable(self._path)
            check_replaceable(unfinished)
            unfinished.write_text(json.dumps(content), encoding="utf-8")
            os.replace(unfinished, self._path)
        except OSError as error:
            raise Failure(
                f"The position in {self._path.parent} cannot be saved ({error.strerror}); free disk space or set "
                f"STATE_DIR to another folder, and run the same command again.", ExitCode.USAGE,
            ) from None  # fmt: skip

    def forget(self) -> None:
        """The work is done, or is to begin anew."""
        self._path.unlink(missing_ok=True)
