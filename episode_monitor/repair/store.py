"""Where plans are kept: PostgreSQL, or this process alone. A plan moves only from the revision its mover saw."""

from collections import OrderedDict
from typing import Any, Protocol

import msgspec

from episode_monitor.repair.errors import Code, RepairRefused
from episode_monitor.repair.plan_state import KeptPlan, Plan, RepairProgress, Verification
from episode_monitor.storage.database import Database
from episode_monitor.storage.rows import moment
from episode_monitor.storage.text import storable, storable_json

MAX_PLANS = 200  # in memory
MAX_CHANGES = 500_000  # of all plans in memory: some 100 MB
OPEN_PAGE = 100

_ADD = """
insert into episode_monitor.repair_plans
    (plan_id, project_id, state, unfinished, created_by, created_at, acted_at, revision, plan, progress)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning plan_id
"""
_MOVE = """
update episode_monitor.repair_plans
set state = $3, unfinished = $4, acted_at = $5, revision = $6, progress = $7, updated_at = now()
where plan_id = $1 and revision = $2 returning plan_id
"""
_GET = "select plan, progress from episode_monitor.repair_plans where plan_id = $1"
_UNFINISHED = f"select plan_id from episode_monitor.repair_plans where unfinished order by created_at limit {OPEN_PAGE}"
_ACTED = """
select count(*) as plans from episode_monitor.repair_plans where created_by = $1 and acted_at >= $2
"""
_SWITCH = "select by, paused from episode_monitor.repair_switch"
_TURN = """
insert into episode_monitor.repair_switch (one, paused, by) values (true, $1, $2)
on conflict (one) do update set paused = excluded.paused, by = excluded.by, at = now() returning by, paused
"""


_NEWEST = """
select jsonb_set(plan, '{changes}', '[]') as plan, jsonb_array_length(plan->'changes') as changes,
    progress || '{"newer": [], "newer_since": [], "steps": []}' as progress
from episode_monitor.repair_plans where $1::text is null or project_id = $1 order by created_at desc limit $2
"""

Listed = tuple[KeptPlan, int]  # a plan without its changes, and how many it has


class PlanStore(Protocol):
    """Every method raises DatabaseAway where the storage does not answer."""

    kept_in: str  # in words for people

    async def add(self, kept: KeptPlan) -> None:
        """A new plan."""

    async def get(self, plan_id: str) -> KeptPlan:
        """Raises RepairRefused for an unknown id."""

    async def move(self, before: KeptPlan, after: KeptPlan) -> KeptPlan:
        """Keeps `after` and returns it. Raises RepairRefused where `before` is no longer how the plan is."""

    async def newest(self, project_id: str | None, limit: int) -> list[Listed]:
        """List repair plans, newest first."""

    async def unfinished(self) -> list[str]:
        """Plans with something left to do, the oldest first."""

    async def acts_since(self, created_by: str, since_ms: int) -> int:
        """How many plans of this maker were applied since."""

    async def is_paused(self) -> tuple[bool, str]:
        """Whether a person has stopped automatic repair, and who turned the switch last."""

    async def pause(self, paused: bool, by: str) -> None:
        """Turns the switch, for all workers."""


def is_unfinished(progress: RepairProgress) -> bool:
    """Whether something is left to do without a request."""
    return (
        progress.pending is not None
        or progress.state.value in ("applying", "rolling_back")
        or progress.verification is Verification.PENDING
    )


def unknown_plan(plan_id: str, kept_in: str) -> RepairRefused:
    """The refusal for an unknown id."""
    return RepairRefused(
        Code.UNKNOWN_PLAN, f"No repair plan {plan_id!r} is kept in {kept_in}: check the id, or make a new plan."
    )


def _busy(plan_id: str) -> RepairRefused:
    return RepairRefused(Code.PLAN_BUSY, f"The plan {plan_id} was changed concurrently: read it again.")


class MemoryPlans:
    """`PlanStore` of this process: the plans made last. It cannot help another worker, nor one that was restarted."""

    kept_in = "this worker's memory (MONITOR_DATABASE_URL is not set)"

    def __init__(self, limit: int = MAX_PLANS) -> None:
        self._limit = limit
        self._plans: OrderedDict[str, KeptPlan] = OrderedDict()
        self._switch = (False, "")

    async def add(self, kept: KeptPlan) -> None:
        """See `PlanStore.add`."""
        self._plans[kept.plan.plan_id] = kept
        changes = sum(len(old.plan.changes) for old in self._plans.values())
        for plan_id, old in list(self._plans.items())[:-1]:
            if len(self._plans) <= self._limit and changes <= MAX_CHANGES:
                return
            if not is_unfinished(old.progress):
                changes -= len(old.plan.changes)
                del self._plans[plan_id]

    async def get(self, plan_id: str) -> KeptPlan:
        """See `PlanStore.get`."""
        if plan_id not in self._plans:
            raise unknown_plan(plan_id, self.kept_in)
        return self._plans[plan_id]

    async def move(self, before: KeptPlan, after: KeptPlan) -> KeptPlan:
        """See `PlanStore.move`."""
        known = await self.get(before.plan.plan_id)
        if known.progress.revision != before.progress.revision:
            raise _busy(before.plan.plan_id)
        self._plans[before.plan.plan_id] = after
        return after

    async def newest(self, project_id: str | None, limit: int) -> list[Listed]:
        """See `PlanStore.newest`."""
        kept = [one for one in self._plans.values() if project_id in (None, one.plan.project_id)]
        return [(one, len(one.plan.changes)) for one in kept[::-1][:limit]]

    async def unfinished(self) -> list[str]:
        """See `PlanStore.unfinished`."""
        return [plan_id for plan_id, kept in self._plans.items() if is_unfinished(kept.progress)][:OPEN_PAGE]

    async def acts_since(self, created_by: str, since_ms: int) -> int:
        """See `PlanStore.acts_since`."""
        return sum(
            1
            for kept in self._plans.values()
            if kept.plan.created_by == created_by and (kept.progress.acted_at_ms or 0) >= since_ms
        )

    async def is_paused(self) -> tuple[bool, str]:
        """See `PlanStore.is_paused`."""
        return self._switch

    async def pause(self, paused: bool, by: str) -> None:
        """See `PlanStore.pause`."""
        self._switch = (paused, by)


class PostgresPlans:
    """`PlanStore` on the monitor's own database. It waits for no queue: what it says is kept, is kept."""

    kept_in = "the database of MONITOR_DATABASE_URL"

    def __init__(self, database: Database) -> None:
        self._rows = database.fetch

    async def add(self, kept: KeptPlan) -> None:
        """See `PlanStore.add`."""
        plan = kept.plan
        head = (storable(plan.plan_id), storable(plan.project_id), *_position(kept.progress))
        acted_at = _acted_at(kept.progress)
        made = (storable(plan.created_by), moment(plan.created_at_ms), acted_at, kept.progress.revision)
        await self._rows(_ADD, *head, *made, storable_json(plan), storable_json(kept.progress))

    async def get(self, plan_id: str) -> KeptPlan:
        """See `PlanStore.get`."""
        for row in await self._rows(_GET, storable(plan_id)):
            return _kept(row)
        raise unknown_plan(plan_id, self.kept_in)

    async def move(self, before: KeptPlan, after: KeptPlan) -> KeptPlan:
        """See `PlanStore.move`."""
        plan_id, progress = before.plan.plan_id, after.progress
        state, unfinished = _position(progress)
        place = (storable(plan_id), before.progress.revision, state, unfinished, _acted_at(progress))
        if not await self._rows(_MOVE, *place, progress.revision, storable_json(progress)):
            raise _busy(plan_id)
        return after

    async def newest(self, project_id: str | None, limit: int) -> list[Listed]:
        """See `PlanStore.newest`."""
        rows = await self._rows(_NEWEST, None if project_id is None else storable(project_id), limit)
        return [(_kept(row), int(row["changes"])) for row in rows]

    async def unfinished(self) -> list[str]:
        """See `PlanStore.unfinished`."""
        return [row["plan_id"] for row in await self._rows(_UNFINISHED)]

    async def acts_since(self, created_by: str, since_ms: int) -> int:
        """See `PlanStore.acts_since`."""
        (row,) = await self._rows(_ACTED, storable(created_by), moment(since_ms))
        return int(row["plans"])

    async def is_paused(self) -> tuple[bool, str]:
        """See `PlanStore.is_paused`."""
        for row in await self._rows(_SWITCH):
            return bool(row["paused"]), str(row["by"])
        return False, ""

    async def pause(self, paused: bool, by: str) -> None:
        """See `PlanStore.pause`."""
        await self._rows(_TURN, paused, storable(by))


def _kept(row: Any) -> KeptPlan:
    return KeptPlan(
        plan=msgspec.json.decode(row["plan"], type=Plan),
        progress=msgspec.json.decode(row["progress"], type=RepairProgress),
    )


def _position(progress: RepairProgress) -> tuple[str, bool]:
    return progress.state.value, is_unfinished(progress)


def _acted_at(progress: RepairProgress) -> Any:
    return None if progress.acted_at_ms is None else moment(progress.acted_at_ms)
