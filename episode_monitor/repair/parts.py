"""What repair is made of: its settings, and what it needs of the rest of the monitor."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec
import structlog

from episode_monitor.repair.announcer import Announcer
from episode_monitor.repair.episodes import Episodes, Failpoint
from episode_monitor.repair.plan_state import KeptPlan, Plan, Step
from episode_monitor.repair.store import PlanStore
from episode_monitor.repair.verifying import VERIFY_SECONDS, AskStream
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.storage.address import Address

log = structlog.get_logger(__name__)

BY_ITSELF: Final = "automatic"  # the actor of automatic repair, which no person asked for
BY_MONITOR: Final = "monitor"  # the actor of what follows an act by itself, whoever asked for the act


class RepairSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is allowed."""

    is_enabled: bool = False
    approval_above: int = 100
    plan_seconds: int = 3600  # how long a plan may be applied
    lease_seconds: int = 150  # longer than everything one worker does to a plan in one go
    verify_seconds: float = VERIFY_SECONDS


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """`note` takes every step for the audit and must not block."""

    settings: RepairSettings
    store: PlanStore
    address: Address
    table: EpisodesTable
    announcer: Announcer
    ask_stream: AskStream
    note: Callable[[Plan, Step], None]
    now_ms: Callable[[], int]
    failpoint: Failpoint = lambda place: None

    def episodes(self) -> AbstractAsyncContextManager[Episodes]:
        """A connection to the project service's database."""
        return Episodes.open(self.address, self.table, self.failpoint)

    async def move(self, kept: KeptPlan, step: Step | None, **changes: object) -> KeptPlan:
        """Stores the plan one revision on, and writes its step to the audit. Raises RepairRefused and DatabaseAway."""
        after = await self.store.move(kept, kept.moved(step, **changes))
        if step is not None:
            self.note(kept.plan, step)
            log.info("repair", plan=kept.plan.plan_id, project=kept.plan.project_id, step=step.what, by=step.by)
        return after

    def step(self, by: str, what: str, detail: str = "") -> Step:
        """A step taken now."""
        return Step(at_ms=self.now_ms(), by=by, what=what, detail=detail)

    def lease_until_ms(self) -> int:
        """The end of a lease taken now."""
        return self.now_ms() + 1000 * self.settings.lease_seconds
