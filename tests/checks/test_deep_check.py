"""The deep check: real partitions of two workers against a real table, and events under way that are no drift."""

import pytest

from agents.engine.ownership import PartitionPhase
from episode_monitor.checks import close_compare, first_pass, stream_side
from episode_monitor.checks.errors import CheckFailed
from episode_monitor.checks.project_drift import project_drift
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceTableMismatch
from models.check_views import DriftNumber, ProjectDrift
from models.event import EventType
from models.integrity_views import Applied
from streams.partition.drift_values import Drifting
from tests.checks.fleet import by_project, deep, opener, stream_of
from tests.fleet.fleet import Fleet, Worker
from tests.service_database.making import fill, make_table
from tests.streams_views.making import START_MS, Log, seed_project

KNOWN = Drifting(START_MS, 1, "missing_in_database", 7, 9)


def rows(project: str, *numbers: int) -> list[tuple[str, str, int]]:
    """Rows as the logs of these tests name episodes."""
    return [(f"{project}-{number}", project, number) for number in numbers]


async def two_workers(fleet: Fleet) -> tuple[Worker, Worker, Log, Log]:
    left, right = await fleet.worker("left"), await fleet.worker("right")
    return left, right, left.own_partition(0), right.own_partition(1)


async def test_without_a_database_the_stream_alone_is_told_worst_first() -> None:
    async with Fleet(2) as fleet:
        left, _, first, second = await two_workers(fleet)
        seed_project(first)
        second.numbers("worse", 1, 4)
        second.numbers("fine", 1, 2, 3)
        for log in (first, second):
            log.settle(60)
        await fleet.publish()
        result = await deep(fleet, left, None)
        assert (result.status, result.projects_checked, result.projects_with_issues, result.total_issues) == (
            "completed", 3, 2, 6,
        )  # fmt: skip
        assert [issue.project_id for issue in result.project_issues] == ["worse", "proj_123"]
        found = by_project(result)["proj_123"]
        assert (found.gaps, found.duplicates, found.health_score, found.drift) == ([3, 7, 12], [5], 85.7, None)
        assert result.database is None


async def test_stream_and_database_find_the_same_gap_and_the_same_duplicate(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(2) as fleet:
        left, _, first, second = await two_workers(fleet)
        seed_project(first)
        first.settle(60)
        second.numbers("fine", 1, 2, 3)
        await fleet.publish()
        numbers = [number for number in range(1, 29) if number not in (3, 7, 12)]
        fill(database_url, [*rows("proj_123", *numbers), ("again", "proj_123", 5), *rows("fine", 1, 2, 3)])
        progress: list[tuple[int, int | None]] = []
        result = await deep(fleet, left, database_url, progress=progress)
        assert result.database is not None
        assert (result.database.episodes_read, result.database.projects_read) == (29, 2)
        assert (result.database.projects_with_drift, result.total_issues) == (0, 4)
        assert by_project(result)["proj_123"].gaps == [3, 7, 12]
        assert progress[0] == (0, 2)
        assert progress[-1] == (2, 2)


async def test_each_kind_of_drift_is_told_with_its_numbers_and_the_offset(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(2) as fleet:
        left, _, first, second = await two_workers(fleet)
        second.numbers("p", 1, 2, 3, 4)
        first.numbers("other", 1)
        await fleet.publish()
        fill(database_url, [*rows("p", 1, 2, 5), ("somebody else", "p", 3), *rows("other", 1)])
        result = await deep(fleet, left, database_url)
        (issue,) = result.project_issues
        assert issue.drift is not None
        assert issue.drift.numbers == [
            DriftNumber(number=3, kind="different_owner", stream=["p-3"], database=["somebody else"]),
            DriftNumber(number=4, kind="missing_in_database", stream=["p-4"], database=[]),
            DriftNumber(number=5, kind="missing_in_stream", stream=[], database=["p-5"]),
        ]
        assert issue.drift.applied == Applied(partition=1, offset=3)
        assert issue.drift.since == "2025-10-09T09:00:00.000Z"
        assert (issue.gaps, issue.health_score) == ([4], 80.0)  # the table has 5 and not 4
        assert (result.projects_with_issues, result.total_issues) == (1, 3)


async def test_the_last_numbers_missing_are_found_though_nobody_can_see_a_gap(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.numbers("lost_in_database", 1, 2, 3)
        log.numbers("lost_in_stream", 1)
        fill(database_url, [*rows("lost_in_database", 1), *rows("lost_in_stream", 1, 2, 3)])
        found = by_project(await deep(fleet, worker, database_url))
        for project, kind in (("lost_in_database", "missing_in_database"), ("lost_in_stream", "missing_in_stream")):
            drift = found[project].drift
            assert drift is not None
            assert [(one.number, one.kind) for one in drift.numbers] == [(2, kind), (3, kind)]
            assert found[project].gaps == []


async def test_projects_that_only_one_side_knows_are_drift(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(2) as fleet:
        left, _, first, second = await two_workers(fleet)
        first.numbers("only here", 1)
        second.numbers("only there", 1)
        second.numbers("empty", 1)
        second.take(EventType.DELETED, "empty", 1, episode_id="empty-1")
        await fleet.publish()
        fill(database_url, rows("only in the table", 1, 3))
        result = await deep(fleet, left, database_url)
        found = by_project(result)
        assert found.keys() == {"only here", "only there", "only in the table"}
        unknown = found["only in the table"]
        assert unknown.drift is not None
        assert (unknown.gaps, unknown.drift.applied, unknown.drift.missing_in_stream) == ([2], None, 2)
        assert result.projects_checked == 4


async def test_an_event_that_comes_between_the_looks_is_no_drift(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.numbers("p", 1, 2)
        fill(database_url, rows("p", 1, 2, 3))
        slept: list[float] = []

        async def meanwhile(seconds: float) -> None:
            slept.append(seconds)
            log.created("p", 3)

        result = await deep(fleet, worker, database_url, sleep=meanwhile)
        assert (result.project_issues, slept) == ([], [60.0])


async def test_a_project_that_goes_on_moving_is_no_drift(database_url: str) -> None:
    """At each look another event is under way."""
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.numbers("p", 1)
        fill(database_url, rows("p", 1, 2))

        async def meanwhile(seconds: float) -> None:
            log.created("p", 2)
            fill(database_url, rows("p", 3))

        assert (await deep(fleet, worker, database_url, sleep=meanwhile)).project_issues == []


async def test_without_a_difference_nobody_waits(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0).numbers("p", 1)
        fill(database_url, rows("p", 1))

        async def never(seconds: float) -> None:
            raise AssertionError("waited")

        await deep(fleet, worker, database_url, sleep=never)


async def test_drift_that_was_known_keeps_its_beginning(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0).numbers("p", 1)
        result = await deep(fleet, worker, database_url, before={"p": KNOWN})
        drift = result.project_issues[0].drift
        assert drift is not None
        assert drift.since == "2025-10-09T08:53:20.000Z"


async def test_rows_that_cannot_be_episodes_are_counted(database_url: str) -> None:
    make_table(database_url, "create table episodes (id text, project_id text, number bigint)")
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0).numbers("p", 1)
        fill(database_url, [*rows("p", 1), ("a", "p", None), ("b", "p", 0), ("c", "p", 2**31), (None, "p", 2)])
        fill(database_url, [("d", None, 1), ("e", "q", None)])
        result = await deep(fleet, worker, database_url)
        assert result.database is not None
        assert (result.database.invalid_rows, result.project_issues) == (6, [])


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 7])
async def test_batches_and_groups_of_any_size_find_the_same(
    database_url: str, batch_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("episode_monitor.service_database.reader.BATCH_ROWS", batch_rows)
    monkeypatch.setattr(first_pass, "COMPARE_PROJECTS", 2)
    monkeypatch.setattr(close_compare, "GROUP_PROJECTS", 1)
    monkeypatch.setattr(stream_side, "PAGE_PROJECTS", 1)
    make_table(database_url)
    async with Fleet(2) as fleet:
        left, _, first, second = await two_workers(fleet)
        for number, log in enumerate((first, second, first, second, first)):
            log.numbers(f"p{number}", *range(1, number + 2))
        await fleet.publish()
        for number in range(5):
            fill(database_url, rows(f"p{number}", *range(1, number + (1 if number in (1, 4) else 2))))
        found = by_project(await deep(fleet, left, database_url))
        assert found.keys() == {"p1", "p4"}


async def test_a_project_larger_than_a_check_can_hold_is_counted_and_not_compared(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_pass, "MAX_PROJECT_ROWS", 3)
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0).numbers("small", 1)
        fill(database_url, [*rows("large", 1, 2, 3, 4), *rows("small", 1)])
        result = await deep(fleet, worker, database_url)
        assert result.database is not None
        assert (result.database.projects_not_examined, result.project_issues) == (1, [])


async def test_more_differing_projects_than_can_be_looked_at_are_counted(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_pass, "MAX_CANDIDATES", 2)
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        worker.go_idle()
        fill(database_url, [row for number in range(5) for row in rows(f"p{number}", 1)])
        result = await deep(fleet, worker, database_url)
        assert result.database is not None
        assert (result.database.projects_with_drift, result.database.projects_not_examined) == (2, 3)


async def test_a_partition_that_is_read_back_is_waited_for(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0).numbers("p", 1)
        fill(database_url, rows("p", 1))
        owned = worker.engine.owned[0]
        owned.phase = PartitionPhase.RECOVERING
        waits = 0

        async def until_live(seconds: float) -> None:
            nonlocal waits
            waits += 1
            if waits == 3:
                owned.phase = PartitionPhase.LIVE

        side = stream_of(fleet, worker, until_live)
        assert (await side.summary()).total_projects == 1
        assert waits == 3


async def test_a_fleet_that_stays_incomplete_fails_the_check(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(2) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0).numbers("p", 1)
        with pytest.raises(CheckFailed, match=r"run it again when all partitions are available"):
            await deep(fleet, worker, database_url)


async def test_trouble_of_the_database_is_raised_as_it_is(database_url: str) -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0).numbers("p", 1)
        with pytest.raises(ServiceTableMismatch):
            await deep(fleet, worker, database_url)
        with pytest.raises(ServiceDatabaseAway):
            await deep(fleet, worker, database_url + "_no_such")


async def test_totals_and_list_agree_though_trouble_came_while_the_check_ran(database_url: str) -> None:
    """The settle wait between the two looks takes a minute; what happens in it is in the list, so it is in the sums."""
    make_table(database_url)
    async with Fleet(2) as fleet:
        left, _, first, second = await two_workers(fleet)
        first.numbers("p", 1, 2)
        second.numbers("fine", 1)
        await fleet.publish()
        fill(database_url, [*rows("p", 1), *rows("fine", 1)])

        async def meanwhile(seconds: float) -> None:
            second.numbers("later", 1, 4)
            second.settle(60)

        result = await deep(fleet, left, database_url, sleep=meanwhile)
        assert [issue.project_id for issue in result.project_issues] == ["later", "p"]
        assert (result.projects_checked, result.projects_with_issues, result.total_issues) == (3, 2, 3)
        assert not result.truncated


async def test_projects_beyond_the_list_are_counted_and_the_list_says_that_it_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("episode_monitor.checks.deep.MAX_ISSUES", 2)
    async with Fleet(2) as fleet:
        left, _, first, second = await two_workers(fleet)
        for log, project, last in (
            (first, "a", 3),
            (first, "b", 5),
            (first, "c", 4),
            (second, "d", 9),
            (second, "e", 1),
        ):
            log.numbers(project, *{1, last})
        for log in (first, second):
            log.settle(60)
        await fleet.publish()
        result = await deep(fleet, left, None)
        assert [issue.project_id for issue in result.project_issues] == ["d", "b"]  # 7 of 9 and 3 of 5 are missing
        assert (result.projects_checked, result.projects_with_issues, result.total_issues) == (5, 4, 7 + 3 + 2 + 1)
        assert result.truncated


async def test_a_project_in_several_partitions_is_named_and_not_compared(database_url: str) -> None:
    make_table(database_url)
    async with Fleet(2) as fleet:
        left, right, first, second = await two_workers(fleet)
        first.numbers("halved", 1, 3)
        second.numbers("halved", 2, 4)
        second.numbers("fine", 1)
        for log in (first, second):
            log.settle(60)
        await fleet.publish()
        await left.splits.look(0.0)
        fill(database_url, [*rows("halved", 1, 2, 3, 4), *rows("fine", 1, 2)])
        result = await deep(fleet, right, database_url)
        assert [(one.project_id, one.partitions) for one in result.split] == [("halved", [0, 1])]
        assert result.projects_checked == 2
        assert [issue.project_id for issue in result.project_issues] == ["fine"]
        assert result.database is not None
        assert result.database.projects_with_drift == 1
        shown = await project_drift(
            opener(database_url), stream_of(fleet, left), fleet.core.numbering, "halved", START_MS
        )
        assert shown == ProjectDrift(
            project_id="halved", is_equal=False, drift=None, as_of="2025-10-09T08:53:20.000Z", is_split=True
        )
