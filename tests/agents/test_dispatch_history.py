"""What people and the dispatcher do with alerts is in the history once, whatever ends and whatever is away."""

from pathlib import Path

import pytest

from agents.alerts.history_follower import HistoryStore
from agents.dispatch.change_outbox import SHOWN_MAX, WAITING_MAX, ChangeOutbox
from agents.dispatch.decision_log import CHANGE
from models.alert import AlertStatus, Severity
from streams.dispatch.inputs import Acknowledge, SetSilence, Unacknowledge
from streams.dispatch.outputs import Change
from streams.routing.matcher import Matcher
from tests.agents.dispatch_desk import KilledAt, owning, put_act, put_alert
from tests.agents.support import now_ms, producing, until
from tests.agents.test_dispatch import a_monitor
from tests.streams.dispatch.scripts import START_MS, alert

Row = tuple[str, str, str, str]


class Table:
    """A history with a key, as the one in PostgreSQL has it; `appended` counts repetitions as well."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, int], Change] = {}
        self.appended = 0
        self.is_away = False

    def store(self, newest_only: int | None = None) -> HistoryStore:
        return HistoryStore(self._never, self._last_offsets, newest_only, self._append)

    async def _never(self, *_: object) -> bool:
        raise AssertionError

    async def _last_offsets(self) -> dict[int, int]:
        if self.is_away:
            raise OSError("no server")
        return {}

    async def _append(self, change: Change) -> bool:
        self.appended += 1
        self.rows.setdefault((change.alert.transition_id, change.reason, change.at_ms), change)
        return True

    def seen(self) -> list[Row]:
        return sorted((each.alert.project_id, each.reason, each.by, each.comment) for each in self.rows.values())


EXPECTED = [
    ("p1", "acknowledged_by_person", "kim", "mine"),
    ("p1", "unacknowledged_by_person", "lee", ""),
    ("p2", "silenced_by_person", "ann", "known"),
]


@pytest.mark.broker
@pytest.mark.parametrize(("place", "nth"), [("decided", 2), ("stored", 2), ("sent", 1), ("cleared", 1), ("kept", 2)])
async def test_an_owner_that_ends_at_any_point_leaves_each_change_in_the_history_once(
    broker: str, topic_prefix: str, tmp_path: Path, place: str, nth: int
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    table, silence_end = Table(), now_ms() + 600_000
    silence = SetSilence(
        silence_id="s", matchers=(Matcher("project_id", "p2"),), starts_at_ms=0, ends_at_ms=silence_end, by="ann",
        comment="known",
    )  # fmt: skip
    async with producing(broker) as producer:
        async with owning(config) as desk:
            await put_alert(producer, config, alert("p1", severity=Severity.CRITICAL))
            offset = await put_alert(producer, config, alert("p2"))
            await until(lambda: desk.has_read(f"{config.topics.alerts}/0", offset))
        async with owning(config, failpoint=KilledAt(f"dispatch {place}", nth), history=table.store()) as first:
            await until(lambda: first.owner.is_live or bool(first.stops))
            await put_act(producer, config, Acknowledge(alert_key="rate:p1", by="kim", comment="mine"), "one")
            await until(lambda: bool(table.rows) or bool(first.stops))
            await put_act(producer, config, silence, "two")
            offset = await put_act(producer, config, Unacknowledge(alert_key="rate:p1", by="lee"), "three")
            await put_alert(producer, config, alert("p3"))  # something to be sent
            await put_alert(producer, config, alert("p3", AlertStatus.RESOLVED))
            await until(lambda: bool(first.stops), "the end of the first owner")
        async with owning(config, history=table.store()) as second:
            await until(lambda: table.seen() == EXPECTED)
            await until(lambda: second.has_read(f"{config.topics.acts}/0", offset))
        appended = table.appended
        async with owning(config, history=table.store()) as third:
            await until(lambda: third.owner.is_live)
    assert (table.appended, table.seen()) == (appended, EXPECTED), "what the history has is not appended again"
    assert second.stops == third.stops == []


@pytest.mark.broker
async def test_while_the_history_is_away_changes_wait_over_an_end_of_the_owner(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    table = Table()
    table.is_away = True
    async with producing(broker) as producer:
        async with owning(config, history=table.store()) as first:
            await put_alert(producer, config, alert("p1"))
            await until(lambda: first.has_read(f"{config.topics.alerts}/0", 0))
            offset = await put_act(producer, config, Acknowledge(alert_key="rate:p1", by="kim", comment="mine"), "one")
            await until(lambda: first.has_read(f"{config.topics.acts}/0", offset))
        assert table.rows == {}
        table.is_away = False
        async with owning(config, history=table.store()):
            await until(lambda: table.seen() == EXPECTED[:1])


def change(number: int) -> Change:
    return Change(alert(f"p{number}"), "acknowledged_by_person", START_MS + number, "kim", "")


@pytest.mark.parametrize(("newest_only", "limit"), [(None, WAITING_MAX), (5, SHOWN_MAX)])
def test_what_waits_is_bounded(newest_only: int | None, limit: int) -> None:
    outbox = ChangeOutbox(Table().store(newest_only), lambda name: None)
    outbox.put(change(number) for number in range(limit + 3))
    assert outbox.take_done() == [], "nothing is stored yet"
    outbox.stored()
    assert outbox.take_done() == [CHANGE + b"%016x" % number for number in range(3)]
    assert outbox.lost == (3 if newest_only is None else 0)


def test_without_a_history_nothing_is_stored() -> None:
    assert ChangeOutbox(None, lambda name: None).put([change(1)]) == {}
