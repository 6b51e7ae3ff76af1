"""Whether a worker can serve, part by part."""

import msgspec
from structlog.testing import capture_logs

from agents.dispatch.dispatch_counts import DispatchCounts
from agents.dispatch.status import DispatchStatus
from agents.engine.allowance import Allowance
from agents.engine.ownership import PartitionPhase
from agents.engine.partition_audit import AuditOptions, PartitionAudit
from agents.engine.waits import Wait, WaitsFor
from episode_monitor.fleet.settings_watch import SettingsWatch
from models.times import rfc3339
from streams.partition.state_sum import StateSum
from tests.fleet.fleet import Fleet, json
from tests.streams_views.making import START_MS


async def test_a_worker_with_live_partitions_is_ready() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        answer = json(await worker.get("/readyz"))
        assert answer["ready"] is True
        assert answer["parts"] == {
            "broker": "ok", "database": "ok", "tables": "ok", "events": "ok", "fleet": "ok",
                "partitioning": "ok", "audit": "ok",
        }  # fmt: skip
        assert answer["lag"] == 0
        assert answer["recovery"] == {
            "complete": True, "partitions": 1, "partitions_live": 1, "records_read": 0, "seconds": 0.0,
        }  # fmt: skip


async def test_a_worker_that_reads_its_tables_back_is_not_ready_and_says_how_far_it_is() -> None:
    async with Fleet(2) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        worker.own_partition(1, phase=PartitionPhase.RECOVERING)
        worker.engine.owned[1].recovered.records = 1234
        answer = json(await worker.get("/readyz"), 503)
        assert answer["ready"] is False
        assert answer["parts"]["tables"] == "1 of 2 partitions are recovering."
        assert (answer["recovery"]["complete"], answer["recovery"]["records_read"]) == (False, 1234)


async def test_without_a_broker_a_worker_is_not_ready_and_without_a_database_it_is() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        worker.database = "PostgreSQL is away: history waits."
        assert json(await worker.get("/readyz"))["parts"]["database"] == "PostgreSQL is away: history waits."
        worker.broker = "waiting for Kafka"
        assert json(await worker.get("/readyz"), 503)["parts"]["broker"] == "waiting for Kafka"


async def test_a_worker_without_partitions_is_ready_once_it_knows_all_of_the_others() -> None:
    async with Fleet(1) as fleet:
        spare, owner = await fleet.worker("spare"), await fleet.worker("owner")
        owner.own_partition(0)
        waiting = json(await spare.get("/readyz"), 503)
        assert waiting["parts"]["tables"] == (
            "This worker has no partition yet, and there is no summary of partition 0 yet."
        )
        await fleet.publish()
        assert json(await spare.get("/readyz"))["parts"]["tables"] == "ok"


async def test_before_anything_is_known_a_worker_is_not_ready() -> None:
    async with Fleet(0) as fleet:
        worker = await fleet.worker("early")
        assert json(await worker.get("/readyz"), 503)["parts"]["fleet"] == (
            "Incomplete: the number of partitions is not known yet."
        )


async def test_silent_neighbours_are_named_and_do_not_make_this_worker_unready() -> None:
    async with Fleet(2) as fleet:
        left, right = await fleet.worker("left"), await fleet.worker("right")
        left.own_partition(0)
        right.own_partition(1)
        await fleet.publish()
        fleet.clock.ms = START_MS + 60_000
        answer = json(await left.get("/readyz"))
        assert answer["parts"]["fleet"] == "No recent summary of the partitions 1."


async def test_a_partition_that_cannot_be_read_on_is_told_of_and_served_all_the_same() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        worker.engine.owned[0].problem = "Partition 0 waits: mend what sends dead letters."
        answer = json(await worker.get("/readyz"))
        assert answer["parts"]["events"] == "Partition 0 waits: mend what sends dead letters."


async def test_lag_is_unknown_where_the_end_of_a_log_cannot_be_asked_or_a_partition_is_read_back() -> None:
    async with Fleet(2) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        assert json(await worker.get("/readyz"))["lag"] == 0
        worker.engine.end_is_known = False
        assert json(await worker.get("/readyz"))["lag"] is None
        worker.engine.end_is_known = True
        worker.own_partition(1, phase=PartitionPhase.RECOVERING)
        assert json(await worker.get("/readyz"), 503)["lag"] is None


async def test_what_has_waited_for_long_is_told_with_partition_offset_and_how_long() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        worker.waits = [
            Wait("events", 0, 100, 12, WaitsFor.TRANSACTION, 45.0), Wait("events", 0, 100, 1, WaitsFor.TAKING, 3.0),
        ]  # fmt: skip
        answer = json(await worker.get("/readyz"))
        assert answer["parts"]["events"] == (
            "12 events of partition 0 of events from offset 100 on have waited 45 s behind a transaction that its "
            "producer has not ended; the broker ends it after the producer's transaction.timeout.ms."
        )
        metrics = (await worker.get("/metrics")).text
        assert 'episode_monitor_waiting_seconds{partition="0",waits_for="transaction"} 45.0' in metrics


async def test_a_worker_with_other_settings_is_named_with_what_differs() -> None:
    async with Fleet(2) as fleet:
        left, right = await fleet.worker("left"), await fleet.worker("right")
        left.own_partition(0)
        right.own_partition(1)
        right.publisher._identity = msgspec.structs.replace(right.publisher._identity, settings=b"other")
        await fleet.publish()
        watch = SettingsWatch(left.view, "left", lambda packed: ["API_TOKENS"] if packed == b"other" else [])
        assert watch.found() == {right.url: ["API_TOKENS"]}
        assert watch.status() == (
            f"The worker at {right.url} differs from this one in API_TOKENS: use the same settings on all workers and "
            f"restart them."
        )
        with capture_logs() as said:
            watch.look()
            watch.look()
        assert [line["settings"] for line in said] == [["API_TOKENS"]]
        fleet.clock.ms += 11_000
        assert watch.status() == "ok"


class Audits:
    """What an auditor says."""

    problem = "Audit checkpoints cannot be written to a-topic: it is gone. They wait in the changelog."
    written = 3
    given_up = 7


async def test_audit_checkpoints_that_are_not_taken_are_said_and_keep_nothing_from_being_served() -> None:
    async with Fleet(2) as fleet:
        worker = await fleet.worker("only")
        for number in (0, 1):
            worker.own_partition(number)
        owned, core = worker.engine.owned[1], worker.engine.core
        options = AuditOptions(
            monitor_id="m", topic="a-topic", every_seconds=60, software="1", now_ms=lambda: START_MS
        )  # fmt: skip
        owned.audit = PartitionAudit(options, "events", 1, core, Allowance(0, 0, 0), lambda name: None)
        owned.position = 40
        owned.audit.chain.offset_from = 15
        owned.audit.sum = StateSum(core, owned.store, [], lambda project: None)
        owned.audit.sum.restore(0xABC, 15)
        worker.engine.auditor = Audits()
        answer = json(await worker.get("/readyz"))
        assert (answer["ready"], answer["parts"]["audit"]) == (True, Audits.problem)
        unaudited, audited = sorted(answer["partitions"], key=lambda each: each["partition"])
        assert (unaudited["audited_to"], unaudited["state_digest"], unaudited["state_digest_at"]) == (None, None, None)
        assert audited == {
            "partition": 1, "applied": 40, "audited_to": 15, "state_digest": f"{0xABC:032x}", "state_digest_at": 15,
            "late_events": 0,
        }  # fmt: skip
        samples = (await worker.get("/metrics")).text
        assert "episode_monitor_audit_checkpoints_total 3.0" in samples
        assert "episode_monitor_audit_uncovered_records_total 7.0" in samples
        assert 'episode_monitor_audit_lag_records{partition="1"} 25.0' in samples


async def test_it_says_who_decides_about_notifications_and_is_ready_without_an_owner() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        assert json(await worker.get("/readyz"))["dispatcher"] is None
        status = DispatchStatus(
            owner="http://a", silent_seconds=1.0, is_owner=True, is_live=True, is_copied=True, deadline_ms=START_MS,
            counts=DispatchCounts(),
        )  # fmt: skip
        worker.dispatching = status
        answer = json(await worker.get("/readyz"))
        assert (answer["parts"]["dispatcher"], answer["dispatcher"]) == (
            "ok",
            {"owner": "http://a", "is_this_worker": True, "live": True, "waits_for": None,
             "deadline": rfc3339(START_MS), "copy_lag": 0},
        )  # fmt: skip
        worker.dispatching = msgspec.structs.replace(status, is_owner=False, is_live=False, silent_seconds=61.0)
        answer = json(await worker.get("/readyz"))
        assert answer["parts"]["dispatcher"].startswith("No worker is the owner of the dispatcher")


async def test_late_events_are_counted_by_partition_and_in_all() -> None:
    async with Fleet(2) as fleet:
        worker = await fleet.worker("only")
        first, second = worker.own_partition(0), worker.own_partition(1)
        first.created("p", 1, at=100)
        first.created("p", 2, at=5)  # 95 s behind
        first.created("p", 3, at=41)  # 59 s: within the grace
        for number, at in ((1, 200), (2, 10), (3, 20)):
            second.created("q", number, at=at)
        answer = json(await worker.get("/readyz"))
        late = {each["partition"]: each["late_events"] for each in answer["partitions"]}
        assert (late, answer["late_events"]) == ({0: 1, 1: 2}, 3)
