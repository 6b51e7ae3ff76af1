"""The one ordered pass over the project service's episodes: every project by its digest, no query a project.

In memory are a batch of rows, the rows of one project, and 8 bytes for each project that was seen.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol

from xxhash import xxh3_64_intdigest

from episode_monitor.checks.rows import ProjectRows
from streams.holdings import digest

COMPARE_PROJECTS = 256  # asked of the stream at once
MAX_PROJECT_ROWS = 200_000  # of one project that are held; a larger one is not compared
MAX_CANDIDATES = 10_000  # projects that differ and are looked at closely

Progress = Callable[[int], None]


class Reader(Protocol):
    """What the pass needs of the database."""

    def all_rows(self) -> AsyncIterator[Sequence[Any]]:
        """Project, number and episode of all rows, a project's together, in batches."""


class Stream(Protocol):
    """What the pass needs of the stream."""

    def compare(self, projects: Sequence[tuple[str, int]]) -> Awaitable[list[int]]:
        """The places of those that differ."""

    def known(self) -> AsyncIterator[list[str]]:
        """Every project that holds a number."""


class Pass:
    """One run of it. `progress` hears how many projects are done."""

    def __init__(self, stream: Stream, progress: Progress = lambda done: None) -> None:
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

    async def run(self, reader: Reader) -> None:
        """Raises ServiceDatabaseError, CheckFailed."""
        project: str | None = None
        held = _Held()
        async for batch in reader.all_rows():
            self.rows += len(batch)
            start = 0
            while start < len(batch):
                here = batch[start][0]
                end = run_end(batch, start)
                if here != project:
                    await self._close(project, held)
                    project, held = here, _Held()
                held.take(batch[start:end])
                start = end
        await self._close(project, held)
        await self._ask()
        await self._look_for_missing()

    async def _close(self, project: str | None, held: "_Held") -> None:
        self.invalid_rows += held.invalid
        if project is None:
            self.invalid_rows += held.size
            return
        self.projects += 1
        self._seen.add(_hash(project))
        if held.is_too_large:
            self.not_examined += 1
            return
        self._waiting.append((project, held.digest()))
        self._sizes.append(held.size)
        if len(self._waiting) >= COMPARE_PROJECTS:
            await self._ask()

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


class _Held:
    """The rows of the project at hand."""

    def __init__(self) -> None:
        self.size = 0
        self._rows: ProjectRows | None = None

    @property
    def is_too_large(self) -> bool:
        return self.size > MAX_PROJECT_ROWS

    @property
    def invalid(self) -> int:
        return 0 if self._rows is None else self._rows.invalid_count

    def take(self, rows: Sequence[Any]) -> None:
        self.size += len(rows)
        if self.is_too_large:
            self._rows = None
            return
        if self._rows is None:
            self._rows = ProjectRows()
        self._rows.add([row[1] for row in rows], [row[2] for row in rows])

    def digest(self) -> int:
        if self._rows is None:
            return 0
        numbers, owners = self._rows.in_order()
        return digest(numbers, owners) if len(numbers) else 0


def run_end(rows: Sequence[Any], start: int) -> int:
    """The end of the rows that have the same project as the one at `start`; they stand together."""
    project, size = rows[start][0], len(rows)
    if rows[-1][0] == project:
        return size
    step, low = 1, start
    while low + step < size and rows[low + step][0] == project:
        low += step
        step *= 2
    high = min(low + step, size - 1)
    while high - low > 1:
        middle = (low + high) // 2
        if rows[middle][0] == project:
            low = middle
        else:
            high = middle
    return high


def _hash(project: str) -> int:
    return xxh3_64_intdigest(project.encode(errors="surrogatepass"))
