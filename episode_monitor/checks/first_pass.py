"""The one ordered pass over the project service's episodes: every project by its digest, no query a project.

In memory are a batch of projects, and 8 bytes for each project that was seen.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from contextlib import aclosing

from xxhash import xxh3_64_intdigest

from episode_monitor.checks.numbers_side import NumbersSide
from episode_monitor.service_database.packed import PackedProject
from episode_monitor.service_database.reader import EpisodesReader
from models.event import MAX_EPISODE_NUMBER
from streams.numbering.digests import apart, of_database, put_together

COMPARE_PROJECTS = 256  # asked of the stream at once
MAX_PROJECT_ROWS = 200_000  # of one project that are held; a larger one is not compared
MAX_CANDIDATES = 10_000  # projects that differ and are looked at closely

Progress = Callable[[int], None]


class Pass:
    """One run of it. `progress` hears how many projects are done."""

    def __init__(self, stream: NumbersSide, progress: Progress = lambda done: None) -> None:
        self.rows = 0
        self.projects = 0
        self.invalid_rows = 0
        self.candidates: dict[str, int] = {}  # project -> its rows
        self.not_examined = 0
        self._stream = stream
        self._progress = progress
        self._seen: set[int] = set()
        self._waiting: list[tuple[str, int]] = []
        self._sizes: list[int] = []

    async def run(self, reader: EpisodesReader) -> None:
        """Raises ServiceDatabaseError, CheckFailed."""
        async with aclosing(reader.all_projects(MAX_PROJECT_ROWS)) as batches:
            async for batch in batches:
                for found in batch:
                    self._take(found, are_uuids=reader.has_uuids)
                    if len(self._waiting) >= COMPARE_PROJECTS:
                        await self._ask()
        await self._ask()
        await self._look_for_missing()

    def _take(self, found: PackedProject, *, are_uuids: bool) -> None:
        self.rows += found.rows
        if found.project is None:
            self.invalid_rows += found.rows
            return
        self.projects += 1
        self._seen.add(_hash(found.project))
        if found.rows > MAX_PROJECT_ROWS:
            self.not_examined += 1
            return
        numbers, owners = usable(found, are_uuids=are_uuids)
        self.invalid_rows += found.rows - len(numbers)
        self._waiting.append((found.project, of_database(numbers, owners, are_uuids=are_uuids)))
        self._sizes.append(found.rows)

    async def _ask(self) -> None:
        if not self._waiting:
            return
        for place in await self._stream.compare(self._waiting):
            self._nominate(self._waiting[place][0], self._sizes[place])
        self._waiting, self._sizes = [], []
        self._progress(self.projects)

    async def _look_for_missing(self) -> None:
        """Projects that the stream knows and the table does not have."""
        async for projects in self._stream.known():
            for project in projects:
                if _hash(project) not in self._seen:
                    self._nominate(project, 0)

    def _nominate(self, project: str, size: int) -> None:
        if len(self.candidates) < MAX_CANDIDATES or project in self.candidates:
            self.candidates[project] = size
        else:
            self.not_examined += 1


def usable(found: PackedProject, *, are_uuids: bool) -> tuple["array[int]", bytes]:
    """Numbers that can be numbers of episodes, and their owners, without the rows that have no such number."""
    numbers = array("q", found.numbers)
    numbers.byteswap()  # whole machines are little-endian: see `streams.project.state_codec`
    if len(numbers) == found.rows and numbers[0] >= 1 and numbers[-1] <= MAX_EPISODE_NUMBER:
        return numbers, found.owners
    first, end = bisect_left(numbers, 1), bisect_right(numbers, MAX_EPISODE_NUMBER)
    return numbers[first:end], put_together(apart(found.owners, are_uuids=are_uuids)[first:end], are_uuids=are_uuids)


def _hash(project: str) -> int:
    return xxh3_64_intdigest(project.encode(errors="surrogatepass"))
