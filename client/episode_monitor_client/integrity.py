"""`EpisodeIntegrityChecker(db).check_project_integrity(project_id)`: one project read from the database and judged.

It asks no monitor and no topic: what it says is what the table says at this moment, by the monitor's own rules.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .databases import async_reading, reading
from .events import MAX_EPISODE_NUMBER
from .kinds import is_async, plain_address, sqlstate
from .statements import IS_PROJECT, NO_SUCH_VALUE, EpisodesTable, Row, Statement, kinds_query, may_hold, names_of

MAX_GAPS_LISTED = 1000
MAX_INVALID_LISTED = 100
MAX_NUMBER_JUMP = 1000


class UnknownProject(LookupError):
    """The table has no episode of this project; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class ProjectIntegrity:
    """What the table says of one project. `gaps` lists at most 1000 numbers, `gap_ranges` all intervals."""

    project_id: str
    is_healthy: bool
    gaps: list[int]
    duplicates: list[int]
    total_episodes: int
    max_number: int
    gaps_total: int
    gap_ranges: list[tuple[int, int]]
    duplicate_owners: dict[int, list[str]]
    implausible: list[int]  # numbers too far above all others, and alone there; no gaps lead to them
    invalid_total: int  # rows without an id, without a number, or with one below 1 or above 2 147 483 647
    invalid: list[tuple[str | None, int | None]]  # id and number of the first 100 of them
    health_score: float


def judged(
    project_id: str, rows: Iterable[Row], first_number: int | None = 1, max_number_jump: int = MAX_NUMBER_JUMP
) -> ProjectIntegrity:
    """Judge rows of (number, episode id as text). `first_number` None: the lowest that is there."""
    held: list[tuple[int, str]] = []
    invalid: list[tuple[str | None, int | None]] = []
    total = 0
    for number, episode in rows:
        total += 1
        if number is not None and episode is not None and number == int(number) and 1 <= number <= MAX_EPISODE_NUMBER:
            held.append((int(number), episode))
        else:
            invalid.append((episode, number))
    held.sort()
    numbers = [number for number, _ in held]
    believed = numbers[: _believed_count(numbers, first_number, max_number_jump)]
    gaps = list(_gap_ranges(believed, first_number))
    gaps_total = sum(last - first + 1 for first, last in gaps)
    duplicates = sorted({number for at, number in enumerate(believed[1:]) if number == believed[at]})
    max_number = believed[-1] if believed else 0
    wrong = gaps_total + len(duplicates)
    owners: dict[int, list[str]] = {number: [] for number in duplicates}
    for number, episode in held:
        if number in owners:
            owners[number].append(episode)
    return ProjectIntegrity(
        project_id=project_id,
        is_healthy=not (wrong or invalid),
        gaps=_first_numbers(gaps, MAX_GAPS_LISTED),
        duplicates=duplicates,
        total_episodes=total,
        max_number=max_number,
        gaps_total=gaps_total,
        gap_ranges=gaps,
        duplicate_owners=owners,
        implausible=numbers[len(believed) :],
        invalid_total=len(invalid),
        invalid=invalid[:MAX_INVALID_LISTED],
        health_score=100.0 if max_number == 0 else max(0.0, round(100.0 * (1.0 - wrong / max_number), 1)),
    )


def _believed_count(numbers: Sequence[int], first: int | None, jump: int) -> int:
    """How many of the ascending numbers count. One far above the others is not believed while it is alone there; two
    that are near each other are, and with them all below."""
    peak = (numbers[0] if numbers else 0) if first is None else first - 1
    for at, number in enumerate(numbers):
        is_alone = at + 1 == len(numbers) or numbers[at + 1] - number > jump
        if number > peak and (number <= peak + jump or not is_alone):
            peak = number
    return bisect_right(numbers, peak)


def _gap_ranges(numbers: Sequence[int], first: int | None) -> Iterator[tuple[int, int]]:
    last = ((numbers[0] if first is None else first) - 1) if numbers else 0
    for number in numbers:
        if number > last + 1:
            yield last + 1, number - 1
        last = max(last, number)


def _first_numbers(ranges: Sequence[tuple[int, int]], limit: int) -> list[int]:
    found: list[int] = []
    for first, last in ranges:
        found.extend(range(first, min(last + 1, first + limit - len(found))))
    return found


class EpisodeIntegrityChecker:
    """`db`: an address (SQLAlchemy's forms too), or a connection, pool, engine or session of psycopg, psycopg2,
    asyncpg or SQLAlchemy. What is handed in stays open; inside a transaction it sees what the transaction sees."""

    def __init__(
        self,
        db: Any,
        table: EpisodesTable | None = None,
        *,
        first_number: int | None = 1,
        max_number_jump: int = MAX_NUMBER_JUMP,
    ) -> None:
        """`first_number` None: the lowest number that is there."""
        self._db = db
        self._table = table or EpisodesTable()
        self._first_number = first_number
        self._max_number_jump = max_number_jump

    def check_project_integrity(self, project_id: str) -> ProjectIntegrity:
        """Raises UnknownProject, what the driver raises, and TypeError where `db` is async."""
        if is_async(self._db):
            raise TypeError("An async connection cannot be used here: await acheck_project_integrity instead.")
        with self._guarded(project_id), reading(self._db) as link:
            kinds = link.rows(kinds_query(self._table))
            rows = link.rows(self._query(kinds), project=project_id) if may_hold(kinds, project_id) else []
        return self._judged(project_id, rows)

    async def acheck_project_integrity(self, project_id: str) -> ProjectIntegrity:
        """The same over an async connection, pool, engine or session, or an address, which is read in a thread."""
        if plain_address(self._db) is not None:
            return await asyncio.to_thread(self.check_project_integrity, project_id)
        if not is_async(self._db):
            raise TypeError("A sync connection cannot be used here: call check_project_integrity instead.")
        with self._guarded(project_id):
            rows = await self._rows(project_id)
        return self._judged(project_id, rows)

    async def _rows(self, project_id: str) -> Sequence[Row]:
        async with async_reading(self._db) as link:
            kinds = await link.rows(kinds_query(self._table))
            return await link.rows(self._query(kinds), project=project_id) if may_hold(kinds, project_id) else []

    @contextmanager
    def _guarded(self, project_id: str) -> Iterator[None]:
        """The type of the column cannot hold the id, so no row has it."""
        try:
            yield
        except Exception as error:
            if sqlstate(error) == NO_SUCH_VALUE:
                raise self._unknown(project_id) from error
            raise

    def _query(self, kinds: Sequence[Row]) -> Statement:
        return Statement(
            "select {number}, cast({episode} as text) from {table} "
            f"where {IS_PROJECT} and {{counts}} order by {{number}}",
            **names_of(self._table, kinds),
        )

    def _unknown(self, project_id: str) -> UnknownProject:
        return UnknownProject(f"Table {self._table.table} has no episode of the project {project_id!r}: check the id.")

    def _judged(self, project_id: str, rows: Sequence[Row]) -> ProjectIntegrity:
        if not rows:
            raise self._unknown(project_id)
        return judged(project_id, rows, self._first_number, self._max_number_jump)
