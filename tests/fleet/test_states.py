"""The states of a partition's projects over HTTP: in pages, from whichever worker has the partition."""

from typing import Any

from streams.project.fingerprint import fingerprint
from tests.fleet.fleet import Fleet, Worker, code, json

ROOT = "/monitoring/episodes/integrity"


async def two_workers(fleet: Fleet) -> tuple[Worker, Worker]:
    first, second = await fleet.worker("first"), await fleet.worker("second")
    first.own_partition(0).numbers("a", 1, 2)
    log = second.own_partition(1, generation=4)
    for number in range(5):
        log.numbers(f"b{number}", 1, 3)
    await fleet.publish()
    return first, second


async def test_any_worker_lists_the_projects_of_any_partition() -> None:
    async with Fleet(2) as fleet:
        first, second = await two_workers(fleet)
        rows: list[Any] = []
        cursor, given = "", dict[str, str]()
        for _ in range(3):
            page = json(await first.get(f"{ROOT}/states", partition=1, limit=2, **given))
            assert (page["partition"], page["partitions"], page["generation"]) == (1, 2, 4)
            assert (page["projects_total"], page["topic"]) == (5, "events")
            rows, cursor = [*rows, *page["rows"]], page["next_cursor"]
            given = {"cursor": cursor}
        assert cursor is None
        assert [row["project_id"] for row in rows] == ["b0", "b1", "b2", "b3", "b4"]
        assert [(row["applied"], row["missing"]) for row in rows] == [(1, 1), (3, 1), (5, 1), (7, 1), (9, 1)]
        state = second.engine.owned[1].partition.state("b3")
        assert state is not None
        assert rows[3]["state_hash"] == fingerprint(state)
        assert code(await first.get(f"{ROOT}/states", partition=2), 404) == "unknown_partition"
        assert code(await second.get(f"{ROOT}/states", partition=5), 404) == "unknown_partition"
        assert code(await first.get(f"{ROOT}/states", partition=0, cursor="x"), 422) == "invalid_cursor"


async def test_a_partition_without_an_owner_has_no_answer_yet() -> None:
    async with Fleet(3) as fleet:
        first, _ = await two_workers(fleet)
        assert code(await first.get(f"{ROOT}/states", partition=2), 503) == "recovering"
        assert code(await first.get(f"{ROOT}/facts", partition=2, project_id="a"), 503) == "recovering"


async def test_all_of_a_project_is_given_by_the_partition_that_has_it() -> None:
    async with Fleet(2) as fleet:
        first, second = await two_workers(fleet)
        facts = json(await first.get(f"{ROOT}/facts", partition=1, project_id="b2"))["facts"]
        assert (facts["numbers"], facts["owners"], facts["missing"]) == ([1, 3], ["b2-1", "b2-3"], [[2, 2]])
        assert json(await second.get(f"{ROOT}/facts", partition=1, project_id="a")) == {"partition": 1, "facts": None}


async def test_the_view_of_a_project_shows_its_hash() -> None:
    async with Fleet(2) as fleet:
        first, _ = await two_workers(fleet)
        state = first.engine.owned[0].partition.state("a")
        assert state is not None
        assert json(await first.get(f"{ROOT}/project/a"))["state_hash"] == fingerprint(state)


async def test_a_split_project_has_a_hash_for_each_part() -> None:
    async with Fleet(2) as fleet:
        only = await fleet.worker("only")
        low, high = only.own_partition(0), only.own_partition(1)
        low.numbers("p", 1, 3)
        high.numbers("p", 2)
        for log in (low, high):
            log.partition.note_split("p", [0, 1])
        await fleet.publish()
        view = json(await only.get(f"{ROOT}/project/p"))
        states = [log.partition.state("p") for log in (low, high)]
        hashes = [fingerprint(state) for state in states if state is not None]
        assert [part["state_hash"] for part in view["split"]["partitions"]] == hashes
        assert view["state_hash"] == hashes[0]
