"""The audit of one partition while a worker owns it: hashes what is applied, and decides checkpoints when it is stored.

Nothing waits for the audit's topic: a checkpoint is stored with the cursor, and sent afterwards by `Auditor`.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import structlog

from agents.engine.allowance import Allowance
from agents.engine.stored_values import StoredValues
from agents.fetching.reading import Record
from agents.time_slices import in_slices
from models.audit_checkpoint import AuditCheckpoint
from streams.alerting.core import Core
from streams.base.checkpoint_types import Changes
from streams.base.steps import Steps
from streams.partition.audit_chain import AuditChain, Statement, StoredSum, Writes
from streams.partition.partition import Partition
from streams.partition.state_sum import StateSum
from streams.project.project_state import ProjectState
from streams.project.state_digest import digest_text, rules_digest

log = structlog.get_logger(__name__)

AT_ONCE_SECONDS = 0.02  # a digest that takes no longer is computed while the partition is stored
AT_THE_END_SECONDS = 0.5  # the same of a partition that goes to another owner, for whom it would be lost
FIRST_GUESS_SECONDS = 0.0003  # for the digest of one project
START_AGAIN_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """`topic` is the audit's. `now_ms` is the wall clock. `on_sent` is called with each checkpoint that the topic has,
    and must not wait."""

    monitor_id: str
    topic: str
    every_seconds: float
    software: str
    now_ms: Callable[[], int]
    sign: Callable[[AuditCheckpoint], AuditCheckpoint] = lambda checkpoint: checkpoint
    on_sent: Callable[[AuditCheckpoint], None] = lambda checkpoint: None


Failpoint = Callable[[str], None]


class _Decided(msgspec.Struct, frozen=True):
    """A checkpoint that waits for its state digest."""

    ranges: int
    offset_to: int
    projects: int


class PartitionAudit:
    """`allowance` is what state digests may cost, shared by the worker's partitions."""

    def __init__(
        self, options: AuditOptions, topic: str, number: int, core: Core, allowance: Allowance, failpoint: Failpoint,
        on_given_up: Callable[[int], None] = lambda records: None,
    ) -> None:  # fmt: skip
        self._new_chain = partial(AuditChain, options.monitor_id, topic, number, options.sign)
        self.chain = self._new_chain()
        self.sum: StateSum | None = None
        self._options = options
        self._failpoint = failpoint
        self._number = number
        self._core = core
        self._rules_digest = rules_digest(core)
        self._allowance = allowance
        self._on_given_up = on_given_up
        self._unit_seconds = FIRST_GUESS_SECONDS
        self._decided: _Decided | None = None
        self._cursor = self._projects = 0  # of the last cut
        self._started_at = time.monotonic()
        self._valid_from = 0

    # --- recovery

    def recover(self, partition: Partition, store: StoredValues) -> None:
        """The partition was made from these stored values. Raises msgspec.MsgspecError."""
        self.chain, self._decided = self._new_chain(), None
        self.chain.restore(store.few)
        self._cursor, self._projects = partition.next_offset, partition.index.projects
        total = self._sum_of(partition, store)
        stored = self.chain.state_sum
        is_exact = stored is not None and stored.offset == self._cursor and self._valid_from <= self._cursor
        if stored is not None and is_exact and stored.rules_digest == self._rules_digest:
            total.restore(int.from_bytes(stored.total, "big"), stored.offset)
        else:
            total.start(self._valid_from)

    def _sum_of(self, partition: Partition, store: StoredValues) -> StateSum:
        def unchanged(project_id: str) -> ProjectState | None:
            if partition.checkpointer.writes or partition.checkpointer.waiting:
                return None  # what is in memory may be newer than the store
            found = partition.peek(project_id)
            return found if isinstance(found, ProjectState) and not found.is_dirty else None

        self._valid_from = partition.index.stored_to
        self.sum = StateSum(self._core, store, partition.index.head_keys, unchanged)
        return self.sum

    def adopt(self, core: Core, partition: Partition, store: StoredValues) -> None:
        """The partition was made anew from what is stored, by other rules: the digest of its states begins anew."""
        decided, self._decided = self._decided, None
        if decided is not None:  # the digest that it waits for would be by other rules
            self._make(decided, None)
        self._core, self._rules_digest = core, rules_digest(core)
        self._sum_of(partition, store).start(self._valid_from)

    def begin_at(self, position: int) -> None:
        """The first record that will be applied."""
        missing = self.chain.begin_at(self._cursor, position, self._statement(None, self._projects))
        if missing:
            log.error("the audit's chain has a gap", partition=self._number, not_covered=missing)

    # --- records

    def take(self, records: Sequence[Record]) -> None:
        """These were applied or refused."""
        self.chain.take(records)

    # --- storing

    def is_due(self, *, is_last: bool) -> bool:
        """Whether a flush has something to store of it, even if the partition has not changed."""
        if self.chain.is_changed or (is_last and self.chain.ranges):
            return True
        return self._is_time if self._decided is None else self._is_computed

    @property
    def _is_time(self) -> bool:
        if not self.chain.ranges:
            return False
        passed_ms = self._options.now_ms() - self.chain.at_ms
        return self.chain.is_full or not 0 <= passed_ms < 1000 * self._options.every_seconds

    @property
    def _is_computed(self) -> bool:
        return self.sum is None or self.sum.is_off or not self.sum.is_working

    def cut(self, partition: Partition) -> None:
        """The partition is stored as it is now. To be called under its lock."""
        self._cursor, self._projects = partition.next_offset, partition.index.projects
        self.chain.cut(self._cursor)

    def replacing(self, changes: Changes) -> None:
        """The store in memory is about to take over these changes."""
        if self.sum is not None:
            self.sum.replacing(changes)

    async def closing(self, give_way: Callable[[], Awaitable[None]], *, is_last: bool) -> Writes:
        """What to store with the cursor. `is_last`: the partition goes to another owner."""
        limit = AT_THE_END_SECONDS if is_last else AT_ONCE_SECONDS
        if self._decided is not None:
            await self._finish(self._decided, limit if is_last else 0.0, give_way, is_last=is_last)
        if self._decided is None and self.chain.ranges and (is_last or self._is_time):
            self._decide()
            if self._decided is not None:
                await self._finish(self._decided, limit, give_way, is_last=is_last)
        self._keep_sum()
        return self.chain.writes()

    def _decide(self) -> None:
        if self.chain.is_clogged:
            lost = self.chain.give_up()
            if lost:
                self._on_given_up(lost)
                log.error("the audit's topic takes no checkpoints; records stay uncovered", partition=self._number,
                          records=lost)  # fmt: skip
            return
        decided, states = _Decided(len(self.chain.ranges), self._cursor, self._projects), self.sum
        if states is None or not states.can_advance(self._cursor) or self._cost(states) > self._allowance.seconds:
            self._make(decided, None)
            return
        states.advance(self._cursor)
        self._decided = decided

    def _cost(self, states: StateSum) -> float:
        return states.changed * self._unit_seconds

    async def _finish(
        self, decided: _Decided, limit_seconds: float, give_way: Callable[[], Awaitable[None]], *, is_last: bool
    ) -> None:
        states = self.sum
        if states is not None and states.is_working and states.left * self._unit_seconds <= limit_seconds:
            await in_slices(self._working(states), give_way=give_way)
        if self._is_computed or is_last:
            self._decided = None
            self._make(decided, self._digest_at(decided.offset_to))

    def _digest_at(self, offset: int) -> str | None:
        states = self.sum
        return None if states is None or states.total is None or states.offset != offset else digest_text(states.total)

    def _make(self, decided: _Decided, state_digest: str | None) -> None:
        self.chain.make(decided.ranges, self._statement(state_digest, decided.projects))
        self._failpoint("audit decided")

    def _statement(self, state_digest: str | None, projects: int) -> Statement:
        return Statement(
            at_ms=self._options.now_ms(), state_digest=state_digest, rules_digest=self._rules_digest,
            projects=projects, software=self._options.software,
        )  # fmt: skip

    def _keep_sum(self) -> None:
        """Only where it is of this very cursor can the next owner go on with it."""
        states, kept = self.sum, None
        if states is not None and not states.is_working and states.offset == self._cursor and states.total is not None:
            kept = StoredSum(states.total.to_bytes(16, "big"), states.offset, self._rules_digest)
        if kept != self.chain.state_sum:
            self.chain.state_sum = kept
            self.chain.is_changed = self.chain.is_changed or kept is not None

    def stored(self) -> None:
        """The broker has what `closing` gave."""
        self.chain.stored()
        if self.chain.to_send() is not None:
            self._failpoint("audit stored")

    # --- state digests

    @property
    def state_digest(self) -> tuple[str, int] | None:
        """The last one that was computed, and the next offset that it belongs to."""
        states = self.sum
        if states is None or states.total is None or states.offset < 0 or states.is_working:
            return None
        return digest_text(states.total), states.offset

    def work(self, seconds: float) -> bool:
        """Compute for so long; whether there was anything to do."""
        states = self.sum
        if states is None:
            return False
        if states.is_off and time.monotonic() - self._started_at > START_AGAIN_SECONDS:
            self._started_at = time.monotonic()
            states.start(self._valid_from)
        if not states.is_working or (states.is_scanning and self._allowance.seconds <= 0):
            return False
        ends_at = time.perf_counter() + seconds
        for _ in self._working(states):
            if time.perf_counter() > ends_at:
                break
        return True

    def _working(self, states: StateSum) -> Steps[None]:
        """Its steps, and what they cost. A failure ends the digests, and nothing else."""
        began = time.perf_counter()
        try:
            for _ in states.working():
                now = time.perf_counter()
                self._allowance.spend(now - began)
                self._unit_seconds += 0.02 * (now - began - self._unit_seconds)
                yield
                began = time.perf_counter()
        except Exception:
            log.exception("state digests of a partition are no longer computed", partition=self._number)
            self.sum = None
