"""What this worker says of itself: whether it is ready, and its own counters, kept over partitions that come and go."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from agents.dispatch.status import DispatchStatus
from agents.engine.ownership import Owned
from agents.engine.record_counts import RecordCounts
from agents.engine.waits import Wait, WaitsFor, long_waits
from agents.fleet_topic.fleet_view import FleetView, Incomplete
from episode_monitor.fleet.outgoing import Outgoing
from episode_monitor.fleet.split_views import splits_status
from episode_monitor.observe import dispatcher
from episode_monitor.observe.metrics import WorkerMetrics
from episode_monitor.observe.passed_over import PassedOver
from models.process_views import PartitionReadiness, Readiness


class Probe(msgspec.Struct, frozen=True):
    """A part of readiness. `look` returns "ok" or one sentence; it must not wait."""

    name: str
    look: Callable[[], str]
    is_needed: bool  # whether the worker cannot serve without it


class WorkerState:
    """`deliveries` gives sink, outcome and how many; `waits` what waits of this worker's partitions; `outgoing` what
    waits to be delivered; `rows` of our own database `{table}_pending` and `{table}_lost`;
    `passed_over` records of our own topics;
    `dispatching` how the dispatcher is, None while nothing is monitored; `reload` is of `WorkerMetrics`."""

    def __init__(
        self,
        view: FleetView,
        probes: Sequence[Probe],
        version: str,
        deliveries: Callable[[], Sequence[tuple[str, str, int]]] = lambda: (),
        waits: Callable[[], Sequence[Wait]] = lambda: (),
        workers_that_differ: Callable[[], int] = lambda: 0,
        outgoing: Callable[[], Outgoing] = Outgoing,
        rows: Callable[[], Mapping[str, int]] = dict,
        dispatching: Callable[[], DispatchStatus | None] = lambda: None,
        reload: Callable[[], tuple[bool, float]] = lambda: (True, 0.0),
        passed_over: Callable[[], PassedOver] = PassedOver,
    ) -> None:
        self._view = view
        self._probes = tuple(probes)
        self._version = version
        self._deliveries = deliveries
        self._waits = waits
        self._workers_that_differ = workers_that_differ
        self._outgoing = outgoing
        self._rows = rows
        self._dispatching = dispatching
        self._reload = reload
        self._passed_over = passed_over

    def readiness(self) -> Readiness:
        """Part by part. The worker is ready when all parts that it needs are well."""
        looked = [(probe.name, probe.look(), probe.is_needed) for probe in self._probes]
        looked.append(("tables", self._tables(), True))
        looked.append(("events", self._events(), False))
        looked.append(("fleet", self._fleet(), False))
        looked.append(("partitioning", splits_status(self._view), False))
        looked.append(("audit", self._audit(), False))
        dispatching = self._dispatching()
        if dispatching is not None:
            looked.append(("dispatcher", dispatching.word, False))
        live = self._view.live
        return Readiness(
            ready=all(word == "ok" for _, word, is_needed in looked if is_needed),
            parts={name: word for name, word, _ in looked},
            lag=self._lag_in_all(),
            recovery=self._recovery(),
            partitions=[_partition(owned) for owned in live],
            late_events=sum(owned.partition.totals.late for owned in live),
            dispatcher=None if dispatching is None else dispatcher.readiness(dispatching),
        )

    def _tables(self) -> str:
        owned = self._view.owned
        recovering = len(owned) - len(self._view.live)
        if recovering:
            said = [f"{recovering} of {len(owned)} partitions are recovering."]
            return " ".join([*said, *self._waits_sentences(lambda wait: wait.waits_for is WaitsFor.RECOVERY)])
        if owned:
            return "ok"
        try:
            self._view.parts()
        except Incomplete as reason:
            return f"This worker has no partition yet, and {reason}."
        return "ok"  # a spare worker: the others have all partitions

    def _events(self) -> str:
        """What keeps partitions from being read; what was read before is served all the same."""
        words = [owned.problem for owned in self._view.live if owned.problem]
        return " ".join([*words, *self._waits_sentences(lambda wait: wait.waits_for is not WaitsFor.RECOVERY)]) or "ok"

    def _waits_sentences(self, is_it: Callable[[Wait], bool]) -> list[str]:
        return [wait.sentence() for wait in long_waits(self._waits()) if is_it(wait)]

    def _fleet(self) -> str:
        try:
            stale = self._view.stale_partitions(self._view.parts())
        except Incomplete as reason:
            return f"Incomplete: {reason}."
        if stale:
            return f"No recent summary of the partitions {', '.join(map(str, stale))}."
        return "ok"

    def _audit(self) -> str:
        """What keeps audit checkpoints from being written; events are tracked all the same."""
        auditor = self._view.engine.auditor
        return "ok" if auditor is None else auditor.problem or "ok"

    def _lag_in_all(self) -> int | None:
        """None where it is not known of a partition: to say 0 would be to say that all is read."""
        known = self._lag()
        return None if len(known) < len(self._view.owned) else sum(known.values())

    def _lag(self) -> dict[int, int]:
        """Of each partition of which it is known."""
        engine = self._view.engine
        waiting = {owned.number: engine.progress.waiting(owned) for owned in self._view.live}
        return {number: count for number, count in waiting.items() if count is not None}

    def _recovery(self) -> dict[str, float | int | bool]:
        owned = list(self._view.owned.values())
        live = sum(each.is_live for each in owned)
        return {
            "complete": bool(owned) and live == len(owned),
            "partitions": len(owned),
            "partitions_live": live,
            "records_read": sum(each.recovered.records for each in owned),
            "seconds": round(max((each.recovered.seconds for each in owned), default=0.0), 3),
        }

    def metrics(self) -> WorkerMetrics:
        """This worker's own numbers."""
        owned = list(self._view.owned.values())
        engine = self._view.engine
        counted = RecordCounts()
        for counts in (engine.former, *(each.counts for each in owned)):
            counted.add(counts)
        try:
            stale = len(self._view.stale_partitions(self._view.parts()))
        except Incomplete:
            stale = 0
        return WorkerMetrics(
            version=self._version,
            events=counted.outcomes,
            dead_letters=counted.dead_letters_by_reason,
            lag=self._lag(),
            waits=[(wait.partition, wait.waits_for.value, wait.seconds) for wait in self._waits()],
            partitions_recovering=len(owned) - len(self._view.live),
            recovery_seconds=max((each.recovered.seconds for each in owned), default=0.0),
            recovered_records=sum(each.recovered.records for each in owned),
            stale_partitions=stale,
            workers_that_differ=self._workers_that_differ(),
            flushes=engine.flusher.flushes,
            flush_seconds=engine.flusher.flush_seconds,
            changelog_bytes=engine.changelog.bytes_written,
            deliveries=self._deliveries(),
            outgoing=self._outgoing(),
            rows_waiting=_ending(self._rows(), "_pending"),
            rows_lost=_ending(self._rows(), "_lost"),
            audit_checkpoints=0 if engine.auditor is None else engine.auditor.written,
            audit_uncovered=0 if engine.auditor is None else engine.auditor.given_up,
            clock_age=self._clock_age(),
            passed_over=self._passed_over(),
            audit_lag=self._audit_lag(),
            dispatcher=self._dispatching(),
            reload=self._reload(),
        )

    def _clock_age(self) -> dict[int, float]:
        """Of each live partition."""
        now_ms = self._view.now_ms()
        return {owned.number: max(0, now_ms - self._view.as_of_ms(owned)) / 1000 for owned in self._view.live}

    def _audit_lag(self) -> dict[int, int]:
        return {
            owned.number: owned.position - owned.audit.chain.audited_to
            for owned in self._view.live
            if owned.audit is not None
        }


def _partition(owned: Owned) -> PartitionReadiness:
    audit = owned.audit
    state = (None, None) if audit is None or audit.state_digest is None else audit.state_digest
    return PartitionReadiness(
        partition=owned.number, applied=owned.position, audited_to=None if audit is None else audit.chain.audited_to,
        state_digest=state[0], state_digest_at=state[1], late_events=owned.partition.totals.late,
    )  # fmt: skip


def _ending(counters: Mapping[str, int], ending: str) -> dict[str, int]:
    return {name.removesuffix(ending): count for name, count in counters.items() if name.endswith(ending)}
