"""The waiting transitions of one sink: one lane an alert key, so that a key stays in order and none waits for another.

Every transition leaves by exactly one door: delivered, skipped (told before), dead letter, or forgotten.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

import structlog

from alert_sinks.backoff import CAP_SECONDS, delay_seconds
from alert_sinks.dead_letters import DeadLetters, UndeliveredAlert
from alert_sinks.digest import Digest, without
from alert_sinks.environment import Environment
from alert_sinks.ledger import Ending, GuardedLedger, LedgerEntry
from alert_sinks.sink import Attempt, Delivered, Disabled, Outcome, Rejected, Retry, Sink, TakesDigests
from models.alert import Alert

_log = structlog.get_logger(__name__)

_SAY_EVERY = 1000  # overflowing alerts to a line in the log
TEAM_FIRST_SECONDS = 30.0  # so long those on call are told nothing that the team is about to hear
_DIGESTS = "\0digests"  # no alert has this key


@dataclass(frozen=True)
class Limits:
    """What delivery may cost. The queue limit holds for each sink."""

    queue_limit: int = 5000  # transitions waiting; beyond it the oldest is a dead letter
    concurrency: int = 4  # requests at a time
    give_up_seconds: float = 24 * 3600.0  # counted from acceptance; it begins anew when the monitor starts again
    close_seconds: float = 5.0  # for requests on their way, and again for dead letters, when the monitor stops


@dataclass
class SinkCounters:
    """What has happened at one sink since the start."""

    delivered: int = 0
    skipped: int = 0  # the ledger knew that they had been delivered before
    retried: int = 0  # tries that failed and are repeated
    rejected: int = 0
    given_up: int = 0
    overflowed: int = 0
    disabled: int = 0  # came when the sink had switched off


class DeliveryState(Enum):
    """Where a transition stands at a sink."""

    WAITING = "waiting"
    SENDING = "sending"
    ENDED = "ended"


@dataclass(eq=False)
class Delivery:
    """One transition, or a digest of many, on its way to one sink. `ended` is called when the sink has finished."""

    alert: Alert  # as it came; of a digest the worst
    shown: Alert  # as the sink is to show it
    accepted_at: float  # seconds of the monotonic clock
    ended: Callable[[], None]
    attempts: int = 0
    state: DeliveryState = DeliveryState.WAITING
    forgotten: bool = False
    digest: Digest | None = None
    after: tuple["Delivery", ...] = ()  # to be told first, though not for longer than `TEAM_FIRST_SECONDS`
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """All transitions in it."""
        return (self.alert,) if self.digest is None else self.digest.alerts

    @property
    def lane(self) -> str:
        """Its alert key; digests follow each other in a lane of their own."""
        return self.alert.alert_key if self.digest is None else _DIGESTS


@dataclass(eq=False)
class _KeyQueue:
    jobs: OrderedDict[Delivery, None] = field(default_factory=OrderedDict)  # the first is the one at work
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class KeyQueues:
    """Brings jobs to one sink. All methods but `aclose` return at once."""

    def __init__(
        self, sink: Sink, ledger: GuardedLedger, dead_letters: DeadLetters, limits: Limits, world: Environment
    ) -> None:
        self.sink = sink
        self.counters = SinkCounters()
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._limits = limits
        self._world = world
        self._lanes: dict[str, _KeyQueue] = {}
        self._waiting: OrderedDict[Delivery, None] = OrderedDict()  # oldest first
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._held_until = world.monotonic()
        self._off: str | None = None
        self._closing = False
        self._failing: set[str] = set()  # lanes that failed since the last success
        self._trouble = ""  # why the last try failed; "" after one that did not
        self._prober: Delivery | None = None  # in an outage the only one that tries again
        self._probe_at = 0.0  # monotonic
        self._digests: dict[str, Delivery] = {}  # alert key -> the digest that is to be told before anything else of it

    @property
    def is_on(self) -> bool:
        """False once the destination has said that it is gone."""
        return self._off is None

    @property
    def pending(self) -> int:
        """Transitions that wait or are on their way."""
        return sum(len(job.alerts) for lane in self._lanes.values() for job in lane.jobs)

    @property
    def oldest_seconds(self) -> float:
        """For how long the oldest of them has waited; 0.0 for none."""
        accepted = [next(iter(lane.jobs)).accepted_at for lane in self._lanes.values() if lane.jobs]
        return max(0.0, self._world.monotonic() - min(accepted)) if accepted else 0.0

    @property
    def trouble(self) -> str:
        """Why the last try failed; "" where it did not."""
        return self._trouble

    def of_alert(self, alert_key: str) -> list[Delivery]:
        """What still waits of an alert, a digest that holds it among it."""
        lane, digest = self._lanes.get(alert_key), self._digests.get(alert_key)
        return [*(lane.jobs if lane is not None else ()), *([digest] if digest is not None else [])]

    @property
    def takes_digests(self) -> bool:
        """Whether the sink can tell many alerts in one message."""
        return isinstance(self.sink, TakesDigests)

    def put(self, job: Delivery) -> None:
        """Queues a job behind those of its alert key and starts it if it can start."""
        if self._off is not None:
            self._bury(job, Ending.DISABLED, self._off)
            return
        lane = self._lanes.get(job.lane)
        if lane is None:
            lane = self._lanes[job.lane] = _KeyQueue()
            lane.task = asyncio.create_task(self._run(job.lane, lane), name=f"lane-{self.sink.name}")
        lane.jobs[job] = None
        if job.digest is not None:
            self._digests.update((alert.alert_key, job) for alert in job.alerts)
        self._waiting[job] = None
        if len(self._waiting) > self._limits.queue_limit:
            oldest = next(iter(self._waiting))
            self._bury(oldest, Ending.OVERFLOWED, f"more than {self._limits.queue_limit} alerts waited for this sink")

    def forget(self, job: Delivery) -> None:
        """Drops a job that is somebody else's now. A request on its way ends, but nothing more follows from it."""
        job.forgotten = True
        if job.state is DeliveryState.WAITING:
            self._take_out(job)

    async def aclose(self) -> None:
        """Ends requests on their way within `close_seconds`; what still waits stays unfinished."""
        self._closing = True
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for lane in self._lanes.values():
            lane.wake.set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._limits.close_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.sink.aclose()

    async def _run(self, key: str, lane: _KeyQueue) -> None:
        while lane.jobs and not self._closing:
            job = next(iter(lane.jobs))
            try:
                await self._wait_for_digest(lane, job)
                await self._see_through(lane, job)
            except Exception:
                _log.exception("delivery broke; the alert is left undone and will be read again", sink=self.sink.name)
                self._take_out(job)
        if not lane.jobs:
            del self._lanes[key]

    async def _wait_for_digest(self, lane: _KeyQueue, job: Delivery) -> None:
        """What happened to an alert after it was put into a digest is told after that digest."""
        ahead = None if job.digest is not None else self._digests.get(job.lane)
        while ahead is not None and self._is_open(job) and ahead.state is not DeliveryState.ENDED:
            await self._until(lane, ahead.finished.wait())
        for first in job.after:
            while self._is_open(job) and first.state is not DeliveryState.ENDED:
                left = job.accepted_at + TEAM_FIRST_SECONDS - self._world.monotonic()
                if left <= 0:
                    break
                await self._until(lane, first.finished.wait(), self._world.sleep(left))

    async def _see_through(self, lane: _KeyQueue, job: Delivery) -> None:
        while self._is_open(job):
            async with self._slots:
                while self._is_open(job) and (held := self._held_until - self._world.monotonic()) > 0:
                    await self._pause(lane, held)
                if not self._is_open(job):
                    return
                delay = await self._try_once(job)
            if delay is None or not self._is_open(job):
                continue
            if not self._is_out:
                await self._pause(lane, delay)
            await self._until_probe(lane, job)

    # --- an outage: two alerts or more failed, and none was taken since

    @property
    def _is_out(self) -> bool:
        return len(self._failing) > 1

    async def _until_probe(self, lane: _KeyQueue, job: Delivery) -> None:
        """Wait until the destination is back, or until it is this one's turn to find out."""
        while self._is_open(job) and self._is_out:
            if self._prober is job:
                left = self._probe_at - self._world.monotonic()
                if left <= 0:
                    return
                await self._pause(lane, left)
            else:
                await self._until(lane)

    def _choose_prober(self) -> None:
        """The one that was tried least, and of those the oldest: one that is always refused stops no other."""
        heads = [next(iter(lane.jobs)) for lane in self._lanes.values() if lane.jobs]
        waiting = [job for job in heads if job.state is DeliveryState.WAITING and job.attempts]
        former, self._prober = self._prober, min(waiting, key=lambda job: (job.attempts, job.accepted_at), default=None)
        for job in (former, self._prober):
            if job is not None and job.lane in self._lanes:
                self._lanes[job.lane].wake.set()

    def _failed(self, job: Delivery, reason: str, delay: float) -> None:
        self._failing.add(job.lane)
        self._trouble = reason
        if self._is_out:
            self._probe_at = self._world.monotonic() + min(delay, CAP_SECONDS)
            self._choose_prober()

    def _took(self) -> None:
        """The destination took something: after an outage all that waits is tried, the oldest first."""
        was_out, self._trouble, self._prober = self._is_out, "", None
        self._failing.clear()
        if was_out:
            heads = [next(iter(lane.jobs)) for lane in self._lanes.values() if lane.jobs]
            for job in sorted(heads, key=lambda job: job.accepted_at):
                self._lanes[job.lane].wake.set()

    def _is_open(self, job: Delivery) -> bool:
        return job.state is not DeliveryState.ENDED and not self._closing

    async def _pause(self, lane: _KeyQueue, seconds: float) -> None:
        """Sleeps, unless the lane is woken because its first job has gone or everything closes."""
        await self._until(lane, self._world.sleep(seconds))

    async def _until(self, lane: _KeyQueue, *waiting: Awaitable[object]) -> None:
        lane.wake.clear()
        ways = {asyncio.ensure_future(way) for way in (*waiting, lane.wake.wait())}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()

    async def _try_once(self, job: Delivery) -> float | None:
        """One try and what follows from it; the seconds to wait if it is to be repeated."""
        job.state = DeliveryState.SENDING
        del self._waiting[job]
        if job.attempts == 0 and await self._was_told(job):
            self._finish(job)
            return None
        job.attempts += 1
        match await self._deliver(job):
            case Delivered():
                self._took()
                self.counters.delivered += len(job.alerts)
                _log.info("alert delivered", **self._named(job), attempts=job.attempts)
                await self._record(job, Ending.DELIVERED)
                self._finish(job)
            case Retry() as retry:
                return self._repeat(job, retry)
            case Rejected(reason):
                self._bury(job, Ending.REJECTED, reason)
            case Disabled(reason):
                self._switch_off(reason)
                self._bury(job, Ending.DISABLED, reason)
        return None

    async def _was_told(self, job: Delivery) -> bool:
        """Whether nothing of it is news: an earlier process, or an earlier reading, has told it."""
        told = [
            alert for alert in job.alerts if await self._ledger.already_delivered(alert.transition_id, self.sink.name)
        ]
        self.counters.skipped += len(told)
        if job.digest is None or not told:
            return bool(told)
        left = without(job.digest, told)
        if left is None:
            return True
        job.digest, job.alert = left, left.worst
        return False

    def _named(self, job: Delivery) -> dict[str, object]:
        """What names it in the log."""
        if job.digest is not None:
            return {"sink": self.sink.name, "alerts": len(job.alerts), "digest_id": job.digest.digest_id}
        alert = job.alert
        return {
            "sink": self.sink.name, "alert_key": alert.alert_key, "status": alert.status.value,
            "level": alert.escalation_level, "alert_id": alert.alert_id,
        }  # fmt: skip

    async def _deliver(self, job: Delivery) -> Outcome:
        attempt = Attempt(job.attempts, self._world.now_ms(), self._world.check)
        attempt.check()
        try:
            if job.digest is not None and isinstance(self.sink, TakesDigests):
                return await self.sink.deliver_digest(job.digest, attempt)
            return await self.sink.deliver(job.shown, attempt)
        except Exception as error:
            _log.exception("a sink raised instead of answering; treated as a failed try", sink=self.sink.name)
            return Retry(None, f"the sink raised {type(error).__name__}")

    def _repeat(self, job: Delivery, retry: Retry) -> float | None:
        if job.forgotten:
            self._take_out(job)
            return None
        if self._off is not None:
            self._bury(job, Ending.DISABLED, self._off)
            return None
        now = self._world.monotonic()
        delay = delay_seconds(job.attempts, retry.after_seconds, self._world.jitter)
        if retry.holds_sink:
            # Others wait no longer than a minute: a new alert is worth one question to a destination in distress.
            self._held_until = max(self._held_until, now + min(delay, CAP_SECONDS))
        if now + delay - job.accepted_at > self._limits.give_up_seconds:
            spent = round(now - job.accepted_at)
            self._bury(job, Ending.GIVEN_UP, f"gave up after {job.attempts} tries in {spent} s: {retry.reason}")
            return None
        self.counters.retried += 1
        say = _log.warning if job.attempts == 1 else _log.debug
        say("alert not delivered, will be tried again", **self._named(job), reason=retry.reason, wait_seconds=delay)
        job.state = DeliveryState.WAITING
        self._waiting[job] = None
        self._waiting.move_to_end(job, last=False)  # it came before those that have not been tried
        self._failed(job, retry.reason, delay)
        return delay

    def _switch_off(self, reason: str) -> None:
        if self._off is not None:
            return
        self._off = f"the sink has switched off: {reason}"
        _log.error(
            "a sink has switched off because its destination is gone; correct its address and start again",
            sink=self.sink.name,
            reason=reason,
        )
        for job in list(self._waiting):
            self._bury(job, Ending.DISABLED, self._off)

    def _bury(self, job: Delivery, ending: Ending, reason: str) -> None:
        self._take_out(job)
        if job.forgotten:
            return
        before = getattr(self.counters, ending.value)
        setattr(self.counters, ending.value, before + len(job.alerts))
        # A flood must not fill the log as well, and that a sink has switched off is already said.
        said = ending is Ending.DISABLED or (ending is Ending.OVERFLOWED and before % _SAY_EVERY != 0)
        (_log.debug if said else _log.error)(
            "alert goes to the dead letters",
            **self._named(job),
            reason=reason,
            attempts=job.attempts,
        )
        unwritten = len(job.alerts)

        async def written() -> None:
            nonlocal unwritten
            unwritten -= 1
            if not unwritten:
                await self._record(job, ending)
                job.ended()

        for alert in job.alerts:
            self._dead_letters.put(UndeliveredAlert(alert, self.sink.name, reason, lambda: not job.forgotten, written))

    async def _record(self, job: Delivery, ending: Ending) -> None:
        for alert in job.alerts:
            await self._ledger.record(
                LedgerEntry(alert.transition_id, self.sink.name, ending.value, job.attempts, self._world.now_ms())
            )

    def _finish(self, job: Delivery) -> None:
        self._take_out(job)
        job.ended()

    def _take_out(self, job: Delivery) -> None:
        job.state = DeliveryState.ENDED
        self._waiting.pop(job, None)
        job.finished.set()
        if job.digest is not None:
            self._digests = {key: digest for key, digest in self._digests.items() if digest is not job}
        lane = self._lanes.get(job.lane)
        if lane is None or job not in lane.jobs:
            return
        if job is next(iter(lane.jobs)):
            lane.wake.set()
        del lane.jobs[job]
        self._failing.discard(job.lane)
        if job is self._prober:
            self._choose_prober()
