"""Pages of projects: their order, their cursors over several workers, and that looking through many blocks nobody."""

from typing import Any

import pytest

from agents.engine.ownership import Owned, PartitionPhase
from episode_monitor.fleet.errors import InvalidQuery
from episode_monitor.fleet.questions.project_list import (
    OwnPage,
    ProjectListQuestion,
    ProjectSort,
    merge_pages,
    own_page,
)
from streams.base import changelog_keys
from streams.base.steps import Steps, finish
from streams.partition.summary import STEP
from tests.fleet.fleet import Fleet, Json, Worker, code, json
from tests.streams_views.making import START_MS, Log, make_core, seed_project, store

PATH = "/monitoring/episodes/integrity/projects"


def fill(logs: list[Log]) -> None:
    """Eight projects over the partitions; in brackets health score, gaps, duplicates, episodes."""
    projects: list[tuple[str, list[int]]] = [
        ("Alpha", [1, 2, 3]),  # 100.0, 0, 0, 3
        ("bravo", [1, 3]),  # 66.7, 1, 0, 2
        ("charlie", [1, 1, 2]),  # 50.0, 0, 1, 3
        ("delta", [1, 2, 3, 4, 5]),  # 100.0, 0, 0, 5
        ("echo", [1, 2, 2, 2, 4]),  # 50.0, 1, 1, 5
        ("foxtrot", [1, 2, 4, 6, 8]),  # 62.5, 3, 0, 5
        ("golf", [1]),  # 100.0, 0, 0, 1
        ("hotel", [1, 1, 3, 3]),  # 0.0, 1, 2, 4
    ]
    for place, (name, numbers) in enumerate(projects):
        log = logs[place % len(logs)]
        for turn, number in enumerate(numbers):
            log.created(name, number, episode=f"{name}-{turn}")
    for log in logs:
        log.settle(60)


def names(page: Json) -> list[str]:
    return [project["project_id"] for project in page["projects"]]


async def two_workers(fleet: Fleet) -> tuple[Worker, Worker]:
    left, right = await fleet.worker("left"), await fleet.worker("right")
    fill([left.own_partition(0), right.own_partition(1), left.own_partition(2)])
    await fleet.publish()
    return left, right


ORDERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["hotel", "echo", "charlie", "foxtrot", "bravo", "Alpha", "delta", "golf"]),
    ({"sort": "project_id"}, ["Alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"]),
    ({"sort": "gaps"}, ["foxtrot", "bravo", "echo", "hotel", "Alpha", "charlie", "delta", "golf"]),
    ({"sort": "duplicates"}, ["hotel", "charlie", "echo", "Alpha", "bravo", "delta", "foxtrot", "golf"]),
    ({"sort": "episodes"}, ["delta", "echo", "foxtrot", "hotel", "Alpha", "charlie", "bravo", "golf"]),
    ({"status": "unhealthy"}, ["hotel", "echo", "charlie", "foxtrot", "bravo"]),
    ({"status": "healthy"}, ["Alpha", "delta", "golf"]),
    ({"status": "healthy", "sort": "episodes"}, ["delta", "Alpha", "golf"]),
    ({"q": "L"}, ["hotel", "charlie", "Alpha", "delta", "golf"]),
    ({"q": "o", "status": "unhealthy", "sort": "gaps"}, ["foxtrot", "bravo", "echo", "hotel"]),
    ({"q": "nobody"}, []),
]


@pytest.mark.parametrize(("parameters", "expected"), ORDERS)
async def test_every_order_is_the_same_from_both_workers(parameters: dict[str, Any], expected: list[str]) -> None:
    async with Fleet(3) as fleet:
        for worker in await two_workers(fleet):
            page = json(await worker.get(PATH, **parameters))
            assert names(page) == expected
            assert (page["total"], page["next_cursor"]) == (len(expected), None)


async def pages(workers: tuple[Worker, Worker], limit: int, parameters: dict[str, Any]) -> list[Json]:
    """All pages of a list, asked of the two workers in turn."""
    found: list[Json] = []
    while not found or found[-1]["next_cursor"] is not None:
        more = {"cursor": found[-1]["next_cursor"]} if found else {}
        found.append(json(await workers[len(found) % 2].get(PATH, limit=limit, **parameters, **more)))
        assert len(found) < 20
    return found


@pytest.mark.parametrize(("parameters", "expected"), ORDERS)
async def test_pages_put_together_are_the_whole_list(parameters: dict[str, Any], expected: list[str]) -> None:
    async with Fleet(3) as fleet:
        workers = await two_workers(fleet)
        for limit in (1, 2, 3):
            found = await pages(workers, limit, parameters)
            assert [name for page in found for name in names(page)] == expected
            assert all(page["total"] == len(expected) and len(page["projects"]) <= limit for page in found)


async def test_a_page_goes_on_after_its_cursor_though_projects_changed_meanwhile() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        fill([log])
        first = json(await worker.get(PATH, limit=3))
        assert names(first) == ["hotel", "echo", "charlie"]
        log.created("aaa", 1, at=61)
        log.created("echo", 3, at=62, episode="late")  # one trouble less: 75.0, so it comes again behind
        second = json(await worker.get(PATH, limit=3, cursor=first["next_cursor"]))
        assert names(second) == ["foxtrot", "bravo", "echo"]
        assert second["total"] == 9


async def test_a_row_shows_the_projects_facts() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        seed_project(log)
        log.settle(60)
        assert json(await worker.get(PATH))["projects"] == [
            {
                "project_id": "proj_123",
                "is_healthy": False,
                "total_episodes": 26,
                "max_number": 28,
                "gaps_total": 3,
                "duplicates_total": 1,
                "health_score": 85.7,
                "as_of": "2025-10-09T08:54:20.000Z",
                "is_split": False,
                "since": "2025-10-09T08:53:20.000Z",
            }
        ]


async def test_stored_and_unstored_projects_are_listed_alike() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.created("stored", 1)
        store(log)
        log.created("stored", 2, at=1)
        log.created("unstored", 1)
        rows = json(await worker.get(PATH, sort="episodes"))["projects"]
        assert [(row["project_id"], row["total_episodes"]) for row in rows] == [("stored", 2), ("unstored", 1)]


def test_a_project_in_two_partitions_is_shown_once_as_it_stands_worse() -> None:
    core = make_core()
    pages = []
    for number, numbers in ((0, (1, 2)), (1, (1, 3))):
        owned = Owned("events", number, 1, core, 100)
        log = Log(owned.partition)
        log.numbers("split", *numbers)
        log.settle(60)
        pages.append(finish(own_page([owned], ProjectListQuestion(), lambda owned: START_MS)))
    page = merge_pages(pages, ProjectListQuestion())
    assert [(row.project_id, row.gaps_total) for row in page.projects] == [("split", 1)]


def test_unhealthy_projects_without_what_is_sorted_by_do_not_go_before_healthy_ones() -> None:
    owned = Owned("events", 0, 1, make_core(), 100)
    log = Log(owned.partition)
    log.created("a", 1)
    for name in ("y", "z"):
        log.created(name, 1)
        log.created(name, 1, episode=f"{name} again")
    log.settle(60)
    question = ProjectListQuestion(sort="gaps", limit=1)
    page = finish(own_page([owned], question, lambda owned: START_MS))
    assert [row.project_id for _, row in page.rows] == ["a", "y"]


BAD_CURSORS = [
    "",
    "x",
    "###",
    "bm90IGpzb24",
    "W10",
    "WyJ3b3JzdCIsWzEsMl1d",  # ["worst",[1,2]]
    "WyJ3b3JzdCIsWzEsMiwzXV0",  # ["worst",[1,2,3]]
    "WyJub25lIixbMSwyLCJhIl1d",  # ["none",[1,2,"a"]]
    "WyJwcm9qZWN0X2lkIixbMCwwLCJhIl1d",  # ["project_id",[0,0,"a"]], of another order
    "é",
]


@pytest.mark.parametrize("cursor", BAD_CURSORS)
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        ProjectListQuestion(cursor=cursor).check()
    assert refused.value.parameter == "cursor"


async def test_a_bad_cursor_is_answered_with_its_code() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        assert code(await worker.get(PATH, cursor="x"), 422) == "invalid_cursor"


async def test_a_partition_that_goes_away_while_it_is_looked_through_is_not_answered_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0).created("p", 1)

        def lose(owned: Owned) -> int:
            owned.phase = PartitionPhase.GONE
            return START_MS

        monkeypatch.setattr(worker.view, "as_of_ms", lose)  # asked for while rows are made
        assert code(await worker.get(PATH), 503) == "recovering"


@pytest.mark.parametrize("sort", ["worst", "project_id", "gaps", "episodes"])
def test_looking_through_many_projects_pauses_after_every_few(sort: ProjectSort) -> None:
    owned = Owned("events", 0, 1, make_core(), 100)
    log = Log(owned.partition)
    log.created("template", 1)
    store(log)
    template = owned.store.get(changelog_keys.head("template"))
    assert template is not None
    for number in range(9_999):
        key = changelog_keys.head(f"project-{number:04}")
        owned.store.put(key, template)
        owned.partition.index.head_keys.append(key)
    pauses = 0

    def counted() -> Steps[OwnPage]:
        nonlocal pauses
        steps = own_page([owned], ProjectListQuestion(sort=sort, limit=1), lambda owned: START_MS)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                page: OwnPage = end.value
                return page
            pauses += 1
            yield

    page = finish(counted())
    assert page.total == 10_000
    assert [row.project_id for _, row in page.rows] == ["project-0000", "project-0001"]
    assert pauses == 10_000 // STEP
