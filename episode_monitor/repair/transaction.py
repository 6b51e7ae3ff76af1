"""One act on the numbers of one project: check under the lock, store the transaction's number, renumber, commit.

The number is stored before anything can be committed, so that after a crash PostgreSQL says whether it was.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from episode_monitor.repair.episodes import CONTENTION, Episodes, contended
from episode_monitor.repair.errors import RowsMoved, TooMany
from episode_monitor.repair.parts import Parts
from episode_monitor.repair.plan_state import KeptPlan, PlanAction, changes_of
from episode_monitor.repair.planning import Change, EpisodeRow
from episode_monitor.repair.preconditions import newer_episodes
from episode_monitor.repair.verifying import contradictions
from models.integrity_views import ProjectView

log = structlog.get_logger(__name__)

TRIES: Final = 4  # where other transactions got in between
TRY_PAUSE_SECONDS: Final = 0.05  # doubled after each try


class Transaction:
    """`kept` is the plan as the store has it, at any time."""

    def __init__(self, parts: Parts, kept: KeptPlan, act: PlanAction, view: ProjectView | None) -> None:
        """`view`: the project as the stream had it before."""
        self.kept = kept
        self._parts = parts
        self._act = act
        self._view = view

    async def run(self) -> KeptPlan:
        """Commits, and returns the plan. Raises NotChanged, RepairRefused, ServiceDatabaseError, DatabaseAway."""
        attempt = 1
        while True:
            try:
                async with self._parts.episodes() as episodes:
                    await self._attempt(episodes)
                return self.kept
            except CONTENTION as error:
                if attempt == TRIES:
                    raise contended(self.kept.plan.project_id, error) from error
                log.info("repair tries again after contention", plan=self.kept.plan.plan_id, attempt=attempt)
                await asyncio.sleep(TRY_PAUSE_SECONDS * 2 ** (attempt - 1))
            attempt += 1

    async def _attempt(self, episodes: Episodes) -> None:
        plan = self.kept.plan
        async with episodes.transaction(plan.project_id, plan.plan_id, self._act) as rows:
            try:
                checked = self._checked(rows)
            except RowsMoved:
                await episodes.refuse_what_is_hidden(plan.project_id, rows)
                raise
            moved = checked.moved(transaction=await episodes.transaction_id(), acted_at_ms=self._parts.now_ms())
            self.kept = await self._parts.store.move(self.kept, moved)
            await episodes.renumber(plan.project_id, rows, changes_of(self.kept, self._act))

    def _checked(self, rows: Sequence[EpisodeRow]) -> KeptPlan:
        """The plan with the newer episodes that move along. Raises RowsMoved and TooMany."""
        newer = newer_episodes(self.kept, self._act, rows)
        checked = self.kept.with_progress(
            **msgspec.structs.asdict(newer), surplus=0 if self._view is None else contradictions(self._view, rows)
        )
        self._check_size(checked, changes_of(checked, self._act))
        return checked

    def _check_size(self, kept: KeptPlan, changes: Sequence[Change]) -> None:
        limit = self._parts.settings.approval_above
        is_approved = kept.progress.approved_by is not None or self._act is PlanAction.ROLLBACK
        if not is_approved and len(changes) > limit:
            raise TooMany(len(changes), limit)
