"""Which steps of a repair get an entry in the audit."""

from contextvars import ContextVar

from episode_monitor.repair.plan_state import Plan, Step
from episode_monitor.storage.audit import AuditEntry, AuditLog

# Who asked for the mutation that is under way and gets an entry of its own: steps of this person need no other.
entry_follows_for: ContextVar[str | None] = ContextVar("entry_follows_for", default=None)


def note_step(audit: AuditLog, plan: Plan, step: Step) -> None:
    """Writes an entry, unless the request that the step is taken for has its own."""
    if step.by != entry_follows_for.get():
        audit.note(step_entry(plan, step))


def step_entry(plan: Plan, step: Step) -> AuditEntry:
    """A step of a repair as the audit keeps it."""
    return AuditEntry(
        who=step.by,
        what=f"repair.{step.what.replace(' ', '_')}",
        target=plan.plan_id,
        result=step.detail or "done",
        at_ms=step.at_ms,
        request={"project_id": plan.project_id, "strategy": plan.strategy.value, "changes": len(plan.changes)},
    )
