"""Plans as people see them."""

import msgspec

from episode_monitor.repair.plan_state import KeptPlan, PlanState
from episode_monitor.repair.planning import Change, with_newer_numbers
from models.repair import BlastRadius, RepairChange, RepairPlan, RepairPlanSummary, RepairStep
from models.times import rfc3339

_APPLIED = (PlanState.APPLIED, PlanState.ROLLING_BACK, PlanState.ROLLED_BACK)
EXPIRED = "expired"  # of a plan that was never applied; the state says the rest


def plan_view(kept: KeptPlan, *, approval_needed: bool, kept_in: str, now_ms: int) -> RepairPlan:
    """All of one plan."""
    plan, progress = kept.plan, kept.progress
    return RepairPlan(
        **msgspec.structs.asdict(plan_summary(kept, len(plan.changes), now_ms=now_ms)),
        changes=[_change(change) for change in plan.changes],
        newer_changes=[_change(change) for change in (*progress.newer, *progress.newer_since)],
        blast_radius=_blast_radius(kept),
        warnings=plan.warnings,
        approval_needed=approval_needed,
        approved_by=progress.approved_by,
        events_pending=progress.pending is not None,
        steps=[
            RepairStep(at=rfc3339(step.at_ms), by=step.by, what=step.what, detail=step.detail)
            for step in progress.steps
        ],
        kept_in=kept_in,
    )


def plan_summary(kept: KeptPlan, changes: int, *, now_ms: int) -> RepairPlanSummary:
    """One plan of a list, with so many changes."""
    plan, progress = kept.plan, kept.progress
    return RepairPlanSummary(
        plan_id=plan.plan_id,
        project_id=plan.project_id,
        strategy=plan.strategy.value,
        state=_state(kept, now_ms),
        verification=progress.verification.value,
        changes_needed=changes,
        changes_applied=changes + len(progress.newer) if progress.state in _APPLIED else None,
        created_by=plan.created_by,
        created_at=rfc3339(plan.created_at_ms),
        expires_at=rfc3339(plan.expires_at_ms),
        acted_by=progress.by,
        acted_at=None if progress.acted_at_ms is None else rfc3339(progress.acted_at_ms),
    )


def _state(kept: KeptPlan, now_ms: int) -> str:
    has_expired = kept.progress.state is PlanState.PLANNED and now_ms >= kept.plan.expires_at_ms
    return EXPIRED if has_expired else kept.progress.state.value


def _change(change: Change) -> RepairChange:
    return RepairChange(episode_id=change.episode_id, old_number=change.old_number, new_number=change.new_number)


def _blast_radius(kept: KeptPlan) -> BlastRadius:
    """Of all changes that the plan lists: with the newer episodes that an act took along."""
    plan, newer = kept.plan, [*kept.progress.newer, *kept.progress.newer_since]
    changes = [*plan.changes, *newer]
    touched = [number for change in changes for number in (change.old_number, change.new_number)]
    before = with_newer_numbers(plan.before, [change.old_number for change in newer])
    return BlastRadius(
        episodes_changed=len(changes),
        share_percentage=round(100.0 * len(changes) / before.episodes, 1) if before.episodes else 0.0,
        lowest_number=min(touched, default=None),
        highest_number=max(touched, default=None),
        before=before,
        after=with_newer_numbers(plan.after, [change.new_number for change in newer]),
    )
