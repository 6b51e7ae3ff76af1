"""Projects with critical alerts are compared every minute; drift is told once by one worker, and so is its end."""

import pytest

from episode_monitor.checks.enhanced_monitoring import Watch
from streams.partition.drift_values import Drifting, Named
from tests.checks.fleet import NINE_MS, opener, stream_of
from tests.fleet.fleet import Fleet, Worker
from tests.service_database.making import fill, make_table, run
from tests.streams_views.making import Log


class Watched:
    """One worker whose watch is looked at by hand."""

    def __init__(self, fleet: Fleet, log: Log, watch: Watch, worker: Worker) -> None:
        self.fleet, self.log, self.watch, self.told = fleet, log, watch, worker.told
        self.drift_alerts = worker.engine.owned[0].drift_alerts

    async def look(self) -> list[tuple[str, str]]:
        """What one look tells."""
        self.told.clear()
        await self.watch.once()
        return [(alert.status.value, alert.project_id) for alert in self.told]


def watch_of(fleet: Fleet, worker: Worker, url: str) -> Watch:
    return Watch(worker.view, stream_of(fleet, worker), opener(url), fleet.core.numbering, lambda: NINE_MS)


async def watched(fleet: Fleet, url: str) -> Watched:
    worker = await fleet.worker("only")
    log = worker.own_partition(0)
    return Watched(fleet, log, watch_of(fleet, worker, url), worker)


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


async def test_what_a_deep_check_told_is_watched_and_not_told_again(table: str) -> None:
    async with Fleet(1) as fleet:
        here = await watched(fleet, table)
        here.log.numbers("p", 1, 3)
        here.log.numbers("calm", 2)
        found = Named("p", "missing_in_stream:4", Drifting(1000, 4, "missing_in_stream", 1, 2))
        here.drift_alerts.replace([found], fleet.clock())
        assert [await here.look() for _ in range(3)] == [[], [], []]
        assert here.watch.watched == ["p"]
        assert here.drift_alerts.drifts["p"].since_ms == 1000
        run(table, "delete from episodes where number = 4")
        assert await here.look() == [("resolved", "p")]
        assert await here.look() == []
        assert here.watch.watched == []


async def test_the_worker_that_keeps_the_alerts_tells_what_another_one_found(table: str) -> None:
    async with Fleet(2) as fleet:
        keeper, other = await fleet.worker("keeper"), await fleet.worker("other")
        keeper.own_partition(0)
        keeper.go_idle()
        log = other.own_partition(1)
        log.numbers("p", 1, 3)
        log.settle(60)
        await fleet.publish()
        watch = watch_of(fleet, other, table)
        await watch.once()
        await watch.once()
        assert [(alert.status.value, alert.project_id) for alert in keeper.told] == [("firing", "p")]
        assert other.told == []
