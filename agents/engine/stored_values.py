"""The stored values of a partition, as its changelog has them: beyond a share of memory in a file.

The file has no name and ends with the process. Nothing is ever read back from it after a start: the changelog is the
truth.
"""

import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path

import structlog

from streams.base import changelog_keys
from streams.base.checkpoint_types import Changes
from streams.base.value_log import SEGMENT_BYTES, ValueLog
from streams.project.state_codec import is_older

log = structlog.get_logger(__name__)

_OF_PROJECTS = (changelog_keys.HEAD, changelog_keys.CHUNK)


class ValueFile:
    """A `streams.base.checkpoint_types.SegmentFile` in a folder; None: there is no room at all. It is read and written
    by system calls and not mapped: with a full or failing disk a mapped page would end the process."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._descriptor = -1
        self._is_refused = False

    def write(self, at: int, content: memoryview, /) -> bool:
        """See SegmentFile."""
        if self._folder is None:
            return False
        try:
            if self._descriptor < 0:
                self._open(self._folder)
            written = 0
            while written < len(content):
                written += os.pwrite(self._descriptor, content[written:], at + written)
        except OSError as error:
            self._refused(self._folder, error)
            return False
        self._is_refused = False
        return True

    def read(self, at: int, length: int, /) -> bytes:
        """See SegmentFile."""
        return os.pread(self._descriptor, length, at)

    def _open(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)

    def _refused(self, folder: Path, error: OSError) -> None:
        if not self._is_refused:
            log.warning(
                f"STATE_DIR at {folder} takes no more of what is stored ({error.strerror}): the rest stays in memory. "
                f"Make room there, or set STATE_DIR to a folder on another disk."
            )
        self._is_refused = True


class StoredValues:
    """A `streams.base.checkpoint_types.Store`. `few`: all that is not of one project, in memory."""

    def __init__(
        self, values: Mapping[bytes, bytes] | None = None, *, folder: Path | None = None, in_memory: int = 0
    ) -> None:
        """`in_memory`: so many bytes go into no file of the folder; None: all are in memory."""
        self.few: dict[bytes, bytes] = {}
        self.of_projects = ValueLog(ValueFile(folder), in_memory // SEGMENT_BYTES)
        for key, value in (values or {}).items():
            self.put(key, value)

    def get(self, key: bytes, /) -> bytes | None:
        """The value; None where there is none."""
        return self.of_projects.get(key) if key[:1] in _OF_PROJECTS else self.few.get(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All of them. Raises RuntimeError if one is changed before all are read."""
        return chain(self.few.items(), self.of_projects.items())

    def put(self, key: bytes, value: bytes) -> None:
        """Set one."""
        if key[:1] in _OF_PROJECTS:
            self.of_projects.put(key, value)
        else:
            self.few[key] = value

    def put_newest_head(self, key: bytes, value: bytes) -> None:
        """Set a project's state, unless it is older than what is there."""
        self.of_projects.put_newest(key, value, is_older)

    def remove(self, key: bytes) -> None:
        """Drop one, if it is there."""
        if key[:1] in _OF_PROJECTS:
            self.of_projects.remove(key)
        else:
            with suppress(KeyError):
                del self.few[key]

    def apply(self, changes: Changes) -> None:
        """Keep what was collected, and remove what its heads no longer name."""
        for key, value in changes.writes:
            if value is not None:
                self.put(key, value)
        for key in changes.garbage:
            self.remove(key)
