"""Projects with critical alerts are compared every minute; drift is told once, and its end."""

from collections.abc import Iterable

import pytest

from episode_monitor.checks.drift_alerts import MAX_OWN_ALERTS, Drifting, drifting, firing, transitions
from episode_monitor.checks.watching import Watch
from models.alert import Alert, AlertStatus
from streams.drift import Difference
from tests.checks.fleet import NINE_MS, opener, stream_of
from tests.read_model.fleet import Fleet
from tests.service_database.making import fill, make_table, run
from tests.streams_answers.making import Log

KNOWN = Drifting(1000, 7, "missing_in_stream", 2, 9)


def missing(number: int) -> Difference:
    return Difference(number, "missing_in_stream", (), (f"e{number}",))


class Watched:
    """One worker whose watch is looked at by hand."""

    def __init__(self, fleet: Fleet, log: Log, watch: Watch, told: list[Alert]) -> None:
        self.fleet, self.log, self.watch, self.told = fleet, log, watch, told

    async def look(self) -> list[tuple[str, str]]:
        """What one look tells."""
        self.told.clear()
        await self.watch.once()
        return [(alert.status.value, alert.project_id) for alert in self.told]


async def watched(fleet: Fleet, url: str, known: dict[str, Drifting] | None = None) -> Watched:
    worker = await fleet.worker("only")
    log = worker.own_partition(0)
    told: list[Alert] = []

    async def tell(alerts: Iterable[Alert]) -> None:
        told.extend(alerts)

    watch = Watch(
        worker.sight, stream_of(fleet, worker), opener(url), fleet.core.numbering, tell, lambda: NINE_MS,
        lambda: known or {},
    )  # fmt: skip
    return Watched(fleet, log, watch, told)


@pytest.fixture
def table(database_url: str) -> str:
    make_table(database_url)
    fill(database_url, [("p-1", "p", 1), ("p-3", "p", 3), ("p-4", "p", 4), ("calm-2", "calm", 2)])
    return database_url


async def test_only_projects_with_critical_alerts_are_watched_and_drift_is_told_once(table: str) -> None:
    async with Fleet(1) as fleet:
        here = await watched(fleet, table)
        here.log.numbers("p", 1, 3)
        here.log.numbers("calm", 1)
        assert await here.look() == []
        assert here.watch.watched == []
        here.log.settle(60)  # the gap of p is open, and its critical alert fires
        assert await here.look() == []
        assert here.watch.watched == ["p"]
        assert await here.look() == [("firing", "p")]
        assert await here.look() == []
        run(table, "delete from episodes where number = 4")
        assert await here.look() == [("resolved", "p")]
        assert await here.look() == []


async def test_what_the_last_deep_check_told_is_not_told_again(table: str) -> None:
    async with Fleet(1) as fleet:
        here = await watched(fleet, table, {"p": Drifting(1000, 4, "missing_in_stream", 1, 2)})
        here.log.numbers("p", 1, 3)
        here.log.settle(60)
        assert [await here.look() for _ in range(3)] == [[], [], []]
        assert here.watch.drifts["p"].since_ms == 1000


# --- the alerts themselves


def test_drift_keeps_its_beginning_while_its_lowest_difference_stays() -> None:
    same = drifting({"p": KNOWN}, "p", {missing(7), missing(9)}, 9, 5000)
    assert (same.since_ms, same.differences) == (1000, 2)
    assert drifting({"p": KNOWN}, "p", {missing(8)}, 9, 5000).since_ms == 5000
    assert drifting({}, "p", {missing(7)}, 9, 5000).since_ms == 5000


def test_telling_again_is_the_same_and_what_is_gone_is_resolved_under_its_own_id() -> None:
    (first,) = transitions({}, {"p": KNOWN}, 2000)
    assert (first.status, first.alert_key, first.starts_at_ms) == (AlertStatus.FIRING, "integrity_drift:p", 1000)
    assert transitions({"p": KNOWN}, {"p": KNOWN}, 9000) == [first]
    (over,) = transitions({"p": KNOWN}, {}, 9000)
    assert (over.status, over.alert_id, over.ends_at_ms) == (AlertStatus.RESOLVED, first.alert_id, 9000)


def test_the_same_drift_coming_back_later_is_another_alert() -> None:
    later = Drifting(9000, 7, "missing_in_stream", 2, 9)
    assert firing({"p": KNOWN}).keys() != firing({"p": later}).keys()


def test_very_many_projects_share_one_alert() -> None:
    drifts = {f"p{number:03d}": KNOWN for number in range(MAX_OWN_ALERTS + 7)}
    alerts = list(firing(drifts).values())
    assert len(alerts) == MAX_OWN_ALERTS + 1
    assert (alerts[-1].project_id, alerts[-1].value) == ("_fleet", 7.0)
