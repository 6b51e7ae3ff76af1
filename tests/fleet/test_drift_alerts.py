"""Alerts about drift in a fleet: one worker keeps them, any worker shows and counts them."""

import pytest
from aiokafka.errors import KafkaError

from agents.engine.ownership import PartitionPhase
from agents.engine.stored_values import StoredValues
from episode_monitor.checks.errors import CheckFailed
from episode_monitor.checks.stream_side import StreamSide
from episode_monitor.fleet.acts.drift import ReportDrift
from episode_monitor.fleet.questions.active_alerts import ActiveAlertsQuestion
from models.alert import Alert
from streams.base import changelog_keys
from streams.partition.drift_alerts import named
from streams.partition.drift_values import Drifting
from tests.checks.fleet import at_once
from tests.fleet.fleet import Fleet, Worker, json
from tests.fleet.test_metrics import scraped, value
from tests.streams_views.making import START_MS

ALERTS = "/monitoring/episodes/alerts"
KEY = "integrity_drift:p"
FOUND = named({"p": Drifting(START_MS - 5000, 7, "missing_in_stream", 2, 9)})
WORSE = named({"p": Drifting(START_MS - 5000, 7, "missing_in_stream", 3, 9)})
LABELS = {"severity": "critical", "alert_type": "INTEGRITY_DRIFT"}


async def two_workers(fleet: Fleet) -> tuple[Worker, Worker]:
    """`left` has the partition that keeps the alerts; the check ran at `right`."""
    left, right = await fleet.worker("left"), await fleet.worker("right")
    left.own_partition(0)
    right.own_partition(1)
    left.go_idle()
    right.go_idle()
    await fleet.publish()
    await checked(fleet, right, ReportDrift(is_all=True, drifting=FOUND))
    return left, right


async def checked(fleet: Fleet, worker: Worker, question: ReportDrift) -> None:
    await StreamSide(worker.model, at_once).report(question)
    await fleet.publish()


def told(worker: Worker) -> list[tuple[str, str]]:
    return [(alert.status.value, alert.reason) for alert in worker.told]


async def active(worker: Worker) -> list[str]:
    return [alert["alert_key"] for alert in json(await worker.get(f"{ALERTS}/active"))["alerts"]]


async def test_one_worker_tells_and_both_list_and_count_it_once() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        assert (told(left), told(right)) == ([("firing", "found_by_check")], [])
        assert (0, changelog_keys.DRIFT) in left.engine.written
        for worker in (left, right):
            assert await active(worker) == [KEY]
            _, samples = await scraped(worker)
            assert value(samples, "episode_alerts_active", **LABELS) == 1
        before = right.model.version(), left.model.version()
        await checked(fleet, right, ReportDrift(is_all=True, drifting=[]))
        assert told(left)[1:] == [("resolved", "gone_at_check")]
        assert (right.model.version() != before[0], left.model.version() != before[1]) == (True, True)
        for worker in (left, right):
            assert await active(worker) == []
            _, samples = await scraped(worker)
            assert value(samples, "episode_alerts_active", **LABELS) == 0


async def test_one_that_got_worse_is_emitted_again_whichever_worker_found_it() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        fleet.clock.ms += 60_000
        await checked(fleet, right, ReportDrift(is_all=False, drifting=WORSE))
        assert told(left)[1:] == [("firing", "findings_rose")]
        assert right.told == []
        (shown,) = json(await right.get(f"{ALERTS}/active"))["alerts"]
        assert (shown["value"], shown["alert_id"]) == (3.0, left.told[0].alert_id)


async def test_what_kafka_does_not_take_is_not_done() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        left.tell_failing = KafkaError("away")
        for worker in (left, right):
            with pytest.raises(CheckFailed, match="run it again when all partitions are available"):
                await checked(fleet, worker, ReportDrift(is_all=True, drifting=[]))
        assert await active(left) == [KEY]
        left.tell_failing = None
        await checked(fleet, right, ReportDrift(is_all=True, drifting=[]))
        assert await active(left) == []


async def test_while_nobody_keeps_them_a_check_fails() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        left.engine.owned[0].phase = PartitionPhase.RECOVERING
        for worker in (left, right):
            with pytest.raises(CheckFailed, match="run it again when all partitions are available"):
                await checked(fleet, worker, ReportDrift(is_all=True, drifting=[]))


async def test_after_a_restart_its_successor_goes_on_with_the_same_id() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        (first,) = left.told
        stored = StoredValues(dict(left.engine.owned[0].store.items()))
        del left.engine.owned[0]
        right.own_partition(0, generation=2)
        await right.engine.owned[0].recover(stored)
        right.go_idle()
        await right.publish()
        shown: list[Alert] = await right.model.ask(ActiveAlertsQuestion())
        assert [alert.alert_id for alert in shown] == [first.alert_id]
        await checked(fleet, left, ReportDrift(is_all=True, drifting=FOUND))
        assert right.told == []
        await checked(fleet, left, ReportDrift(is_all=True, drifting=[]))
        assert told(right) == [("resolved", "gone_at_check")]
        assert right.told[0].alert_id == first.alert_id
