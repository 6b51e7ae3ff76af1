"""The ledgers: what memory keeps, and how delivery lives through a ledger that is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from alert_sinks.ledger import GuardedLedger, LedgerEntry, MemoryLedger
from tests.alert_sinks.support import NOW_MS, FakeTime, Signal


def entry(transition_id: str = "t1", outcome: str = "delivered") -> LedgerEntry:
    """An entry for slack."""
    return LedgerEntry(transition_id, "slack", outcome, 1, NOW_MS)


class Database:
    """A ledger that can be away, by raising or by never answering."""

    def __init__(self, signal: Signal) -> None:
        self.rows: list[LedgerEntry] = []
        self.asked = 0
        self.raises = False
        self.hangs = False
        self._signal = signal

    async def _answer(self) -> None:
        self.asked += 1
        self._signal.fire()
        if self.raises:
            raise ConnectionError("the database is away")
        if self.hangs:
            await asyncio.Event().wait()

    async def already_delivered(self, transition_id: str, sink: str) -> bool:
        await self._answer()
        return any(
            (row.transition_id, row.sink, row.outcome) == (transition_id, sink, "delivered") for row in self.rows
        )

    async def record(self, transition_id: str, sink: str, outcome: str, attempts: int, at_ms: int) -> None:
        await self._answer()
        self.rows.append(LedgerEntry(transition_id, sink, outcome, attempts, at_ms))
        self._signal.fire()


@pytest.fixture
def database(signal: Signal) -> Database:
    return Database(signal)


@pytest.fixture
def time(signal: Signal) -> FakeTime:
    return FakeTime(signal)


@pytest.fixture
async def guarded(database: Database, time: FakeTime) -> AsyncIterator[GuardedLedger]:
    ledger = GuardedLedger(
        database, timeout_seconds=0.05, rest_seconds=5.0, backlog_limit=3, environment=time.environment
    )
    yield ledger
    await ledger.aclose(1.0)


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with capture_logs() as lines:
        yield lines


async def test_memory_knows_what_was_delivered_to_whom() -> None:
    ledger = MemoryLedger()
    await ledger.record("t1", "slack", "delivered", 1, NOW_MS)

    assert await ledger.already_delivered("t1", "slack")
    assert not await ledger.already_delivered("t1", "webhook")
    assert not await ledger.already_delivered("t2", "slack")


async def test_a_dead_letter_is_not_a_delivery_and_does_not_undo_one() -> None:
    ledger = MemoryLedger()
    await ledger.record("t1", "slack", "rejected", 1, NOW_MS)
    assert not await ledger.already_delivered("t1", "slack")

    await ledger.record("t1", "slack", "delivered", 2, NOW_MS)
    await ledger.record("t1", "slack", "given_up", 3, NOW_MS)
    assert await ledger.already_delivered("t1", "slack")


async def test_memory_forgets_the_entry_that_was_not_asked_for_longest() -> None:
    ledger = MemoryLedger(limit=2)
    await ledger.record("t1", "slack", "delivered", 1, NOW_MS)
    await ledger.record("t2", "slack", "delivered", 1, NOW_MS)
    assert await ledger.already_delivered("t1", "slack")
    await ledger.record("t3", "slack", "delivered", 1, NOW_MS)

    known = [await ledger.already_delivered(transition, "slack") for transition in ("t1", "t2", "t3")]
    assert known == [True, False, True]


async def test_entries_reach_the_ledger_behind(guarded: GuardedLedger, database: Database) -> None:
    await guarded.record(entry())

    assert database.rows == [entry()]
    assert not guarded.is_away


async def test_what_another_process_delivered_is_known(guarded: GuardedLedger, database: Database) -> None:
    database.rows.append(entry())

    assert await guarded.already_delivered("t1", "slack")
    assert not await guarded.already_delivered("t2", "slack")


async def test_what_this_process_delivered_is_known_without_asking(guarded: GuardedLedger, database: Database) -> None:
    await guarded.record(entry())
    asked = database.asked

    assert await guarded.already_delivered("t1", "slack")
    assert database.asked == asked


@pytest.mark.parametrize("trouble", ["raises", "hangs"])
async def test_a_ledger_that_is_away_counts_as_not_knowing(
    guarded: GuardedLedger, database: Database, trouble: str
) -> None:
    setattr(database, trouble, True)

    assert not await guarded.already_delivered("t1", "slack")
    assert guarded.is_away


async def test_a_ledger_that_is_away_is_left_alone_for_a_while(
    guarded: GuardedLedger, database: Database, time: FakeTime
) -> None:
    database.raises = True
    await guarded.already_delivered("t1", "slack")
    time.advance(4.9)
    await guarded.already_delivered("t1", "slack")
    assert database.asked == 1

    time.advance(0.1)
    await guarded.already_delivered("t1", "slack")
    assert database.asked == 2


async def test_entries_it_missed_are_written_in_order_when_it_is_back(
    guarded: GuardedLedger, database: Database, time: FakeTime, signal: Signal
) -> None:
    database.raises = True
    await guarded.record(entry("t1"))
    await guarded.record(entry("t2"))
    assert (database.rows, guarded.backlog) == ([], 2)
    assert await guarded.already_delivered("t1", "slack")

    database.raises = False
    await signal.until(lambda: time.sleepers == 1)
    time.advance(5.0)
    await signal.until(lambda: len(database.rows) == 2)
    await guarded.record(entry("t3"))

    await signal.until(lambda: len(database.rows) == 3)
    assert database.rows == [entry("t1"), entry("t2"), entry("t3")]
    assert (guarded.backlog, guarded.is_away) == (0, False)


async def test_a_ledger_that_stays_away_costs_only_its_oldest_entries(
    guarded: GuardedLedger, database: Database
) -> None:
    database.raises = True
    for number in range(5):
        await guarded.record(entry(f"t{number}"))
    database.raises = False

    await guarded.aclose(1.0)

    assert database.rows == [entry("t2"), entry("t3"), entry("t4")]


async def test_closing_does_not_wait_for_a_ledger_that_hangs(database: Database, time: FakeTime) -> None:
    ledger = GuardedLedger(database, timeout_seconds=3600.0, environment=time.environment)
    database.raises = True
    await ledger.record(entry())
    database.raises, database.hangs = False, True

    async with asyncio.timeout(10.0):
        await ledger.aclose(0.05)

    assert ledger.backlog == 1


async def test_its_going_and_its_coming_are_each_said_once(
    guarded: GuardedLedger, database: Database, time: FakeTime, logs: list[EventDict]
) -> None:
    database.raises = True
    for _ in range(3):
        await guarded.already_delivered("t1", "slack")
        time.advance(5.0)
    database.raises = False
    for _ in range(2):
        await guarded.already_delivered("t1", "slack")

    assert [line["log_level"] for line in logs] == ["warning", "info"]
    assert "is unavailable" in logs[0]["event"]
    assert "ConnectionError: the database is away" in logs[0]["error"]
    assert "answers again" in logs[1]["event"]
