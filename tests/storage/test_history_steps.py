"""What statistics read of both storages: the same steps in the same order, whatever the pages; messages by rule."""

import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from alert_sinks.ledger import LedgerEntry, NotesDeliveries
from episode_monitor.storage.alert_deliveries import CountQuery
from episode_monitor.storage.database import Database
from episode_monitor.storage.history_steps import StepQuery
from episode_monitor.storage.storage import Storage, open_storage
from models.alert import AlertStatus
from streams.views.alert_statistics import HistoryStep
from tests.storage.conftest import SOON, all_written
from tests.storage.making import NOON_MS, alert

SECOND_MS = 1000


@pytest.fixture
async def both(database_url: str) -> AsyncIterator[list[Storage]]:
    """PostgreSQL and memory, empty."""
    storages = [open_storage(url, SOON) for url in (database_url, None)]
    for storage in storages:
        await storage.database.connect()
    yield storages
    for storage in storages:
        await storage.database.close()


async def walked(storage: Storage, **query: Any) -> list[HistoryStep]:
    asked, steps = StepQuery(**{"since_ms": NOON_MS, **query}), list[HistoryStep]()
    while True:
        page = await storage.history.steps(asked)
        steps += page.steps
        if page.after is None:
            return steps
        asked = msgspec.structs.replace(asked, after=page.after)


async def test_a_step_has_the_alert_the_reason_and_the_person(both: list[Storage]) -> None:
    for storage in both:
        await storage.history.append(alert(1), 0, 7)
        await storage.history.append_act(alert(2, reason="acknowledged_by_person"), by="kim", comment="mine")
        assert await walked(storage) == [
            HistoryStep(NOON_MS + 1000, "firing-1", "episode_failure_rate:p1", "episode_failure_rate", "p1", "firing",
                        "threshold_crossed", None),
            HistoryStep(NOON_MS + 2000, "firing-2", "episode_failure_rate:p1", "episode_failure_rate", "p1", "firing",
                        "acknowledged_by_person", "kim"),
        ]  # fmt: skip


async def test_every_way_of_asking_gives_the_same_from_both_and_in_pages(both: list[Storage]) -> None:
    chance = random.Random(7)
    for number in range(60):
        rule, project = chance.choice(["r1", "r2"]), chance.choice(["a", "b", "c:d"])
        row = alert(
            number, rule_id=rule, project_id=project, alert_key=f"{rule}:{project}",
            status=chance.choice(list(AlertStatus)), updated_at_ms=NOON_MS + chance.randrange(20) * SECOND_MS,
        )  # fmt: skip
        for storage in both:
            await storage.history.append(row, 0, number)
    database, memory = both
    queries: tuple[dict[str, Any], ...] = (
        {}, {"limit": 7}, {"limit": 1}, {"rule_id": "r1"}, {"project_id": "c:d", "limit": 2},
        {"since_ms": NOON_MS + 5 * SECOND_MS, "until_ms": NOON_MS + 9 * SECOND_MS, "limit": 3},
        {"alert_keys": ["r1:a", "r2:c:d"], "limit": 4}, {"alert_keys": []}, {"rule_id": "gone"},
    )  # fmt: skip
    for query in queries:
        found = await walked(database, **query)
        assert found == await walked(memory, **query), query
        assert [one.at_ms for one in found] == sorted(one.at_ms for one in found)
    assert len(await walked(database)) == 60
    assert {one.alert_key for one in await walked(database, alert_keys=["r1:a"])} == {"r1:a"}


async def test_messages_are_counted_by_rule_and_once_in_all(both: list[Storage]) -> None:
    for storage in both:
        assert isinstance(storage.ledger, NotesDeliveries)
        for entry in (
            LedgerEntry("n_1", "slack", "delivered", 1, NOON_MS, "team", "", ("r:p1", "r:p2", "s:p1")),
            LedgerEntry("n_1", "webhook", "rejected", 1, NOON_MS, "team", "400", ("r:p1", "r:p2", "s:p1")),
            LedgerEntry("n_2", "slack", "delivered", 2, NOON_MS + 1, "team", "", ("s:a:b",)),
            LedgerEntry("n_3", "slack", "delivered", 1, NOON_MS + 2, "team", "", ("r:p1",)),
        ):
            storage.ledger.note(entry)
        if isinstance(storage.database, Database):
            await all_written(storage.database)

        async def counts(since: int = 0, until: int = 2, *, of: Storage = storage, **query: Any) -> set[Any]:
            asked = CountQuery(since_ms=NOON_MS + since, until_ms=NOON_MS + until, **query)
            return {msgspec.structs.astuple(one) for one in await of.deliveries.counts(asked)}

        assert await counts() == {("r", 1, 1), ("s", 2, 1), (None, 2, 1)}
        assert await counts(0, 3) == {("r", 2, 1), ("s", 2, 1), (None, 3, 1)}
        assert await counts(rule_id="s") == {("s", 2, 1), (None, 2, 1)}
        assert await counts(project_id="a:b") == {("s", 1, 0), (None, 1, 0)}
        assert await counts(5, 6) == set()
