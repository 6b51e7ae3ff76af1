"""Figures about alerts over HTTP, without a database: each worker has the history, and only its own messages."""

from typing import Any

import pytest

from alert_sinks.ledger import LedgerEntry
from episode_monitor.fleet.questions import alert_statistics as module
from episode_monitor.storage.history import MemoryAlertHistory
from models.alert import AlertStatus
from models.times import rfc3339
from tests.fleet.fleet import Fleet, Worker, code, json
from tests.storage.making import NOON_MS, alert

PATH = "/monitoring/episodes/alerts/statistics"
MINUTE_MS = 60_000
HOUR = {"from": rfc3339(NOON_MS), "to": rfc3339(NOON_MS + 60 * MINUTE_MS)}


def transition(minute: int, reason: str = "threshold_crossed", status: str = "firing", **changes: Any) -> Any:
    return alert(1, reason=reason, status=AlertStatus(status), updated_at_ms=NOON_MS + minute * MINUTE_MS, **changes)


async def a_life() -> MemoryAlertHistory:
    """Fires, escalates, is acknowledged, and ends after the hour."""
    history = MemoryAlertHistory()
    await history.append(transition(1), 0, 0)
    await history.append_act(transition(6, "escalated_unacknowledged", escalation_level=1), by=None, comment=None)
    await history.append_act(transition(8, "acknowledged_by_person"), by="kim", comment="looking")
    await history.append(transition(90, "back_to_normal", "resolved"), 0, 1)
    return history


def message(worker: Worker, message_id: str, minute: int, outcome: str = "delivered", *keys: str) -> None:
    deliveries: Any = worker.own.deliveries
    at_ms = NOON_MS + minute * MINUTE_MS
    deliveries.note(LedgerEntry(message_id, "slack", outcome, 1, at_ms, "team", "", keys))


async def two_workers(fleet: Fleet) -> tuple[Worker, Worker]:
    left, right = await fleet.worker("left", await a_life()), await fleet.worker("right", await a_life())
    left.own_partition(0)
    right.own_partition(1)
    await fleet.publish()
    return left, right


async def test_a_life_and_what_both_workers_sent_about_it() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        left.own.time_zone = right.own.time_zone = "Asia/Seoul"
        key, other = "episode_failure_rate:p1", "slow:p1"
        message(left, "n_1", 1, "delivered", key, other)
        message(right, "n_2", 6, "delivered", key)
        message(right, "n_3", 7, "given_up", key)
        message(right, "n_4", 61, "delivered", key)
        found = json(await left.get(PATH, **HOUR))
        assert found == json(await right.get(PATH, **HOUR))
        figures = {
            "firings": 1, "projects": 1, "at_night": 0, "flapping": 0, "escalated": 1, "acknowledged": 1, "resolved": 1,
            "resolved_by_people": 0, "still_firing": 0,
            "time_to_acknowledge": {"count": 1, "median_seconds": 420.0, "p90_seconds": 420.0},
            "time_to_resolve": {"count": 1, "median_seconds": 5340.0, "p90_seconds": 5340.0},
            "acknowledged_by": [{"by": "kim", "count": 1}], "resolved_by": [],
            "notifications": {"delivered": 2, "failed": 1},
        }  # fmt: skip
        assert found["total"] == figures
        assert found["rules"][0] == {**figures, "rule_id": "episode_failure_rate"}
        (_, slow) = found["rules"]
        assert (slow["rule_id"], slow["firings"], slow["notifications"]) == ("slow", 0, {"delivered": 1, "failed": 0})
        assert {name: found[name] for name in found if name not in ("total", "rules")} == {
            **HOUR, "history_from": rfc3339(NOON_MS + MINUTE_MS), "time_zone": "Asia/Seoul", "night": "22-07",
            "flap_minutes": 10,
        }  # fmt: skip


async def test_one_rule_or_project_is_picked_out() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        message(right, "n_1", 1, "delivered", "slow:p1")
        assert json(await left.get(PATH, rule_id="slow", **HOUR))["total"]["firings"] == 0
        assert json(await left.get(PATH, rule_id="slow", **HOUR))["total"]["notifications"]["delivered"] == 1
        assert json(await left.get(PATH, project_id="p2", **HOUR))["total"]["notifications"]["delivered"] == 0
        assert json(await left.get(PATH, project_id="p1", **HOUR))["total"]["firings"] == 1


async def test_messages_of_a_worker_that_is_away_are_not_known() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        assert right.server is not None
        await right.server.stop()
        total = json(await left.get(PATH, **HOUR))["total"]
        assert (total["firings"], total["notifications"]) == (1, None)


async def test_thirty_days_up_to_now_are_the_default() -> None:
    async with Fleet(2) as fleet:
        left, _ = await two_workers(fleet)
        fleet.clock.ms = NOON_MS + 120 * MINUTE_MS
        found = json(await left.get(PATH))
        assert (found["from"], found["to"]) == ("2025-09-09T11:00:00.000Z", "2025-10-09T11:00:00.000Z")
        assert found["total"]["firings"] == 1


async def test_a_range_with_too_many_transitions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_STEPS", 2000)
    history = MemoryAlertHistory()
    for number in range(2000):
        await history.append(alert(number), 0, number)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("one", history)
        worker.own_partition(0)
        await fleet.publish()
        assert code(await worker.get(PATH, **HOUR), 422) == "invalid_from"
