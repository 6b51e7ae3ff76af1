"""Alerts about drift in a fleet: one worker keeps them, any worker shows, counts and changes them."""

import pytest
from aiokafka.errors import KafkaError

from agents.engine.ownership import PartitionPhase
from episode_monitor.checks.errors import CheckFailed
from episode_monitor.checks.stream_side import StreamSide
from episode_monitor.fleet.acts.drift import EscalateDrift, ReportDrift
from episode_monitor.fleet.questions.active_alerts import ActiveAlertsQuestion
from episode_monitor.storage.history import MemoryAlertHistory
from models.alert import Alert
from streams.base import changelog_keys
from streams.partition.drift_alerts import named
from streams.partition.drift_values import Drifting
from tests.checks.fleet import at_once
from tests.fleet.fleet import Fleet, Worker, code, json
from tests.fleet.test_metrics import scraped, value
from tests.streams_views.making import START_MS

ALERTS = "/monitoring/episodes/alerts"
KEY = "integrity_drift:p"
BODY = {"by": "mina", "comment": "restoring the rows"}
FOUND = named({"p": Drifting(START_MS - 5000, 7, "missing_in_stream", 2, 9)})
LABELS = {"severity": "critical", "alert_type": "INTEGRITY_DRIFT"}
FIVE_MINUTES_MS = 300_000


async def two_workers(fleet: Fleet, history: MemoryAlertHistory | None = None) -> tuple[Worker, Worker]:
    """`left` has the partition that keeps the alerts; the check ran at `right`."""
    left, right = await fleet.worker("left", history), await fleet.worker("right", history)
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


def told(worker: Worker) -> list[tuple[str, str, int]]:
    return [(alert.status.value, alert.reason, alert.escalation_level) for alert in worker.told]


async def active(worker: Worker) -> list[str]:
    return [alert["alert_key"] for alert in json(await worker.get(f"{ALERTS}/active"))["alerts"]]


async def test_one_worker_tells_and_both_list_and_count_it_once() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        assert (told(left), told(right)) == ([("firing", "found_by_check", 0)], [])
        assert (0, changelog_keys.DRIFT) in left.engine.written
        for worker in (left, right):
            assert await active(worker) == [KEY]
            _, samples = await scraped(worker)
            assert value(samples, "episode_alerts_active", **LABELS) == 1
        before = right.model.version(), left.model.version()
        await checked(fleet, right, ReportDrift(is_all=True, drifting=[]))
        assert told(left)[1:] == [("resolved", "gone_at_check", 0)]
        assert (right.model.version() != before[0], left.model.version() != before[1]) == (True, True)
        for worker in (left, right):
            assert await active(worker) == []
            _, samples = await scraped(worker)
            assert value(samples, "episode_alerts_active", **LABELS) == 0


async def test_unacknowledged_it_escalates_at_the_worker_that_keeps_it_and_nowhere_else() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        fleet.clock.ms += FIVE_MINUTES_MS - 1
        for worker in (left, right):
            await worker.model.ask(EscalateDrift())
        assert len(left.told) == 1
        fleet.clock.ms += 1
        for worker in (left, right, left):
            await worker.model.ask(EscalateDrift())
        assert told(left)[1:] == [("firing", "escalated_unacknowledged", 1)]
        assert right.told == []
        await fleet.publish()
        assert json(await right.get(f"{ALERTS}/active"))["alerts"][0]["escalation_level"] == 1


@pytest.mark.parametrize("asked", [0, 1])
async def test_whoever_is_asked_an_acknowledged_one_names_the_person_and_does_not_escalate(asked: int) -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        answer = json(await (left, right)[asked].post(f"{ALERTS}/{KEY}/acknowledge", BODY))
        assert (answer["status"], answer["acknowledged_by"]) == ("firing", "mina")
        fleet.clock.ms += 10 * FIVE_MINUTES_MS
        await left.model.ask(EscalateDrift())
        assert told(left)[1:] == [("firing", "acknowledged_by_person", 0)]
        assert json(await left.get(f"{ALERTS}/active"))["alerts"][0]["acknowledged_by"] == "mina"


@pytest.mark.parametrize("asked", [0, 1])
async def test_a_resolved_one_leaves_the_list_and_cannot_be_resolved_again(asked: int) -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        answer = json(await (left, right)[asked].post(f"{ALERTS}/{KEY}/resolve", BODY))
        assert (answer["status"], answer["reason"]) == ("resolved", "resolved_by_person")
        await fleet.publish()
        assert await active(right) == []
        await checked(fleet, right, ReportDrift(is_all=True, drifting=FOUND))
        assert code(await (left, right)[asked].post(f"{ALERTS}/{KEY}/resolve", BODY), 409) == "already_resolved"
        assert len(left.told) == 2


async def test_a_silence_is_kept_and_told_of() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        answer = json(await right.post(f"{ALERTS}/{KEY}/silence", {**BODY, "minutes": 30}))
        assert answer["silenced_until"] == "2025-10-09T09:23:20.000Z"
        fleet.clock.ms += 30 * 60_000
        await left.model.ask(EscalateDrift())
        assert told(left)[2:] == [("firing", "silence_ended", 0)]


async def test_one_that_never_was_is_unknown_and_one_that_ended_is_known_from_history() -> None:
    history = MemoryAlertHistory()
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet, history)
        for worker in (left, right):
            assert code(await worker.post(f"{ALERTS}/integrity_drift:q/resolve", BODY), 404) == "unknown_alert"
        await checked(fleet, left, ReportDrift(is_all=False, drifting=[], over=["p"]))
        await history.append(left.told[-1], 0, 0)
        for worker in (left, right):
            assert code(await worker.post(f"{ALERTS}/{KEY}/resolve", BODY), 409) == "already_resolved"


async def test_what_kafka_does_not_take_is_not_done() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        left.tell_failing = KafkaError("away")
        assert code(await right.post(f"{ALERTS}/{KEY}/resolve", BODY), 503) == "unreachable"
        for worker in (left, right):
            with pytest.raises(CheckFailed, match="run it again when all partitions are available"):
                await checked(fleet, worker, ReportDrift(is_all=True, drifting=[]))
        assert await active(left) == [KEY]
        left.tell_failing = None
        assert json(await right.post(f"{ALERTS}/{KEY}/resolve", BODY))["status"] == "resolved"


async def test_while_nobody_keeps_them_a_check_fails_and_an_act_is_not_claimed() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        left.engine.owned[0].phase = PartitionPhase.RECOVERING
        for worker in (left, right):
            with pytest.raises(CheckFailed, match="run it again when all partitions are available"):
                await checked(fleet, worker, ReportDrift(is_all=True, drifting=[]))
            assert code(await worker.post(f"{ALERTS}/{KEY}/resolve", BODY), 503) == "recovering"


async def test_after_a_restart_its_successor_goes_on_with_the_same_id() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        (first,) = left.told
        stored = dict(left.engine.owned[0].store.values)
        del left.engine.owned[0]
        right.own_partition(0, generation=2)
        await right.engine.owned[0].recover(stored)
        right.go_idle()
        await right.publish()
        shown: list[Alert] = await right.model.ask(ActiveAlertsQuestion())
        assert [alert.alert_id for alert in shown] == [first.alert_id]
        await checked(fleet, left, ReportDrift(is_all=True, drifting=FOUND))
        fleet.clock.ms += FIVE_MINUTES_MS
        await right.model.ask(EscalateDrift())
        assert told(right) == [("firing", "escalated_unacknowledged", 1)]
        assert right.told[0].alert_id == first.alert_id
