"""One project compared number by number: real partitions against a real table."""

from episode_monitor.checks.project_drift import project_drift
from models.check_views import DriftNumber
from tests.checks.fleet import NINE_MS, at_once, opener, stream_of
from tests.fleet.fleet import Fleet, Worker
from tests.service_database.making import fill, make_table


def rows(*numbers: int) -> list[tuple[str, str, int]]:
    return [(f"p-{number}", "p", number) for number in numbers]


async def compared(fleet: Fleet, worker: Worker, url: str, project: str = "p") -> tuple[bool, list[DriftNumber]] | None:
    found = await project_drift(opener(url), stream_of(fleet, worker), fleet.core.numbering, project, NINE_MS)
    return None if found is None else (found.is_equal, [] if found.drift is None else found.drift.numbers)


async def test_an_episode_that_changed_its_id_is_named_though_both_sides_count_the_same(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0).numbers("p", 1, 2)
        fill(database_url, [*rows(1), ("other", "p", 2)])
        expected = DriftNumber(number=2, kind="different_owner", stream=["p-2"], database=["other"])
        assert await compared(fleet, worker, database_url) == (False, [expected])


async def test_a_project_that_is_the_same_on_both_sides_has_no_drift(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0).numbers("p", 1, 2)
        fill(database_url, rows(1, 2))
        assert await compared(fleet, worker, database_url) == (True, [])


async def test_a_project_that_only_the_table_knows_is_drift_and_one_that_neither_side_knows_is_unknown(
    database_url: str,
) -> None:
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        worker.go_idle()
        fill(database_url, rows(1))
        expected = DriftNumber(number=1, kind="missing_in_stream", stream=[], database=["p-1"])
        assert await compared(fleet, worker, database_url) == (False, [expected])
        assert await compared(fleet, worker, database_url, "nobody") is None


async def test_an_event_that_arrives_between_the_two_looks_is_no_drift(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.numbers("p", 1)
        fill(database_url, rows(1, 2))

        async def arrives(seconds: float) -> None:
            log.numbers("p", 2)
            await at_once(seconds)

        stream = stream_of(fleet, worker, arrives)
        found = await project_drift(opener(database_url), stream, fleet.core.numbering, "p", NINE_MS)
        assert found is not None
        assert found.is_equal
