"""Does the acts: the transaction, its events, the check, and what a crash left of them.

A plan's state is stored before and after the one transaction that changes numbers; which of both happened is asked of
PostgreSQL by the transaction's own number, never guessed.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec
import structlog

from episode_monitor.fleet.errors import ViewError
from episode_monitor.repair.announcer import Announcer, NotSent
from episode_monitor.repair.episodes import CONTENTION, Episodes, Failpoint, Moved
from episode_monitor.repair.errors import Code, PlansAway, RepairRefused
from episode_monitor.repair.plan_state import (
    KeptPlan,
    Plan,
    PlanAction,
    PlanState,
    Step,
    Verification,
    changes_of,
    none_along,
)
from episode_monitor.repair.planning import CannotPlan, Change, EpisodeRow
from episode_monitor.repair.preconditions import OnlyNewer, TooMany, contended, guarded
from episode_monitor.repair.store import PlanStore, is_unfinished
from episode_monitor.repair.verifying import VERIFY_SECONDS, AskStream, contradictions, verdict
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceDatabaseError
from episode_monitor.storage.address import Address
from episode_monitor.web.audit import entry_follows_for
from models.views import ProjectView

log = structlog.get_logger(__name__)

TRIES: Final = 4  # of an act that others got in between of
TRY_PAUSE_SECONDS: Final = 0.05
BY_ITSELF: Final = "automatic"  # who acts where nobody does


class RepairSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may do what."""

    is_enabled: bool = False
    approval_above: int = 100
    plan_seconds: int = 3600  # a plan is good for so long
    lease_seconds: int = 150  # longer than everything one worker does to a plan in one go
    verify_seconds: float = VERIFY_SECONDS


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What repair needs of others. `note` takes every step for the audit and must not block."""

    store: PlanStore
    address: Address
    table: EpisodesTable
    announcer: Announcer
    ask_stream: AskStream
    note: Callable[[Plan, Step], None]
    now_ms: Callable[[], int]
    failpoint: Failpoint = lambda place: None


class Actor:
    """Whoever asked has been found to be allowed."""

    def __init__(self, settings: RepairSettings, parts: Parts) -> None:
        self._settings = settings
        self._parts = parts
        self._store = parts.store

    def episodes(self) -> AbstractAsyncContextManager[Episodes]:
        """A connection to the project service's database."""
        return Episodes.open(self._parts.address, self._parts.table, self._parts.failpoint)

    async def move(self, kept: KeptPlan, step: Step | None, **changes: object) -> KeptPlan:
        """The plan one revision on, its step in the audit."""
        after = await self._store.move(kept, kept.moved(step, **changes))
        if step is not None:
            self._parts.note(kept.plan, step)
            log.info("repair", plan=kept.plan.plan_id, project=kept.plan.project_id, step=step.what, by=step.by)
        return after

    def step(self, by: str, what: str, detail: str = "") -> Step:
        """Something that happens now."""
        return Step(at_ms=self._parts.now_ms(), by=by, what=what, detail=detail)

    def _lease(self) -> int:
        return self._parts.now_ms() + 1000 * self._settings.lease_seconds

    async def do(self, kept: KeptPlan, act: PlanAction, by: str, *, with_newer: bool = False) -> KeptPlan:
        """Renumber, announce, verify; roll back where the check fails. Raises ViewError where nobody could check.

        `with_newer`: episodes that were created since the plan was made move along with those before them.
        """
        view = await self._parts.ask_stream(kept.plan.project_id)
        if view is not None and view.split is not None:
            where = ", ".join(str(part.partition) for part in view.split.partitions)
            raise RepairRefused(
                Code.CANNOT_PLAN,
                f"Nothing was changed: events of {kept.plan.project_id!r} are in the partitions {where}, so the stream "
                f"could not confirm a repair. {view.split.detail}",
            )
        kept = await self.move(
            kept, None, state=act.under_way, by=by, transaction=None, lease_until_ms=self._lease(),
            with_newer=with_newer, partition=kept.progress.partition if view is None else view.applied.partition,
        )  # fmt: skip
        try:
            return await self._finish(await self._change(kept, act, by, view))
        except OnlyNewer as error:
            reason = f"Nothing was changed: {error}."
            await self._back(kept, by, reason, act.undone)
            raise RepairRefused(
                Code.DATA_MOVED, f"{reason} Say with_newer (--with-newer) to move newer episodes along."
            ) from error
        except TooMany as error:
            await self._back(kept, by, str(error), act.undone)
            raise RepairRefused(Code.APPROVAL_NEEDED, str(error)) from error
        except Moved as error:
            reason = f"Nothing was changed: {error}."
            await self._back(kept, by, reason, PlanState.STALE if act is PlanAction.APPLY else act.undone)
            raise RepairRefused(Code.DATA_MOVED, f"{reason} Make a new plan.") from error
        except CannotPlan as error:
            await self._back(kept, by, str(error), act.undone)
            raise RepairRefused(Code.CANNOT_PLAN, str(error)) from error
        except CONTENTION as error:
            await self._back(kept, by, "others kept getting in between; nothing was changed", act.undone)
            raise contended(kept.plan.project_id, error) from error
        except ServiceDatabaseError as error:
            await self._after_trouble(kept, act, by, error)
            raise

    async def _change(self, kept: KeptPlan, act: PlanAction, by: str, view: ProjectView | None) -> KeptPlan:
        """The transaction, tried again where others got in between."""
        held = [kept]

        def guard(rows: Sequence[EpisodeRow]) -> Sequence[Change]:
            found = guarded(held[0], act, rows)
            changes = changes_of(found, act)
            self._check_size(found, act, len(changes))
            surplus = 0 if view is None else contradictions(view, rows)
            held[0] = msgspec.structs.replace(found, progress=msgspec.structs.replace(found.progress, surplus=surplus))
            return changes

        async def note(transaction: str) -> None:
            held[0] = await self._store.move(
                held[0], held[0].moved(transaction=transaction, acted_at_ms=self._parts.now_ms())
            )

        for attempt in range(TRIES):
            try:
                async with self.episodes() as episodes:
                    await episodes.act(kept.plan.project_id, kept.plan.plan_id, act, guard, note)
                break
            except CONTENTION:
                if attempt == TRIES - 1:
                    raise
                log.info("repair got in somebody's way and tries again", plan=kept.plan.plan_id, attempt=attempt + 1)
                await asyncio.sleep(TRY_PAUSE_SECONDS * 2**attempt)
        return await self._committed(held[0], act, by)

    def _check_size(self, kept: KeptPlan, act: PlanAction, changes: int) -> None:
        limit = self._settings.approval_above
        if act is PlanAction.APPLY and kept.progress.approved_by is None and changes > limit:
            raise TooMany(
                f"With the episodes created since, {changes} numbers change, more than REPAIR_APPROVAL_ABOVE "
                f"({limit}): a second person must approve the plan first."
            )

    async def _committed(self, kept: KeptPlan, act: PlanAction, by: str) -> KeptPlan:
        self._parts.failpoint("before_note_of_commit")
        along = len(kept.progress.newer) + len(kept.progress.newer_since)
        detail = f"{len(kept.plan.changes)} numbers changed" + (f", and those of {along} newer episodes" * bool(along))
        if act is PlanAction.ROLLBACK and kept.progress.left_behind:
            detail += f"; {kept.progress.left_behind} newer episodes keep their numbers, above a gap"
        return await self.move(
            kept, self.step(by, act.done.value, detail),
            state=act.done, pending=act, verification=Verification.PENDING, sent_offset=None,
            lease_until_ms=self._lease(),
        )  # fmt: skip

    async def _back(self, kept: KeptPlan, by: str, reason: str, state: PlanState) -> KeptPlan:
        """Nothing was changed."""
        newest = await self._store.get(kept.plan.plan_id)
        step = self.step(by, "refused", reason)
        return await self.move(newest, step, state=state, lease_until_ms=0, **none_along(newest, state))

    async def _after_trouble(self, kept: KeptPlan, act: PlanAction, by: str, error: ServiceDatabaseError) -> None:
        """Where the database answered, nothing was changed; where it went away, only it can tell, later."""
        try:
            if isinstance(error, ServiceDatabaseAway):
                newest = await self._store.get(kept.plan.plan_id)
                if newest.progress.transaction is not None:
                    step = self.step(by, "unknown", f"{error} Whether it was done will be asked of it.")
                    await self.move(newest, step, lease_until_ms=0)
                    return
            await self._back(kept, by, str(error), act.undone)
        except (PlansAway, RepairRefused) as second:
            log.warning("a plan could not be brought back", plan=kept.plan.plan_id, error=str(second))

    # --- what follows a commit

    async def _finish(self, kept: KeptPlan) -> KeptPlan:
        """Events, then the check, then, where it fails, back."""
        if kept.progress.pending is not None:
            kept = await self._announce(kept)
        if kept.progress.pending is None and kept.progress.verification is Verification.PENDING:
            kept = await self._verify(kept, self._settings.verify_seconds)
        return kept

    async def _announce(self, kept: KeptPlan) -> KeptPlan:
        self._parts.failpoint("before_events")
        try:
            last = await self._parts.announcer.announce(kept)
        except NotSent as error:
            return await self.move(kept, self.step(BY_ITSELF, "events wait", str(error)), lease_until_ms=0)
        self._parts.failpoint("after_events")
        partition, offset = (kept.progress.partition, None) if last is None else last
        return await self.move(
            kept, self.step(BY_ITSELF, "announced"), pending=None, sent_offset=offset,
            partition=None if kept.progress.partition is None else partition, lease_until_ms=self._lease(),
        )  # fmt: skip

    async def _verify(self, kept: KeptPlan, wait_seconds: float) -> KeptPlan:
        async def rows() -> Sequence[EpisodeRow]:
            async with self.episodes() as episodes:
                return await episodes.rows(kept.plan.project_id)

        try:
            found, detail = await verdict(kept, self._parts.ask_stream, rows, wait_seconds)
        except (ServiceDatabaseError, CannotPlan, *CONTENTION) as error:
            found, detail = Verification.INCONCLUSIVE, f"The database could not be looked at again: {error}"
        if found is kept.progress.verification:
            return kept
        step = self.step(BY_ITSELF, f"verification {found.value}", detail)
        kept = await self.move(kept, step, verification=found, lease_until_ms=0)
        if found is Verification.FAILED and kept.progress.state is PlanState.APPLIED and self._settings.is_enabled:
            try:
                return await self._take_back(kept)
            except (RepairRefused, ServiceDatabaseError, ViewError) as error:
                log.error(
                    "a repair failed its check and could not be taken back", plan=kept.plan.plan_id, why=str(error)
                )
                return await self._store.get(kept.plan.plan_id)
        return kept

    async def _take_back(self, kept: KeptPlan) -> KeptPlan:
        """Newer episodes keep their numbers where that can be; where they must not be touched, it fails."""
        with_newer = kept.progress.with_newer
        try:
            return await self.do(kept, PlanAction.ROLLBACK, BY_ITSELF)
        except RepairRefused as refused:
            if refused.code is not Code.DATA_MOVED or not with_newer:
                raise
        return await self.do(await self._store.get(kept.plan.plan_id), PlanAction.ROLLBACK, BY_ITSELF, with_newer=True)

    # --- after a crash

    async def resume(self, plan_id: str) -> KeptPlan:
        """Do what is left of a plan, unless somebody is at it."""
        others = entry_follows_for.set(None)  # what is left was asked for by an earlier request
        try:
            return await self._resume(plan_id)
        finally:
            entry_follows_for.reset(others)

    async def _resume(self, plan_id: str) -> KeptPlan:
        kept = await self._store.get(plan_id)
        progress = kept.progress
        if progress.lease_until_ms > self._parts.now_ms():
            return kept
        if progress.pending is None and progress.verification is Verification.INCONCLUSIVE:
            return await self._verify(kept, 0)
        if not is_unfinished(progress):
            return kept
        try:
            kept = await self.move(kept, None, lease_until_ms=self._lease())
        except RepairRefused:
            return await self._store.get(plan_id)
        if progress.state in (PlanState.APPLYING, PlanState.ROLLING_BACK):
            kept = await self._resolve(kept)
        return await self._finish(kept)

    async def _resolve(self, kept: KeptPlan) -> KeptPlan:
        """Find out what became of a transaction whose worker is gone."""
        progress = kept.progress
        act = PlanAction.APPLY if progress.state is PlanState.APPLYING else PlanAction.ROLLBACK
        outcome: str | None = "aborted"
        if progress.transaction is not None:
            async with self.episodes() as episodes:
                outcome = await episodes.outcome(progress.transaction)
                if outcome is None:
                    outcome = await self._compared(episodes, kept, act)
        if outcome == "committed":
            return await self._committed(kept, act, progress.by or BY_ITSELF)
        if outcome == "aborted":
            detail = "the worker ended in the middle; the transaction left nothing behind"
            return await self.move(
                kept, self.step(BY_ITSELF, "interrupted", detail), state=act.undone, lease_until_ms=0,
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
        for plan_id in await self._store.unfinished():
            try:
                await self.resume(plan_id)
            except (RepairRefused, ServiceDatabaseError, ViewError) as error:
                log.warning("a repair plan still waits", plan=plan_id, why=str(error))
