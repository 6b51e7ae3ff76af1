"""One run of a check in this worker: its task, how far it is, and how it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from episode_monitor.checks.errors import CheckFailed
from episode_monitor.service_database.errors import ServiceDatabaseError
from episode_monitor.storage.checks import CheckKind, CheckResult
from models.check_views import BasicCheckResult, DeepCheckResult, JobState, JobStatus
from models.times import rfc3339

log = structlog.get_logger(__name__)

STOPPED = "The worker was stopped during the check: the check will run again."
OURS = "The check failed with an internal error: see the log of the worker that ran it."

Result = BasicCheckResult | DeepCheckResult
Progress = Callable[[int, int | None], None]
Work = Callable[[CheckResult, Progress], Awaitable[dict[str, Any]]]


class Run:
    """`work` gives the result as it is stored. `ended` is set when the outcome is known.

    `turn`, where the run has to wait for one, returns when the work may begin.
    """

    def __init__(self, check: CheckResult, work: Work, turn: Callable[[], Awaitable[None]] | None = None) -> None:
        self.check = check
        self.has_begun = turn is None
        self.done, self.total = 0, check.progress_total
        self.state = JobState.RUNNING
        self.result: dict[str, Any] = {}
        self.ended = asyncio.Event()
        self._turn = turn
        self._why_cancelled = STOPPED
        self._cancelled_by_person = False
        self._task = asyncio.create_task(self._run(work), name=f"{check.kind.value} check")

    async def _run(self, work: Work) -> None:
        try:
            if self._turn is not None:
                await self._turn()
                self.has_begun = True
            self.result = await work(self.check, self._progress)
            self.state = JobState.COMPLETED
        except asyncio.CancelledError:
            self._fail(JobState.CANCELLED if self._cancelled_by_person else JobState.FAILED, self._why_cancelled)
        except (CheckFailed, ServiceDatabaseError) as error:
            self._fail(JobState.FAILED, str(error))
        except Exception:
            log.exception("a check failed", kind=self.check.kind.value, id=self.check.id)
            self._fail(JobState.FAILED, OURS)
        finally:
            self.ended.set()

    def _fail(self, state: JobState, why: str) -> None:
        self.state, self.result = state, {"status": state.value, "error": why}

    def _progress(self, done: int, total: int | None) -> None:
        self.done, self.total = done, total

    async def cancel(self, why: str, *, by_person: bool) -> None:
        """End it and wait for that; without effect on one that has ended."""
        if not self.ended.is_set():
            self._why_cancelled, self._cancelled_by_person = why, by_person
            self._task.cancel()
        await self.ended.wait()


def status_of(check: CheckResult) -> JobStatus:
    """A stored check as people see it."""
    done, total = check.progress_done, check.progress_total
    state = JobState(check.state.value)
    stored = check.result or {}
    result = msgspec.convert(stored, BasicCheckResult | DeepCheckResult) if state is JobState.COMPLETED else None
    return JobStatus(
        job_id=check.id,
        kind=check.kind.value,
        state=state,
        progress=1.0 if result is not None else None if not total else min(done / total, 1.0),
        requested_by=check.requested_by,
        started_at=rfc3339(check.started_at_ms),
        ended_at=None if check.finished_at_ms is None else rfc3339(check.finished_at_ms),
        error=stored.get("error"),
        result=result,
    )


def kind_of(deep: bool) -> CheckKind:
    """The kind by its one question."""
    return CheckKind.DEEP if deep else CheckKind.BASIC
