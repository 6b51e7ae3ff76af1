"""One replay or backtest of this worker: its turn, how far it is, and how it ended."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
import structlog

from episode_monitor.replay_jobs.orders import Order, Progressed
from episode_monitor.replay_jobs.process import JobFailed
from episode_monitor.storage.rows import new_id
from models.check_views import JobState
from models.replay_job_views import ReplayJob
from models.times import rfc3339

log = structlog.get_logger(__name__)

OURS = "The job failed with an internal error: see the log of the worker that ran it."
STOPPED = "The worker was stopped: start the job again."


class Runs(Protocol):
    """`process.run_in_process`."""

    async def __call__(self, order: Order, hear: Callable[[Progressed], None], /) -> bytes:
        """The result as JSON. Raises JobFailed."""


class Asked(msgspec.Struct, frozen=True):
    """A job as it was asked for; `request` is what people see of it."""

    order: Order
    by: str
    request: dict[str, str | int | bool | None]


class Job:
    """Begins as soon as `place` lets it in. Its result is JSON."""

    def __init__(
        self, asked: Asked, place: AbstractAsyncContextManager[Any], run: Runs, now_ms: Callable[[], int]
    ) -> None:
        self.kind = "replay" if asked.order.backtest is None else "backtest"
        self.requested_at_ms = now_ms()
        self.id = new_id(self.requested_at_ms)
        self.state = JobState.WAITING
        self.result: bytes | None = None
        self.ended_at_ms: int | None = None
        self._asked, self._now_ms = asked, now_ms
        self._begun_at_ms: int | None = None
        self._progressed = Progressed(0, 0, None, 0.0)
        self._error: str | None = None
        self._why_cancelled, self._cancelled_by_person = STOPPED, False
        self._task = asyncio.create_task(self._run(asked.order, place, run), name=f"{self.kind} {self.id}")

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.ended_at_ms is None

    async def _run(self, order: Order, place: AbstractAsyncContextManager[Any], run: Runs) -> None:
        state = JobState.FAILED
        try:
            async with place:
                self.state, self._begun_at_ms = JobState.RUNNING, self._now_ms()
                self.result = await run(order, self._hear)
                state = JobState.COMPLETED
        except asyncio.CancelledError:
            state = self._cancelled()
        except JobFailed as error:
            self._error = str(error)
        except Exception:
            log.exception("a job failed", kind=self.kind, id=self.id)
            self._error = OURS
        finally:
            self._end(state)

    def _cancelled(self) -> JobState:
        self._error = self._why_cancelled
        return JobState.CANCELLED if self._cancelled_by_person else JobState.FAILED

    def _end(self, state: JobState) -> None:
        self.state, self.ended_at_ms = state, self._now_ms()
        log.info("job ended", kind=self.kind, id=self.id, state=state.value, error=self._error)

    def _hear(self, progressed: Progressed) -> None:
        self._progressed = progressed

    async def cancel(self, why: str, *, by_person: bool) -> None:
        """End it, with its process; without effect on one that has ended."""
        if self.is_open and not self._task.cancelling():
            self._why_cancelled, self._cancelled_by_person = why, by_person
            self._task.cancel()
        await asyncio.wait([self._task])
        if self.is_open:  # its task had not begun
            self._end(self._cancelled())

    def view(self) -> ReplayJob:
        """As people see it."""
        so_far, is_running = self._progressed, self.state is JobState.RUNNING
        share = so_far.done / so_far.total if so_far.total else None
        left = so_far.seconds * (1 - share) / share if share and is_running else None
        return ReplayJob(
            job_id=self.id,
            kind=self.kind,
            state=self.state,
            progress=1.0 if self.result is not None else None if share is None else round(share, 4),
            events=so_far.events,
            events_per_second=round(so_far.events / so_far.seconds, 1) if so_far.seconds else None,
            seconds_left=None if left is None else round(left, 1),
            requested_by=self._asked.by,
            request=self._asked.request,
            requested_at=rfc3339(self.requested_at_ms),
            started_at=None if self._begun_at_ms is None else rfc3339(self._begun_at_ms),
            ended_at=None if self.ended_at_ms is None else rfc3339(self.ended_at_ms),
            error=self._error,
            has_result=self.result is not None,
        )
