"""Sends the audit checkpoints of a worker's partitions, and computes state digests in the time that they may take.

It waits for the audit's topic, and nothing waits for it: a topic that is away leaves checkpoints stored and unsent.
"""

import asyncio
import time

import structlog
from aiokafka.errors import KafkaError

from agents.engine.allowance import Allowance
from agents.engine.assignment import Assignment
from agents.engine.ownership import Owned
from agents.engine.partition_audit import AuditOptions, Failpoint, PartitionAudit
from agents.engine.producer import Producer
from agents.kafka.refusals import reason_for_log
from models.audit_checkpoint import AuditCheckpoint, checkpoint_key, decode_audit_checkpoint
from streams.alerting.core import Core

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.02
WORK_SECONDS = 0.003  # at each look: a seventh of the time, while there is anything to do
DIGESTS_SHARE = 0.005  # of a worker's time
SAVED_SECONDS, MOST_SAVED_SECONDS = 0.2, 30.0
PAUSE_SECONDS = 5.0  # after a refusal
SLOW_SECONDS = 10.0  # without an answer, until that is said: an idempotent producer tries for ever
HAND_OVER_SECONDS = 1.0  # the next owner sends what was not sent until then


class Auditor:
    """One worker's. `problem` is one sentence of what keeps checkpoints from being written; "" where nothing does."""

    def __init__(
        self, options: AuditOptions, producer: Producer, assignment: Assignment,
        failpoint: Failpoint = lambda name: None,
    ) -> None:  # fmt: skip
        self.options = options
        self.failpoint = failpoint
        self.problem = ""
        self.is_off = False  # for as long as this process runs
        self.partitions = 1  # of the audit's topic
        self.written = 0
        self.given_up = 0  # records that no checkpoint will cover
        self._producer = producer
        self._assignment = assignment
        self._allowance = Allowance(DIGESTS_SHARE, SAVED_SECONDS, MOST_SAVED_SECONDS)
        self._sending: dict[int, asyncio.Task[None]] = {}  # by partition
        self._paused_until = 0.0

    def turn_off(self, why: str) -> None:
        """No checkpoints from this worker: tracking goes on without."""
        self.is_off, self.problem = True, why
        log.error("no audit checkpoints are written; tracking continues", reason=why)

    def of(self, topic: str, number: int, core: Core) -> PartitionAudit | None:
        """The audit of a partition of events; None while it is off."""
        if self.is_off:
            return None
        return PartitionAudit(
            self.options, topic, number, core, self._allowance, lambda name: self.failpoint(name),
            self._give_up,
        )  # fmt: skip

    def _give_up(self, records: int) -> None:
        self.given_up += records

    async def run(self) -> None:
        """Send and compute for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        has_worked, is_paused = False, time.monotonic() < self._paused_until
        self._sending = {number: task for number, task in self._sending.items() if not task.done()}
        for owned in self._assignment.live:
            if owned.audit is None:
                continue
            has_worked = has_worked or owned.audit.work(WORK_SECONDS)
            if owned.audit.chain.to_send() is not None and not is_paused and owned.number not in self._sending:
                self._sending[owned.number] = asyncio.create_task(self._send(owned, owned.audit))

    async def send_all(self) -> None:
        """Send what may be sent, as far as the audit's topic takes it soon."""
        self._look()
        if self._sending and not self.problem:
            await asyncio.wait(self._sending.values(), timeout=HAND_OVER_SECONDS)

    async def _send(self, owned: Owned, audit: PartitionAudit) -> None:
        try:
            while (found := audit.chain.to_send()) is not None and owned.is_live:
                await self._send_one(owned, audit, *found)
            self.problem = ""
        except (KafkaError, OSError) as error:
            self._waits(reason_for_log(error))
            self._paused_until = time.monotonic() + PAUSE_SECONDS

    def _waits(self, reason: str) -> None:
        topic = self.options.topic
        sentence = f"Audit checkpoints cannot be written to {topic}: {reason.rstrip('.')}. They wait in the changelog."
        if sentence != self.problem:
            log.warning("audit checkpoints wait for their topic", topic=topic, reason=reason)
            self.problem = sentence

    async def _send_one(self, owned: Owned, audit: PartitionAudit, sequence: int, value: bytes) -> None:
        key, place = checkpoint_key(self.options.monitor_id, owned.topic, owned.number), owned.number % self.partitions
        sending = asyncio.create_task(self._written(value, key, place))
        try:
            await asyncio.wait([sending], timeout=SLOW_SECONDS)
            if not sending.done():
                self._waits(f"there is no answer for {SLOW_SECONDS:.0f} s; check that the topic exists")
            await sending
        finally:
            sending.cancel()
        self.failpoint("audit sent")
        audit.chain.sent(sequence)
        self.written += 1
        checkpoint = decode_audit_checkpoint(value)
        if isinstance(checkpoint, AuditCheckpoint):
            self.options.on_sent(checkpoint)
        self.failpoint("audit cleared")

    async def _written(self, value: bytes, key: bytes, place: int) -> None:
        await (await self._producer.send(self.options.topic, value, key, partition=place))

    async def aclose(self) -> None:
        """Send nothing more."""
        for task in list(self._sending.values()):
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)
