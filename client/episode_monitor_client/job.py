"""`EpisodeIntegrityJob(db).run_continuous_monitoring()`: the checks of a project service that runs without a monitor.

A basic check every `check_interval_minutes`, a deep one every `deep_check_interval_hours`; results as the monitor's own
checks give them. The monitor does the same from the stream, for all projects and all the time.
"""

import asyncio
import inspect
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .databases import async_reading, reading
from .events import MAX_EPISODE_NUMBER
from .integrity import EpisodeIntegrityChecker, ProjectIntegrity, UnknownProject
from .kinds import is_async
from .statements import EpisodesTable, Row, Statement, quoted

log = logging.getLogger("episode_monitor_client")

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobConfig:
    """How often each check runs."""

    check_interval_minutes: float = 30.0
    deep_check_interval_hours: float = 6.0


class EpisodeIntegrityJob:
    """`db` as `EpisodeIntegrityChecker` takes it."""

    def __init__(
        self,
        db: Any,
        table: EpisodesTable | None = None,
        config: JobConfig | None = None,
        on_result: Callable[[Result], Any] | None = None,
    ) -> None:
        """`on_result` takes each result, sync or async; None: it is logged."""
        self.config = config or JobConfig()
        self.is_running = False
        self._db = db
        self._table = table or EpisodesTable()
        self._checker = EpisodeIntegrityChecker(db, self._table)
        self._on_result = on_result or _logged
        self._deep_at = float("-inf")
        self._stopped = asyncio.Event()

    async def run_continuous_monitoring(self) -> None:
        """Check until `stop`. A check that fails is logged, and the next one comes at its time."""
        self.is_running = True
        self._stopped.clear()
        while self.is_running:
            await self._attempt(self.run_basic_check)
            if self._is_deep_check_due():
                self._deep_at = time.monotonic()
                await self._attempt(self.run_deep_check)
            try:
                await asyncio.wait_for(self._stopped.wait(), self.config.check_interval_minutes * 60)
            except TimeoutError:
                continue

    def stop(self) -> None:
        """End the loop after the check that runs."""
        self.is_running = False
        self._stopped.set()

    async def run_basic_check(self) -> Result:
        """`{"status", "duration_seconds", "summary": {…}}`. Raises what the driver raises."""
        began = time.monotonic()
        total, unhealthy = await self._look()
        healthy = total - len(unhealthy)
        return {
            "status": "completed",
            "duration_seconds": round(time.monotonic() - began, 3),
            "summary": {
                "total_projects": total,
                "healthy_projects": healthy,
                "unhealthy_projects": len(unhealthy),
                "health_percentage": round(100.0 * healthy / total, 1) if total else 100.0,
                "total_gaps": sum(one.gaps_total for one in unhealthy),
                "total_duplicates": sum(len(one.duplicates) for one in unhealthy),
            },
        }

    async def run_deep_check(self) -> Result:
        """`projects_checked`, `projects_with_issues`, `total_issues` and, the worst project first, `project_issues`.

        Raises what the driver raises.
        """
        began = time.monotonic()
        total, unhealthy = await self._look()
        unhealthy.sort(key=lambda one: (one.health_score, one.project_id))
        return {
            "status": "completed",
            "duration_seconds": round(time.monotonic() - began, 3),
            "projects_checked": total,
            "projects_with_issues": len(unhealthy),
            "total_issues": sum(one.gaps_total + len(one.duplicates) for one in unhealthy),
            "project_issues": [
                {
                    "project_id": one.project_id,
                    "gaps": one.gaps,
                    "duplicates": one.duplicates,
                    "health_score": one.health_score,
                }
                for one in unhealthy
            ],
        }

    def _is_deep_check_due(self) -> bool:
        return time.monotonic() - self._deep_at >= self.config.deep_check_interval_hours * 3600

    async def _attempt(self, check: Callable[[], Any]) -> None:
        try:
            taken = self._on_result(await check())
            if inspect.isawaitable(taken):
                await taken
        except Exception:
            log.exception("an integrity check failed; the next one runs as scheduled")

    async def _look(self) -> tuple[int, list[ProjectIntegrity]]:
        """How many projects there are, and those with gaps or duplicates."""
        rows = await self._suspicious()
        total = rows[0][0] if rows else 0
        found = []
        for _, project in rows:
            if project is not None:
                try:
                    one = await self._judge(project)
                except UnknownProject:  # deleted in between
                    continue
                if one.gaps_total or one.duplicates:
                    found.append(one)
        return total, found

    async def _judge(self, project: str) -> ProjectIntegrity:
        if is_async(self._db):
            return await self._checker.acheck_project_integrity(project)
        return await asyncio.to_thread(self._checker.check_project_integrity, project)

    async def _suspicious(self) -> list[Row]:
        """Rows of (number of all projects, project that may have a gap or duplicate or null)."""
        query = Statement(
            "with numbers as (select cast({column} as text) as project, min({number}) as low, max({number}) as high, "
            "count({number}) as held, count(distinct {number}) as different from {table} "
            "where {counts} and {column} is not null and {number} between 1 and {most} group by 1) "
            "select total.projects, odd.project from (select count(*) as projects from numbers) as total left join "
            "(select project from numbers where low <> 1 or high <> different or held <> different) as odd on true",
            column=quoted(self._table.project_column), number=quoted(self._table.number_column),
            table=self._table.quoted_table, counts=self._table.counts, most=str(MAX_EPISODE_NUMBER),
        )  # fmt: skip
        if is_async(self._db):
            async with async_reading(self._db) as link:
                return await link.rows(query)
        return await asyncio.to_thread(self._rows, query)

    def _rows(self, query: Statement) -> list[Row]:
        with reading(self._db) as link:
            return link.rows(query)


def _logged(result: Result) -> None:
    level = logging.INFO if not (result.get("projects_with_issues") or _unhealthy(result)) else logging.WARNING
    log.log(level, "integrity check: %s", result)


def _unhealthy(result: Result) -> int:
    summary = result.get("summary") or {}
    return int(summary.get("unhealthy_projects", 0))
