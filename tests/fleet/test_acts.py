"""What people do to alerts: whoever is asked, the owner does it, tells it, stores it, and only then answers."""

import asyncio

import pytest
from aiokafka.errors import KafkaError

from agents.engine.ownership import PartitionPhase
from episode_monitor.storage.history import MemoryAlertHistory
from models.alert import AlertStatus
from models.event import EventType
from streams.alerting.alert_state import AlertPhase
from streams.base import changelog_keys
from streams.project.alert_actions import person_of
from tests.fleet.fleet import Fleet, Worker, code, json
from tests.streams_views.making import START_MS, Log, seed_project

ALERTS = "/monitoring/episodes/alerts"
KEY = "integrity:proj_123"
BODY = {"by": "mina", "comment": "renumbered"}


async def two_workers(fleet: Fleet, history: MemoryAlertHistory | None = None) -> tuple[Worker, Worker, Log]:
    """`left` owns the project whose integrity alert fires."""
    left, right = await fleet.worker("left", history), await fleet.worker("right", history)
    log = left.own_partition(0)
    right.own_partition(1)
    seed_project(log)
    log.settle(60)
    log.partition.emits.clear()
    await fleet.publish()
    return left, right, log


@pytest.mark.parametrize("asked", [0, 1])
async def test_a_resolved_alert_is_told_stored_and_gone_from_the_list_of_both(asked: int) -> None:
    async with Fleet(2) as fleet:
        left, right, log = await two_workers(fleet)
        await left.engine.flusher.flush()
        left.engine.written.clear()
        answer = json(await (left, right)[asked].post(f"{ALERTS}/{KEY}/resolve", BODY))
        assert (answer["status"], answer["reason"], answer["alert_key"]) == ("resolved", "resolved_by_person", KEY)
        assert answer["ends_at"] == "2025-10-09T08:54:20.000Z"
        assert [(told.alert_key, told.status) for told in left.told] == [(KEY, AlertStatus.RESOLVED)]
        assert person_of(left.told[0]) == ("mina", "renumbered")
        assert right.told == []
        assert (0, changelog_keys.head("proj_123")) in left.engine.written
        assert json(await left.get(f"{ALERTS}/active"))["total"] == 0
        await left.publisher.publish_due(0)
        assert json(await right.get(f"{ALERTS}/active"))["total"] == 0
        assert log.partition.emits == []


@pytest.mark.parametrize("asked", [0, 1])
async def test_an_acknowledged_alert_stays_active_and_names_the_person(asked: int) -> None:
    async with Fleet(2) as fleet:
        left, right, _ = await two_workers(fleet)
        answer = json(await (left, right)[asked].post(f"{ALERTS}/{KEY}/acknowledge", BODY))
        assert (answer["status"], answer["acknowledged_by"]) == ("firing", "mina")
        shown = json(await left.get(f"{ALERTS}/active"))["alerts"][0]
        assert shown["acknowledged_by"] == "mina"


async def test_an_act_makes_the_list_new_for_those_who_have_it_already() -> None:
    async with Fleet(2) as fleet:
        left, _, _ = await two_workers(fleet)
        before = left.model.version()
        json(await left.post(f"{ALERTS}/{KEY}/acknowledge", BODY))
        assert left.model.version() != before


async def test_a_silence_is_counted_by_the_wall_clock_where_event_time_is_behind() -> None:
    async with Fleet(2) as fleet:
        left, right, _ = await two_workers(fleet)
        fleet.clock.ms = START_MS + 3_600_000
        answer = json(await right.post(f"{ALERTS}/{KEY}/silence", {**BODY, "minutes": 30}))
        assert answer["silenced_until"] == "2025-10-09T10:23:20.000Z"
        assert answer["updated_at"] == "2025-10-09T08:54:20.000Z"
        left.go_idle()
        answer = json(await left.post(f"{ALERTS}/{KEY}/silence", {**BODY, "minutes": 30}))
        assert answer["updated_at"] == "2025-10-09T09:53:20.000Z"


@pytest.mark.parametrize("asked", [0, 1])
async def test_what_was_resolved_cannot_be_resolved_again(asked: int) -> None:
    async with Fleet(2) as fleet:
        left, right, _ = await two_workers(fleet)
        json(await left.post(f"{ALERTS}/{KEY}/resolve", BODY))
        assert code(await (left, right)[asked].post(f"{ALERTS}/{KEY}/resolve", BODY), 409) == "already_resolved"
        assert len(left.told) == 1


NEVER_WERE = ["failures:proj_123", "integrity:nobody", "no-such-rule:proj_123", "no colon", ":", "x:"]


@pytest.mark.parametrize("key", NEVER_WERE)
async def test_an_alert_that_never_was_is_unknown(key: str) -> None:
    async with Fleet(2) as fleet:
        for worker in (await two_workers(fleet))[:2]:
            assert code(await worker.post(f"{ALERTS}/{key}/resolve", BODY), 404) == "unknown_alert"


@pytest.mark.parametrize("asked", [0, 1])
async def test_an_alert_that_ended_by_itself_is_known_from_history(asked: int) -> None:
    history = MemoryAlertHistory()
    async with Fleet(2) as fleet:
        left, right, log = await two_workers(fleet, history)
        for number in (3, 7, 12):
            log.created("proj_123", number, at=61)
        log.take(EventType.DELETED, "proj_123", 62, episode_id="again")
        (ended,) = log.partition.emits
        assert ended.status is AlertStatus.RESOLVED
        await history.append(ended, 0, 0)
        assert code(await (left, right)[asked].post(f"{ALERTS}/{KEY}/resolve", BODY), 409) == "already_resolved"


async def test_while_the_owner_cannot_be_told_nothing_is_claimed() -> None:
    async with Fleet(3) as fleet:
        left, right, _ = await two_workers(fleet)
        assert code(await left.post(f"{ALERTS}/integrity:nobody/resolve", BODY), 503) == "recovering"
        assert left.server is not None
        await left.server.stop()
        assert code(await right.post(f"{ALERTS}/{KEY}/resolve", BODY), 503) == "unreachable"


async def test_what_kafka_does_not_take_is_not_done() -> None:
    async with Fleet(2) as fleet:
        left, _, log = await two_workers(fleet)
        left.tell_failing = KafkaError("away")
        assert code(await left.post(f"{ALERTS}/{KEY}/resolve", BODY), 503) == "unreachable"
        state = log.partition.state("proj_123")
        assert state is not None
        assert state.alerts["integrity"].phase is AlertPhase.FIRING
        left.tell_failing = None
        assert json(await left.post(f"{ALERTS}/{KEY}/resolve", BODY))["status"] == "resolved"


async def test_an_act_waits_for_its_turn_and_a_partition_lost_meanwhile_is_not_claimed() -> None:
    async with Fleet(2) as fleet:
        left, _, _ = await two_workers(fleet)
        owned = left.engine.owned[0]
        async with owned.locked():
            acting = asyncio.create_task(left.post(f"{ALERTS}/{KEY}/resolve", BODY))
            done, _ = await asyncio.wait([acting], timeout=0.2)
            assert not done
            owned.phase = PartitionPhase.GONE
        assert code(await acting, 503) == "recovering"
        assert left.told == []


async def test_a_partition_lost_while_it_was_stored_is_not_claimed_either() -> None:
    async with Fleet(2) as fleet:
        left, _, _ = await two_workers(fleet)
        owned = left.engine.owned[0]

        def lose() -> None:
            owned.phase = PartitionPhase.GONE

        left.engine.on_flush = lose
        assert code(await left.post(f"{ALERTS}/{KEY}/resolve", BODY), 503) == "unreachable"


async def test_history_shows_the_person_and_the_words() -> None:
    history = MemoryAlertHistory()
    async with Fleet(2) as fleet:
        left, right, _ = await two_workers(fleet, history)
        json(await left.post(f"{ALERTS}/{KEY}/resolve", BODY))
        await history.append(left.told[0], 0, 0)
        page = json(await right.get(f"{ALERTS}/history", alert_key=KEY))
        (step,) = page["transitions"]
        assert (step["by"], step["comment"], step["reason"]) == ("mina", "renumbered", "resolved_by_person")
        assert step["at"] == "2025-10-09T08:54:20.000Z"
        assert page["next_cursor"] is None
        assert code(await right.get(f"{ALERTS}/history", cursor="x"), 422) == "invalid_cursor"
