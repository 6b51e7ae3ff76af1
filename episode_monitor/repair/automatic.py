"""Automatic repair: only of projects that opted in, within a limit, and not while a conflict alert fires. What a crash
left is finished here as well."""

import asyncio
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Final

import msgspec
import structlog

from episode_monitor.fleet.ask import Ask
from episode_monitor.fleet.errors import ViewError
from episode_monitor.fleet.questions.active_alerts import ActiveAlertsQuestion
from episode_monitor.fleet.questions.project import ProjectQuestion
from episode_monitor.fleet.questions.project_list import ProjectListQuestion
from episode_monitor.repair.errors import RepairRefused
from episode_monitor.repair.parts import BY_ITSELF
from episode_monitor.repair.planning import Strategy
from episode_monitor.repair.repairs import Repairs
from episode_monitor.service_database.errors import ServiceDatabaseError
from episode_monitor.storage.database_service import DatabaseAway
from models.repair import AutomaticRepair
from streams.alerting import rule_types
from streams.partition.summary import MAX_ALERTS

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 15.0
HOUR_MS: Final = 3_600_000
PAGE: Final = 500  # projects looked at, the worst first
REMEMBERED: Final = 10_000  # projects tried within the hour


class AutomaticSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`projects` are ids or patterns with `*` and `?`; none: nothing happens by itself."""

    projects: tuple[str, ...] = ()
    max_per_hour: int = 6
    is_paused: bool = False


class AutomaticRepairs:
    """One a worker. `is_ours` says of a partition whether this worker has it: it looks after no others."""

    def __init__(
        self,
        repairs: Repairs,
        settings: AutomaticSettings,
        ask: Ask,
        is_ours: Callable[[int], bool],
        now_ms: Callable[[], int],
    ) -> None:
        self.repairs = repairs
        self._settings = settings
        self._ask = ask
        self._is_ours = is_ours
        self._now_ms = now_ms
        self._tried: dict[str, int] = {}  # project -> when
        self._trouble = ""  # the last one logged

    async def run(self) -> None:
        """For as long as the worker runs."""
        while True:
            await self.round()
            await asyncio.sleep(LOOK_SECONDS)

    async def round(self) -> None:
        """Finish what was left, then repair what opted in. The same trouble is logged once."""
        trouble = ""
        try:
            await self.repairs.resume_all()
            await self.look()
        except (DatabaseAway, ViewError, ServiceDatabaseError) as error:
            trouble = str(error) or type(error).__name__
        except Exception:  # a defect in here must not end the worker
            log.exception("automatic repair failed")
        if trouble and trouble != self._trouble:
            is_on = self.repairs.settings.is_enabled and bool(self._settings.projects)
            log.info("automatic repair waits" if is_on else "the repair plans cannot be read", why=trouble)
        self._trouble = trouble

    async def status(self) -> AutomaticRepair:
        """Whether it acts, and why not. Raises DatabaseAway."""
        paused, by = await self.repairs.store.is_paused()
        reason = self._reason(paused, by)
        return AutomaticRepair(
            active=not reason,
            reason=reason or "Projects that opted in are repaired automatically.",
            paused=paused or self._settings.is_paused,
            paused_by=by or None,
            projects=list(self._settings.projects),
            max_per_hour=self._settings.max_per_hour,
        )

    def _reason(self, paused: bool, by: str) -> str:
        if not self.repairs.settings.is_enabled:
            return "AUTO_FIX_ENABLED is false: no project is repaired."
        if not self._settings.projects:
            return "AUTO_REPAIR_PROJECTS is empty: no project has opted in."
        if self._settings.is_paused:
            return "AUTO_REPAIR_PAUSED is true: only manual repairs are possible."
        return f"{by} has paused it: only manual repairs are possible." if paused else ""

    async def pause(self, paused: bool, by: str) -> None:
        """The kill switch, for all workers. Raises DatabaseAway."""
        await self.repairs.store.pause(paused, by)

    async def look(self) -> list[str]:
        """One round; the projects that were repaired."""
        if self._reason(False, "") or not (await self.status()).active:  # the store is asked last: it may be away
            return []
        fighting = await self._in_conflict()
        if None in fighting:
            return []
        done = []
        page = await self._ask(ProjectListQuestion(status="unhealthy", limit=PAGE))
        for project_id in (row.project_id for row in page.projects):
            if project_id in fighting or not self._opted_in(project_id) or self._was_tried(project_id):
                continue
            view = await self._ask(ProjectQuestion(project_id=project_id))
            if view is None or not self._is_ours(view.applied.partition):
                continue
            if await self.repairs.store.acts_since(BY_ITSELF, self._now_ms() - HOUR_MS) >= self._settings.max_per_hour:
                log.info(
                    "automatic repair has reached its limit for this hour", max_per_hour=self._settings.max_per_hour
                )
                break
            if await self._repair(project_id):
                done.append(project_id)
        return done

    async def _in_conflict(self) -> set[str | None]:
        """Projects whose conflicts fire; None stands for the whole fleet."""
        alerts = await self._ask(ActiveAlertsQuestion())
        if len(alerts) >= MAX_ALERTS:  # there may be more than are listed, and a conflict among them
            return {None}
        return {alert.project_id or None for alert in alerts if alert.alert_type == rule_types.CONFLICT_RATE.name}

    def _opted_in(self, project_id: str) -> bool:
        return any(fnmatchcase(project_id, pattern) for pattern in self._settings.projects)

    def _was_tried(self, project_id: str) -> bool:
        """At most once an hour, however it ended: what fails would fail again."""
        return self._tried.get(project_id, -HOUR_MS) > self._now_ms() - HOUR_MS

    async def _repair(self, project_id: str) -> bool:
        self._tried = {known: at for known, at in self._tried.items() if at > self._now_ms() - HOUR_MS}
        if len(self._tried) >= REMEMBERED:
            return False
        self._tried[project_id] = self._now_ms()
        try:
            kept = await self.repairs.plan(project_id, Strategy.COMPACT, BY_ITSELF)
            if not kept.plan.changes:
                return False
            if self.repairs.needs_approval(kept):
                log.warning("a repair is too large to be automatic", plan=kept.plan.plan_id, project=project_id)
                return False
            await self.repairs.apply(kept.plan.plan_id, BY_ITSELF, project_id, with_newer=True)
        except RepairRefused as refused:
            log.warning("automatic repair was refused", project=project_id, why=str(refused))
            return False
        return True
