"""Finishes what a crash left of a plan: PostgreSQL says what became of the transaction by its stored number."""

import structlog

from episode_monitor.fleet.errors import ViewError
from episode_monitor.repair.audit import entry_follows_for
from episode_monitor.repair.episodes import Episodes
from episode_monitor.repair.errors import RepairRefused
from episode_monitor.repair.executor import Executor
from episode_monitor.repair.parts import BY_MONITOR, Parts
from episode_monitor.repair.plan_state import KeptPlan, PlanAction, PlanState, Verification, changes_of, none_along
from episode_monitor.repair.store import is_unfinished
from episode_monitor.service_database.errors import ServiceDatabaseError

log = structlog.get_logger(__name__)


class Recovery:
    """Leaves a plan alone whose lease is not over: another request or worker is at work on it."""

    def __init__(self, parts: Parts, executor: Executor) -> None:
        self._parts = parts
        self._executor = executor

    async def resume(self, plan_id: str) -> KeptPlan:
        """Finish what is left of a plan, unless its lease is held."""
        others = entry_follows_for.set(None)  # what is left was asked for by an earlier request
        try:
            return await self._resume(plan_id)
        finally:
            entry_follows_for.reset(others)

    async def _resume(self, plan_id: str) -> KeptPlan:
        kept = await self._parts.store.get(plan_id)
        progress = kept.progress
        if progress.lease_until_ms > self._parts.now_ms():
            return kept
        if progress.pending is None and progress.verification is Verification.INCONCLUSIVE:
            return await self._executor.verify(kept, 0)
        if not is_unfinished(progress):
            return kept
        try:
            kept = await self._parts.move(kept, None, lease_until_ms=self._parts.lease_until_ms())
        except RepairRefused:
            return await self._parts.store.get(plan_id)
        if progress.state in (PlanState.APPLYING, PlanState.ROLLING_BACK):
            kept = await self._resolve(kept)
        return await self._executor.finish(kept)

    async def _resolve(self, kept: KeptPlan) -> KeptPlan:
        """Find out what became of a transaction whose worker is gone."""
        progress = kept.progress
        act = PlanAction.APPLY if progress.state is PlanState.APPLYING else PlanAction.ROLLBACK
        outcome: str | None = "aborted"
        if progress.transaction is not None:
            async with self._parts.episodes() as episodes:
                outcome = await episodes.outcome(progress.transaction)
                if outcome is None:
                    outcome = await self._compared(episodes, kept, act)
        if outcome == "committed":
            return await self._executor.committed(kept, act, progress.by or BY_MONITOR)
        if outcome == "aborted":
            detail = "the worker stopped during the transaction, which was rolled back"
            return await self._parts.move(
                kept, self._parts.step(BY_MONITOR, "interrupted", detail), state=act.undone, lease_until_ms=0,
                **none_along(kept, act.undone),
            )  # fmt: skip
        return kept

    @staticmethod
    async def _compared(episodes: Episodes, kept: KeptPlan, act: PlanAction) -> str:
        """For a database that forgot the transaction: what the numbers say."""
        held = {row.episode_id: row.number for row in await episodes.rows(kept.plan.project_id)}
        is_done = all(held.get(change.episode_id) == change.new_number for change in changes_of(kept, act))
        return "committed" if is_done else "aborted"

    async def resume_all(self) -> None:
        """Everything that was left, by whichever worker. Trouble with one plan does not keep it from the others."""
        for plan_id in await self._parts.store.unfinished():
            try:
                await self.resume(plan_id)
            except (RepairRefused, ServiceDatabaseError, ViewError) as error:
                log.warning("a repair plan is still unfinished", plan=plan_id, why=str(error))
