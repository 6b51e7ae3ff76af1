"""What one worker answers from: its own live partitions, and what it has received of the rest of the fleet."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec
import structlog

from agents.engine.ownership import Change, Owned
from agents.fleet_topic.fleet_view import FleetView, Incomplete, Part
from agents.fleet_topic.record import Unreadable
from agents.time_slices import in_slices
from episode_monitor.fleet.errors import Recovering
from episode_monitor.fleet.kept import Kept
from episode_monitor.storage.alert_deliveries import AlertDeliveries
from episode_monitor.storage.audit import AuditLog
from episode_monitor.storage.history import AlertHistory
from models.alert import Alert
from models.check_views import JobStatus
from models.reload_views import FileInForce, WorkerFiles
from models.replay_job_views import ReplayJob, ReplayJobList
from streams.partition.drift_alerts import KEEPER
from streams.partition.summary import PartitionLists
from streams.project.project_state import ProjectState
from streams.rates.totals import PartitionTotals

log = structlog.get_logger(__name__)

RANKS_KEPT_MS, RANKS_KEPT = 60_000, 4  # to find them takes up to a second of a core

Emit = Callable[[Change, Iterable[Alert]], Awaitable[None]]


class LocalPart(NamedTuple):
    """A project in a partition of this worker. `state` is to be read only; it is true up to `at_ms`."""

    owned: Owned
    state: ProjectState
    at_ms: int


class RulesOrigin(NamedTuple):
    """Where this worker is, and which file its rules were loaded from, when."""

    url: str
    file: str
    loaded_at_ms: int


class LocalJobs(Protocol):
    """The checks of this worker."""

    async def own_jobs(self, limit: int, job_id: str | None = None) -> list[JobStatus]:
        """Those that this worker remembers; one of them where an id is given."""

    async def cancel_own(self, job_id: str, by: str) -> JobStatus | None:
        """End a run of this worker; None where it runs none of this id."""


class LocalReplays(Protocol):
    """The replays and backtests of this worker."""

    def own_replays(self, limit: int) -> ReplayJobList:
        """Those that it keeps, newest first."""

    def own_replay(self, job_id: str) -> msgspec.Raw | None:
        """One with its result, as JSON; None: not here."""

    async def cancel_own(self, job_id: str, by: str) -> ReplayJob | None:
        """End one; None: not here. Raises Refused."""


class LocalFiles(Protocol):
    """The files of this worker."""

    def in_force(self) -> list[FileInForce]:
        """Their versions."""

    async def reload_as_asked(self, by: str) -> WorkerFiles:
        """What has become of it."""


class LocalState:
    """`emit` sends transitions to the alerts topic; `mark_changed(partition)` is called after an act. `jobs`,
    `replays`, `files` and `find_parts` are set by those who have them."""

    monitor_id = ""  # set by the worker, as the next two
    time_zone = "UTC"  # of the operators
    rules_origin = RulesOrigin("", "", 0)
    deliveries: AlertDeliveries
    jobs: LocalJobs
    replays: LocalReplays
    files: LocalFiles
    find_parts: Callable[[Any], Awaitable[Any]]  # a question about split projects; see `fleet.split_watch`

    def __init__(
        self, view: FleetView, emit: Emit, mark_changed: Callable[[int], None], history: AlertHistory, audit: AuditLog
    ) -> None:
        self.view = view
        self.emit = emit
        self.mark_changed = mark_changed
        self.history = history
        self.audit = audit
        self.acts_done = 0
        self.ranks: Kept[Any] = Kept(RANKS_KEPT_MS, RANKS_KEPT)  # of projects in a window

    @property
    def live(self) -> list[Owned]:
        """The partitions that this worker answers for now."""
        return self.view.live

    @property
    def partitions(self) -> list[int]:
        """Their numbers."""
        return [owned.number for owned in self.live]

    def has(self, partition: int) -> bool:
        """Whether this worker answers for it now."""
        return partition in self.partitions

    def owned(self, partition: int) -> Owned | None:
        """The partition, where this worker answers for it now."""
        return next((owned for owned in self.live if owned.number == partition), None)

    @property
    def drift_keeper(self) -> Owned | None:
        """The partition that keeps the alerts about drift; None: another worker has it."""
        return self.owned(KEEPER)

    def parts_of(self, project_id: str) -> Iterator[LocalPart]:
        """Where a project is, usually in one partition."""
        for owned in self.live:
            state = owned.partition.look(project_id)
            if state is not None:
                yield LocalPart(owned, state, max(self.view.as_of_ms(owned), state.now_ms))

    def counted_parts_of(self, project_id: str) -> Iterator[LocalPart]:
        """Where a project is counted: of one in several partitions the lowest."""
        for part in self.parts_of(project_id):
            if part.owned.partition.index.counts(project_id):
                yield part


# --- the whole fleet, as its workers published it


def parts_of_fleet(view: FleetView) -> list[Part]:
    """Every partition. Raises Recovering."""
    try:
        return view.parts()
    except Incomplete as reason:
        raise Recovering from reason


async def lists_of(part: Part, max_projects: int) -> PartitionLists:
    """Worst projects and active alerts of a partition. Raises Recovering."""
    try:
        return await in_slices(part.lists(max_projects))
    except Unreadable as error:
        raise _unreadable(part, error) from error


def totals_of(part: Part) -> PartitionTotals:
    """The operations of a partition. Raises Recovering."""
    try:
        return part.totals()
    except Unreadable as error:
        raise _unreadable(part, error) from error


def _unreadable(part: Part, error: Unreadable) -> Recovering:
    """Its owner publishes again within seconds."""
    log.warning("a partition's summary cannot be read", partition=part.counts.partition, error=str(error))
    return Recovering()
