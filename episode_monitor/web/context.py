"""What every route needs: made once for the app, found through the request."""

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

import msgspec
from fastapi import Request

from episode_monitor.fleet.ask import Asks
from episode_monitor.observe.process_view import Process
from episode_monitor.repair.automatic import AutomaticRepairs
from episode_monitor.storage.audit import AuditEntry, MemoryAuditLog
from episode_monitor.storage.idempotency import IdempotencyKeys, MemoryKeys
from episode_monitor.web.alert_desk import AlertDesk
from episode_monitor.web.listed_alerts import ListedAlerts
from episode_monitor.web.rates import Rates
from episode_monitor.web.settings import WebSettings
from episode_monitor.web.stream import ChangeFeed
from models.check_views import JobList, JobStatus, ProjectDrift


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Jobs(Protocol):
    """Checks started by a person, and those the schedule started; `episode_monitor.checks.jobs.CheckJobs` is one."""

    async def run_check(self, *, deep: bool, by: str, wait_seconds: float) -> JobStatus:
        """A check that begins after this call; wait at most `wait_seconds` for its end."""

    async def jobs(self, limit: int) -> JobList:
        """The jobs still remembered, newest first, at most `limit`."""

    async def job(self, job_id: str) -> JobStatus | None:
        """One job, or None if no worker remembers it."""

    async def cancel_job(self, job_id: str, by: str) -> JobStatus:
        """The job after it was ended, wherever it runs. Raises Refused."""


class WebContext(msgspec.Struct, frozen=True, kw_only=True):
    """The parts a route may use. `audit` must not block: it is called inside the request. `jobs`, `drift_of` and
    `alert_desk` raise NotAvailable where there are none."""

    fleet: Asks
    process: Process
    jobs: Callable[[], Jobs]
    drift_of: Callable[[str], Awaitable[ProjectDrift | None]]
    settings: WebSettings
    audit: Callable[[AuditEntry], None] = msgspec.field(default_factory=lambda: MemoryAuditLog().note)
    audit_is_shared: bool = False  # in one database, by all workers; else each has its own in memory
    now_ms: Callable[[], int] = wall_clock_ms
    alert_desk: Callable[[], AlertDesk]
    kafka_trouble: Callable[[], str] = str  # while the start waits for Kafka: why, in one sentence
    changes: ChangeFeed = msgspec.field(default_factory=ChangeFeed)
    repairs: AutomaticRepairs | None = None  # None: DATABASE_URL is not set
    idempotency: IdempotencyKeys = msgspec.field(default_factory=lambda: MemoryKeys(wall_clock_ms))
    rates: Rates = msgspec.field(default_factory=lambda: Rates(0))
    listed_alerts: ListedAlerts = msgspec.field(default_factory=ListedAlerts)
    salt: bytes = msgspec.field(default_factory=lambda: secrets.token_bytes(16))


def context_of(request: Request) -> WebContext:
    """The context of the app that serves this request."""
    return cast(WebContext, request.app.state.web)


def alert_desk_of(request: Request) -> AlertDesk:
    """Who answers for alerts."""
    return context_of(request).alert_desk()
