"""Repair from plan to rollback: what is allowed, to whom and when. `Executor` carries it out."""

import secrets

from episode_monitor.repair.errors import Code, RepairRefused
from episode_monitor.repair.executor import Executor
from episode_monitor.repair.parts import Parts
from episode_monitor.repair.plan_state import (
    KeptPlan,
    Plan,
    PlanAction,
    PlanState,
    RepairProgress,
    Step,
    Verification,
    fingerprint,
)
from episode_monitor.repair.plan_warnings import warnings
from episode_monitor.repair.planning import Change, EpisodeRow, Strategy, after, numbers_of, plan
from episode_monitor.repair.recovery import Recovery
from episode_monitor.repair.store import is_unfinished
from models.wording import counted


class Repairs:
    """All that can be done to plans. Raises RepairRefused, ServiceDatabaseError, DatabaseAway, ViewError."""

    def __init__(self, parts: Parts) -> None:
        self.settings = parts.settings
        self.store = parts.store
        self._parts = parts
        self._executor = Executor(parts)
        self._recovery = Recovery(parts, self._executor)

    # --- plan

    async def plan(self, project_id: str, strategy: Strategy, by: str) -> KeptPlan:
        """A simulation: writes nothing but the plan itself."""
        async with self._parts.episodes() as episodes:
            rows = await episodes.rows(project_id)
        if not rows:
            raise RepairRefused(
                Code.UNKNOWN_PROJECT, f"The project service has no episodes of {project_id!r}: check the id."
            )
        changes = plan(rows, strategy)
        made = self._made(project_id, strategy, by, rows, changes)
        step = Step(at_ms=made.created_at_ms, by=by, what="planned", detail=counted(len(changes), "change", "changes"))
        kept = KeptPlan(plan=made, progress=RepairProgress(steps=[step]))
        await self.store.add(kept)
        self._parts.note(made, step)
        return kept

    def _made(
        self, project_id: str, strategy: Strategy, by: str, rows: list[EpisodeRow], changes: list[Change]
    ) -> Plan:
        now_ms = self._parts.now_ms()
        changed = {change.episode_id for change in changes}
        left = {change.old_number for change in changes}
        return Plan(
            plan_id=f"rp_{now_ms:012x}{secrets.token_hex(5)}",
            project_id=project_id,
            strategy=strategy,
            created_by=by,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + 1000 * self.settings.plan_seconds,
            changes=changes,
            before=numbers_of(rows),
            after=numbers_of(after(rows, changes)),
            seen=fingerprint(rows),
            shared=sorted({row.number for row in rows if row.episode_id not in changed and row.number in left}),
            warnings=warnings(rows, strategy, changes),
        )

    async def look(self, plan_id: str) -> KeptPlan:
        """The plan as it is. What a crash left is finished first, unless a lease is held."""
        kept = await self.store.get(plan_id)
        if is_unfinished(kept.progress) or kept.progress.verification is Verification.INCONCLUSIVE:
            return await self._recovery.resume(plan_id)
        return kept

    def needs_approval(self, kept: KeptPlan) -> bool:
        """Whether a second person must say yes."""
        return len(kept.plan.changes) > self.settings.approval_above

    async def approve(self, plan_id: str, by: str, confirm: str) -> KeptPlan:
        """A second person says yes."""
        kept = await self.store.get(plan_id)
        self._check_confirmation(kept, confirm)
        self._check_open(kept, PlanAction.APPLY, "approved")
        if _same(by, kept.plan.created_by):
            raise RepairRefused(Code.SAME_PERSON, f"{by} made this plan: another person must approve it.")
        return await self._parts.move(kept, self._parts.step(by, "approved"), approved_by=by)

    # --- apply and roll back

    async def apply(self, plan_id: str, by: str, confirm: str, *, with_newer: bool = False) -> KeptPlan:
        """Renumber, announce, verify; roll back where the check fails.

        `with_newer`: episodes created since the plan was made move along; else they make the plan wait.
        """
        kept = await self._allowed(plan_id, confirm, PlanAction.APPLY)
        self._check_approval(kept, by)
        return await self._executor.carry_out(kept, PlanAction.APPLY, by, with_newer=with_newer)

    async def rollback(self, plan_id: str, by: str, confirm: str, *, with_newer: bool = False) -> KeptPlan:
        """Restore the old numbers exactly, announce, verify. `with_newer`: episodes created since keep behind them."""
        kept = await self._allowed(plan_id, confirm, PlanAction.ROLLBACK)
        return await self._executor.carry_out(kept, PlanAction.ROLLBACK, by, with_newer=with_newer)

    async def _allowed(self, plan_id: str, confirm: str, act: PlanAction) -> KeptPlan:
        if not self.settings.is_enabled:
            raise RepairRefused(
                Code.AUTO_FIX_DISABLED, "Only plans are allowed here: set AUTO_FIX_ENABLED=true to allow changes."
            )
        kept = await self.store.get(plan_id)
        self._check_confirmation(kept, confirm)
        if is_unfinished(kept.progress):
            kept = await self._recovery.resume(plan_id)
        self._check_open(kept, act)
        if not kept.plan.changes:
            raise RepairRefused(Code.NOTHING_TO_DO, "The plan has no changes: the numbers are already correct.")
        return kept

    def _check_confirmation(self, kept: KeptPlan, confirm: str) -> None:
        if confirm != kept.plan.project_id:
            raise RepairRefused(
                Code.WRONG_CONFIRMATION,
                f"confirm must be the id of the project that this plan changes, {kept.plan.project_id!r}.",
            )

    def _check_open(self, kept: KeptPlan, act: PlanAction, wanted: str | None = None) -> None:
        """`wanted`: what the plan is to be, where it is not the act itself."""
        state = kept.progress.state
        words = state.value.replace("_", " ")
        if state in (PlanState.APPLYING, PlanState.ROLLING_BACK):
            raise RepairRefused(Code.PLAN_BUSY, f"The plan is {words} right now: check it again in a moment.")
        if state is not act.undone:
            next_step = "make a new plan" if act is PlanAction.APPLY else "only an applied plan can"
            raise RepairRefused(
                Code.PLAN_NOT_OPEN,
                f"The plan is {words}, so it cannot be {wanted or act.done.value.replace('_', ' ')}: {next_step}.",
            )
        if act is PlanAction.APPLY and self._parts.now_ms() >= kept.plan.expires_at_ms:
            raise RepairRefused(Code.PLAN_EXPIRED, "The plan has expired: make a new one.")

    def _check_approval(self, kept: KeptPlan, by: str) -> None:
        if not self.needs_approval(kept):
            return
        approver = kept.progress.approved_by
        if approver is None:
            raise RepairRefused(
                Code.APPROVAL_NEEDED,
                f"{len(kept.plan.changes)} changes are more than REPAIR_APPROVAL_ABOVE "
                f"({self.settings.approval_above}): a second person must approve the plan first.",
            )
        if _same(approver, by):
            raise RepairRefused(Code.SAME_PERSON, f"{by} approved this plan: another person must apply it.")

    async def resume_all(self) -> None:
        """What a crash left of any plan."""
        await self._recovery.resume_all()


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
