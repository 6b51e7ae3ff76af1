"""The stored values of a partition, as its changelog has them: beyond a share of memory in a file.

The file has no name and ends with the process. Nothing is ever read back from it after a start: the changelog is the
truth.
"""

import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import structlog

from streams.base import changelog_keys
from streams.base.checkpoint_types import Changes
from streams.base.value_log import ValueLog
from streams.project.state_codec import is_older

log = structlog.get_logger(__name__)

ALL = 2**62  # bytes
BESIDE_BYTES = 150  # of memory, for a key and a value in a dictionary
_OF_PROJECTS = (changelog_keys.HEAD, changelog_keys.CHUNK)


class StoredValuesAreLost(Exception):
    """The file does not give back what was written to it; a sentence says what to do. It is no OSError, which would be
    taken for Kafka's: the process has to end, and the next one reads the changelog."""


class ValueFile:
    """A `streams.base.checkpoint_types.SegmentFile` in a folder; None: there is no room at all. It is read and written
    by system calls and not mapped: with a full or failing disk a mapped page would end the process."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._descriptor = -1
        self._end = 0  # of what was written
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
        self._end = max(self._end, at + written)
        self._is_refused = False
        return True

    def read(self, at: int, length: int, /) -> bytes:
        """See SegmentFile. Raises StoredValuesAreLost."""
        try:
            found = os.pread(self._descriptor, length, at)
        except OSError as error:
            raise self._lost(error.strerror) from error
        if len(found) < min(length, self._end - at):
            raise self._lost("it ends too early")
        return found

    def _lost(self, reason: str | None) -> StoredValuesAreLost:
        return StoredValuesAreLost(
            f"A file without a name in STATE_DIR at {self._folder} does not give back what was written to it "
            f"({reason}): look at that disk, or set STATE_DIR to a folder on another one. Nothing is lost: the next "
            f"start reads the changelog."
        )

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
    """A `streams.base.checkpoint_types.Store`. `few`: all that is not of one project."""

    def __init__(
        self, values: Mapping[bytes, bytes] | None = None, *, folder: Path | None = None, memory_bytes: int = ALL
    ) -> None:
        """About so many bytes are kept in memory; what comes then lies in a file of the folder."""
        self.few: dict[bytes, bytes] = {}
        self.far = ValueLog(ValueFile(folder))
        self._near: dict[bytes, bytes] = {}
        self._room = memory_bytes
        for key, value in (values or {}).items():
            self.put(key, value)

    def get(self, key: bytes, /) -> bytes | None:
        """The value; None where there is none."""
        if key[:1] not in _OF_PROJECTS:
            return self.few.get(key)
        value = self._near.get(key)
        return self.far.get(key) if value is None and len(self.far) else value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All of them. None may change until they are read."""
        return chain(self.few.items(), self._near.items(), self.far.items())

    def put(self, key: bytes, value: bytes) -> None:
        """Set one."""
        if key[:1] not in _OF_PROJECTS:
            self.few[key] = value
            return
        known = self._near.get(key)
        if known is None:
            if self._room <= 0:
                self.far.put(key, value)
                return
            if len(self.far):  # what left memory has made room
                self.far.remove(key)
            self._room -= BESIDE_BYTES + len(key) + len(value)
        else:
            self._room += len(known) - len(value)
            if self._room < 0:
                del self._near[key]
                self._room += BESIDE_BYTES + len(key) + len(value)
                self.far.put(key, value)
                return
        self._near[key] = value

    def put_newest_head(self, key: bytes, value: bytes) -> None:
        """Set a project's state, unless it is older than what is there."""
        if self._room <= 0 and key not in self._near:
            self.far.put_newest(key, value, is_older)
            return
        known = self.get(key)
        if known is None or not is_older(value, known):
            self.put(key, value)

    def remove(self, key: bytes) -> None:
        """Drop one, if it is there."""
        if key[:1] not in _OF_PROJECTS:
            self.few.pop(key, None)
            return
        value = self._near.pop(key, None)
        if value is None:
            self.far.remove(key)
        else:
            self._room += BESIDE_BYTES + len(key) + len(value)

    def apply(self, changes: Changes) -> None:
        """Keep what was collected, and remove what its heads no longer name."""
        for key, value in changes.writes:
            if value is not None:
                self.put(key, value)
        for key in changes.garbage:
            self.remove(key)
