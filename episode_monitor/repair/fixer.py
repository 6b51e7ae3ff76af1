"""The short way for programs: one call that plans, and repairs where it is told to."""

from typing import Any

from episode_monitor.repair.planning import Strategy
from episode_monitor.repair.repairs import Repairs


class IntegrityAutoFixer:
    """`fix_gaps` of the operating document, over plans: nothing it does cannot be rolled back."""

    def __init__(self, repairs: Repairs, by: str = "IntegrityAutoFixer") -> None:
        """`by` is the name in the audit."""
        self._repairs = repairs
        self._by = by

    async def fix_gaps(self, project_id: str, dry_run: bool = True) -> dict[str, Any]:
        """`changes_needed`, `changes` and `plan_id`; applied as well unless `dry_run`.

        Raises what `Repairs.plan` and `Repairs.apply` raise; a plan with very many changes needs a second person.
        """
        kept = await self._repairs.plan(project_id, Strategy.COMPACT, self._by)
        plan = kept.plan
        if not dry_run and plan.changes:
            await self._repairs.apply(plan.plan_id, self._by, project_id, with_newer=True)
        changes = [
            {"episode_id": change.episode_id, "old_number": change.old_number, "new_number": change.new_number}
            for change in plan.changes
        ]
        return {"changes_needed": len(changes), "changes": changes, "plan_id": plan.plan_id}
