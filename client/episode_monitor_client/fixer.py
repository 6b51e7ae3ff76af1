"""`IntegrityAutoFixer(db).fix_gaps(project_id)`: numbers a project's episodes 1 to n in their present order.

It simulates by default. With `dry_run=False` all of it is one transaction under the advisory lock that
creators and the monitor's own repair take, and each changed row is counted. For plans that are approved, verified and
rolled back use the monitor's `repair`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .databases import async_transaction, transaction
from .events import MAX_EPISODE_NUMBER
from .integrity import UnknownProject
from .kinds import is_async, sqlstate
from .statements import (
    IS_EPISODE,
    IS_PROJECT,
    NO_SUCH_VALUE,
    EpisodesTable,
    Row,
    Statement,
    kinds_query,
    may_hold,
    names_of,
)
from .tracker import EpisodePerformanceTracker

LOCK = "select pg_advisory_xact_lock(hashtextextended('episode-numbers:' || cast({project} as text), 0))"
Change = dict[str, Any]


class CannotFix(Exception):
    """Nothing was changed; the message says why and what to do."""


class IntegrityAutoFixer:
    """`db` as `EpisodeIntegrityChecker` takes it; a connection that is handed in must have no transaction open."""

    def __init__(
        self, db: Any, table: EpisodesTable | None = None, *, tracker: EpisodePerformanceTracker | None = None
    ) -> None:
        """`tracker` emits the changes as `episode.renumbered`, so that the monitor follows; None: the process's own."""
        self._db = db
        self._table = table or EpisodesTable()
        self._tracker = tracker or EpisodePerformanceTracker()

    async def fix_gaps(self, project_id: str, dry_run: bool = True) -> dict[str, Any]:
        """`{"changes_needed": n, "changes": [{"episode_id", "old_number", "new_number"}, …]}`.

        Raises UnknownProject, CannotFix and what the driver raises; then nothing was changed.
        """
        if is_async(self._db):
            changes = await self._fix_async(project_id, dry_run)
        else:
            changes = await asyncio.to_thread(self._fix, project_id, dry_run)
        if not dry_run:
            for change in changes:
                self._tracker.renumbered(
                    project_id, change["episode_id"], change["new_number"], old_number=change["old_number"]
                )
        return {"changes_needed": len(changes), "changes": changes}

    def _fix(self, project_id: str, dry_run: bool) -> list[Change]:
        with self._guarded(project_id), transaction(self._db) as link:
            if not dry_run:
                link.rows(Statement(LOCK), project=project_id)
            kinds = self._kinds(link.rows(kinds_query(self._table)), project_id)
            changes = changes_of(project_id, link.rows(self._look(kinds, dry_run), project=project_id))
            if not dry_run:
                update = self._update(kinds)
                for change in changes:
                    _one(link.change(update, project=project_id, **_values(change)), change)
            return changes

    async def _fix_async(self, project_id: str, dry_run: bool) -> list[Change]:
        with self._guarded(project_id):
            async with async_transaction(self._db) as link:
                if not dry_run:
                    await link.rows(Statement(LOCK), project=project_id)
                kinds = self._kinds(await link.rows(kinds_query(self._table)), project_id)
                changes = changes_of(project_id, await link.rows(self._look(kinds, dry_run), project=project_id))
                if not dry_run:
                    update = self._update(kinds)
                    for change in changes:
                        _one(await link.change(update, project=project_id, **_values(change)), change)
                return changes

    @contextmanager
    def _guarded(self, project_id: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if sqlstate(error) == NO_SUCH_VALUE:  # the type of the column cannot hold the id, so no row has it
                raise _unknown(project_id) from error
            raise

    def _kinds(self, kinds: Sequence[Row], project_id: str) -> Sequence[Row]:
        if not may_hold(kinds, project_id):
            raise _unknown(project_id)
        return kinds

    def _look(self, kinds: Sequence[Row], dry_run: bool) -> Statement:
        lock = "" if dry_run else " for update"
        return Statement(
            "select {number}, cast({episode} as text) from {table} "
            f"where {IS_PROJECT} and {{counts}} order by {{number}}, {{episode}}{lock}",
            **names_of(self._table, kinds),
        )

    def _update(self, kinds: Sequence[Row]) -> Statement:
        """Names the project: ids may be unique within a project only."""
        return Statement(
            "update {table} set {number} = cast({new} as integer) "
            f"where {IS_PROJECT} and {IS_EPISODE} and {{number}} = cast({{old}} as integer) and {{counts}}",
            **names_of(self._table, kinds),
        )


def changes_of(project_id: str, rows: Sequence[Row]) -> list[Change]:
    """What brings rows of (number, episode) to 1 … n in their order, each change onto a number that is free by then.

    Raises UnknownProject, CannotFix.
    """
    if not rows:
        raise _unknown(project_id)
    for number, episode in rows:
        if episode is None or number is None or not 1 <= number <= MAX_EPISODE_NUMBER:
            raise CannotFix(f"Episode {episode!r} of {project_id!r} has the number {number}: correct that row first.")
    if len({episode for _, episode in rows}) < len(rows):
        raise CannotFix(f"Two rows of {project_id!r} have one id, so none can be changed alone: give each its own.")
    return [
        {"episode_id": episode, "old_number": int(number), "new_number": wanted}
        for wanted, (number, episode) in enumerate(rows, 1)
        if number != wanted
    ]


def _unknown(project_id: str) -> UnknownProject:
    return UnknownProject(f"There is no episode of the project {project_id!r}: check the id.")


def _values(change: Change) -> dict[str, Any]:
    return {"id": change["episode_id"], "old": change["old_number"], "new": change["new_number"]}


def _one(changed: int, change: Change) -> None:
    if changed != 1:
        raise CannotFix(
            f"Nothing was changed: {changed} rows were hit where episode {change['episode_id']!r} was meant, so a "
            "trigger, a rule or a policy of the table interferes, or its ids are not unique in the project."
        )
