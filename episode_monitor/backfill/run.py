"""One backfill from beginning to end: page, state, send, keep the position, and so on until no row is left.

Repeating it, whole or in part, changes nothing that is true; and a row that was renumbered or deleted since it was read
stays as the newer event says.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from agents.kafka.access import Kafka
from agents.retrying import Pauses, retry
from episode_monitor.backfill.pages import EpisodePages, Extent, Page
from episode_monitor.backfill.position import BackfillProgress, PositionFile
from episode_monitor.backfill.sending import Partitioner, Sending
from episode_monitor.backfill.statements import MAX_SAMPLES, NULL, Statement, state
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseAway
from episode_monitor.service_database.reader import EpisodesReader
from episode_monitor.storage.address import Address
from models.dead_letter import Malformed

log = structlog.get_logger(__name__)

PAGE_ROWS = 5_000
PAGE_SECONDS = 2.0  # how long one page may take where a rate is set
DATABASE_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)  # between tries in a row that bring nothing
MARGIN_MS = 30_000  # how far clocks of services and databases may lie apart; half of the grace


@dataclass(frozen=True, slots=True)
class Orders:
    """What to do."""

    database_url: str
    table: EpisodesTable
    kafka: Kafka
    topic: str
    rate: float | None = None  # events a second at most
    dry_run: bool = False  # reads and judges, sends nothing and keeps no position
    partitioner: Partitioner = Partitioner.MURMUR2
    page_rows: int = PAGE_ROWS


Show = Callable[[int, int], None]  # rows dealt with, rows in all


class Backfill:
    """`run` once. `stop` ends it after the page under way."""

    def __init__(self, orders: Orders, position: PositionFile, show: Show = lambda done, total: None) -> None:
        self._orders = orders
        self._file = position
        self._show = show
        self._address = Address.parse(orders.database_url, "DATABASE_URL")
        self._progress = BackfillProgress()
        self._extent: Extent | None = None
        self._pauses = Pauses(DATABASE_PAUSES_SECONDS)
        self._stop = asyncio.Event()

    @property
    def is_stopping(self) -> bool:
        """Whether it is to end before the last row."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ends it after the page under way; the position is kept."""
        self._stop.set()

    async def _pause(self, seconds: float) -> None:
        """So long, or until it is to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    async def run(self) -> dict[str, Any]:
        """The summary. Raises Failure and ServiceDatabaseError; the position is then kept."""
        began = time.monotonic()
        sending = None
        if not self._orders.dry_run:
            self._progress = self._file.load()
            sending = Sending(self._orders.kafka, self._orders.topic, self._orders.partitioner)
            await sending.start()
        stated_before = self._progress.stated
        try:
            await self._through_the_table(sending)
        finally:
            if sending is not None:
                await sending.stop()
        if not self._orders.dry_run and not self.is_stopping:
            self._file.forget()
        return self._summary(stated_before, time.monotonic() - began)

    async def _through_the_table(self, sending: Sending | None) -> None:
        async def read() -> None:
            if self.is_stopping and self._extent is not None:
                return
            async with EpisodesReader.open(self._orders.database_url, self._orders.table) as reader:
                await self._pages(EpisodePages(reader, self._address), sending)

        await retry(
            read,
            lambda error: log.warning("the backfill waits for the database", why=str(error)),
            self._pauses,
            is_retried=lambda error: isinstance(error, ServiceDatabaseAway) and self._extent is not None,
            stop=self._pauses.is_over,
            sleep=self._pause,
        )

    async def _pages(self, pages: EpisodePages, sending: Sending | None) -> None:
        if self._extent is None:
            self._extent = await pages.extent(MAX_SAMPLES)
        rate = self._orders.rate
        limit = self._orders.page_rows
        if rate is not None:
            limit = max(1, min(limit, int(rate * PAGE_SECONDS)))
        while not self.is_stopping:
            began = time.monotonic()
            page = await pages.after(self._progress.after, limit)
            self._pauses.reset()
            if page.rows:
                await self._deal_with(page, sending)
                self._tell_progress()
            if len(page.rows) < limit:  # what comes behind it now has events of its own; do not follow it
                return
            if rate is not None and sending is not None:
                await self._pause(max(0.0, began + len(page.rows) / rate - time.monotonic()))

    async def _deal_with(self, page: Page, sending: Sending | None) -> None:
        """The position moves only after the broker has the whole page."""
        done = self._progress
        unusable = replace(done.unusable, by_reason=dict(done.unusable.by_reason), samples=list(done.unusable.samples))
        statements: list[Statement] = []
        # The earlier of both clocks: the database's may be ahead.
        occurred_at_ms = min(page.read_at_ms, time.time_ns() // 1_000_000) - MARGIN_MS
        for row in page.rows:
            stated = state(row, occurred_at_ms)
            if isinstance(stated, Malformed):
                unusable.add(row, stated.reason.value, stated.detail)
            else:
                statements.append(stated)
        if sending is not None and statements:
            await sending.send(statements)
        project, number, episode = page.rows[-1]
        self._progress = BackfillProgress(
            (project, number, episode),
            done.stated + len(statements),
            done.projects + _new_projects(page.rows, done.after[0] if done.after else None),
            unusable,
        )
        if sending is not None:
            self._file.save(self._progress)

    def _tell_progress(self) -> None:
        assert self._extent is not None
        done = self._progress.stated + self._progress.unusable.total
        self._show(done, max(done, self._extent.rows - self._extent.with_null))

    def _summary(self, stated_before: int, seconds: float) -> dict[str, Any]:
        progress, extent = self._progress, self._extent
        assert extent is not None
        unusable = progress.unusable
        if extent.with_null:
            unusable.by_reason[NULL] = extent.with_null
            for row in extent.samples:
                unusable.add(row, NULL, "project, number or id is null", 0)
        return {
            "status": "stopped" if self.is_stopping else "completed",
            "dry_run": self._orders.dry_run,
            "resumed": stated_before > 0,
            "topic": self._orders.topic,
            "projects": progress.projects,
            "stated": progress.stated,
            "stated_in_this_run": progress.stated - stated_before,
            "unusable": {"total": unusable.total, "by_reason": unusable.by_reason, "samples": unusable.samples},
            "duration_seconds": round(seconds, 3),
        }


def _new_projects(rows: Sequence[Any], before: str | None) -> int:
    """How many projects begin in these rows; those of one project stand together."""
    begun = 0
    for project, _, _ in rows:
        begun += project != before
        before = project
    return begun
