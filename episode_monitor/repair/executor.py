"""Carries out an act: the transaction, its events, the comparison with the stream, the rollback where that fails."""

from collections.abc import Sequence

import structlog

from episode_monitor.fleet.errors import ViewError
from episode_monitor.repair.announcer import NotSent
from episode_monitor.repair.errors import Code, NotChanged, RepairRefused
from episode_monitor.repair.parts import BY_MONITOR, Parts
from episode_monitor.repair.plan_state import KeptPlan, PlanAction, PlanState, Verification, none_along
from episode_monitor.repair.planning import EpisodeRow
from episode_monitor.repair.transaction import Transaction
from episode_monitor.repair.verifying import verdict
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceDatabaseError
from episode_monitor.storage.database_service import DatabaseAway
from models.integrity_views import ProjectView
from models.wording import counted

log = structlog.get_logger(__name__)


class Executor:
    """The caller has checked that the act is allowed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def carry_out(self, kept: KeptPlan, act: PlanAction, by: str, *, with_newer: bool = False) -> KeptPlan:
        """Renumber, announce, verify; roll back where the check fails. Raises ViewError where the stream is away.

        `with_newer`: episodes that were created since the plan was made move along with those before them.
        """
        view = await self._view(kept)
        kept = await self._parts.move(
            kept, None, state=act.under_way, by=by, transaction=None, lease_until_ms=self._parts.lease_until_ms(),
            with_newer=with_newer, partition=kept.progress.partition if view is None else view.applied.partition,
        )  # fmt: skip
        try:
            kept = await Transaction(self._parts, kept, act, view).run()
        except NotChanged as refused:
            is_stale = refused.makes_stale and act is PlanAction.APPLY
            await self._back(kept, by, str(refused), PlanState.STALE if is_stale else act.undone)
            raise
        except ServiceDatabaseError as error:
            await self._after_trouble(kept, act, by, error)
            raise
        return await self.finish(await self.committed(kept, act, by))

    async def _view(self, kept: KeptPlan) -> ProjectView | None:
        """The project as the stream has it; refused where it is in several partitions."""
        view = await self._parts.ask_stream(kept.plan.project_id)
        if view is None or view.split is None:
            return view
        where = ", ".join(str(part.partition) for part in view.split.partitions)
        raise RepairRefused(
            Code.CANNOT_PLAN,
            f"Nothing was changed: events of {kept.plan.project_id!r} are in the partitions {where}, so the stream "
            f"could not confirm a repair. {view.split.detail}",
        )

    async def committed(self, kept: KeptPlan, act: PlanAction, by: str) -> KeptPlan:
        """Stores that the transaction was committed and its events are to be sent."""
        self._parts.failpoint("before_note_of_commit")
        along = len(kept.progress.newer) + len(kept.progress.newer_since)
        left = kept.progress.left_behind if act is PlanAction.ROLLBACK else 0
        detail = f"{counted(len(kept.plan.changes), 'number', 'numbers')} changed"
        detail += f", and of newer episodes: {along}" * bool(along)
        detail += f"; newer episodes that keep their numbers, above a gap: {left}" * bool(left)
        return await self._parts.move(
            kept, self._parts.step(by, act.done.value, detail),
            state=act.done, pending=act, verification=Verification.PENDING, sent_offset=None,
            lease_until_ms=self._parts.lease_until_ms(),
        )  # fmt: skip

    async def _back(self, kept: KeptPlan, by: str, reason: str, state: PlanState) -> None:
        """Stores that nothing was changed."""
        newest = await self._parts.store.get(kept.plan.plan_id)
        step = self._parts.step(by, "refused", reason)
        await self._parts.move(newest, step, state=state, lease_until_ms=0, **none_along(newest, state))

    async def _after_trouble(self, kept: KeptPlan, act: PlanAction, by: str, error: ServiceDatabaseError) -> None:
        """Nothing was changed where the database answered; where it went away, recovery asks it for the outcome."""
        try:
            newest = await self._parts.store.get(kept.plan.plan_id)
            if isinstance(error, ServiceDatabaseAway) and newest.progress.transaction is not None:
                step = self._parts.step(by, "unknown", f"{error} The outcome will be checked when it answers.")
                await self._parts.move(newest, step, lease_until_ms=0)
            else:
                await self._back(kept, by, str(error), act.undone)
        except (DatabaseAway, RepairRefused) as second:
            log.warning("a plan could not be restored", plan=kept.plan.plan_id, error=str(second))

    async def finish(self, kept: KeptPlan) -> KeptPlan:
        """What follows a commit: events, then the comparison, then, where it fails, the rollback."""
        if kept.progress.pending is not None:
            kept = await self._announce(kept)
        if kept.progress.pending is None and kept.progress.verification is Verification.PENDING:
            kept = await self.verify(kept, self._parts.settings.verify_seconds)
        return kept

    async def _announce(self, kept: KeptPlan) -> KeptPlan:
        self._parts.failpoint("before_events")
        try:
            last = await self._parts.announcer.announce(kept)
        except NotSent as error:
            return await self._parts.move(
                kept, self._parts.step(BY_MONITOR, "events wait", str(error)), lease_until_ms=0
            )
        self._parts.failpoint("after_events")
        partition, offset = (kept.progress.partition, None) if last is None else last
        return await self._parts.move(
            kept, self._parts.step(BY_MONITOR, "announced"), pending=None, sent_offset=offset,
            partition=None if kept.progress.partition is None else partition,
            lease_until_ms=self._parts.lease_until_ms(),
        )  # fmt: skip

    async def verify(self, kept: KeptPlan, wait_seconds: float) -> KeptPlan:
        async def rows() -> Sequence[EpisodeRow]:
            async with self._parts.episodes() as episodes:
                return await episodes.rows(kept.plan.project_id)

        try:
            found, detail = await verdict(kept, self._parts.ask_stream, rows, wait_seconds)
        except (ServiceDatabaseError, NotChanged) as error:
            found, detail = Verification.INCONCLUSIVE, f"The database could not be read again: {error}"
        if found is kept.progress.verification:
            return kept
        step = self._parts.step(BY_MONITOR, f"verification {found.value}", detail)
        kept = await self._parts.move(kept, step, verification=found, lease_until_ms=0)
        if (
            found is Verification.FAILED
            and kept.progress.state is PlanState.APPLIED
            and self._parts.settings.is_enabled
        ):
            try:
                return await self._take_back(kept)
            except (RepairRefused, ServiceDatabaseError, ViewError) as error:
                log.error(
                    "a repair failed its verification and could not be rolled back",
                    plan=kept.plan.plan_id,
                    why=str(error),
                )
                return await self._parts.store.get(kept.plan.plan_id)
        return kept

    async def _take_back(self, kept: KeptPlan) -> KeptPlan:
        """Newer episodes keep their numbers where that can be; where they must not be touched, it fails."""
        with_newer = kept.progress.with_newer
        try:
            return await self.carry_out(kept, PlanAction.ROLLBACK, BY_MONITOR)
        except RepairRefused as refused:
            if refused.code is not Code.DATA_MOVED or not with_newer:
                raise
        return await self.carry_out(
            await self._parts.store.get(kept.plan.plan_id), PlanAction.ROLLBACK, BY_MONITOR, with_newer=True
        )
