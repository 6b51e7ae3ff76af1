"""Two workers find a project that each has a part of, whichever came first, and then say the same of it."""

import asyncio

import pytest

from agents.engine.ownership import PartitionPhase
from episode_monitor.fleet.split_watch import BATCH_PROJECTS
from streams.partition.splits import Split
from tests.fleet.fleet import Fleet, Worker, code, json
from tests.streams_views.making import Log

INTEGRITY = "/monitoring/episodes/integrity"
PERFORMANCE = "/monitoring/episodes/performance"


async def two_workers(fleet: Fleet) -> tuple[Worker, Worker, list[Log]]:
    """`left` owns the partitions 0 and 1, `right` owns 2 and 3."""
    left, right = await fleet.worker("left"), await fleet.worker("right")
    logs = [worker.own_partition(number) for worker, number in ((left, 0), (left, 1), (right, 2), (right, 3))]
    await fleet.publish()
    return left, right, logs


def splits(fleet: Fleet) -> dict[int, dict[str, Split]]:
    """What each partition knows."""
    return {
        number: owned.partition.index.splits
        for worker in fleet.workers
        for number, owned in worker.engine.owned.items()
        if owned.partition.index.splits
    }


async def look(*workers: Worker) -> None:
    for worker in workers:
        await worker.splits.look(0.0)


async def test_both_parts_know_whichever_owner_looks() -> None:
    for first, second in ((0, 1), (1, 0)):
        async with Fleet(4) as fleet:
            left, right, logs = await two_workers(fleet)
            logs[1].numbers("halved", 1, 3, 5)
            logs[2].numbers("halved", 2, 4)
            logs[0].numbers("whole", 1, 2, 4)
            both = (left, right)
            await look(both[first])
            assert splits(fleet) == {1: {"halved": Split((1, 2))}, 2: {"halved": Split((1, 2))}}
            await look(both[second])
            assert splits(fleet) == {1: {"halved": Split((1, 2))}, 2: {"halved": Split((1, 2))}}


async def test_the_later_part_finds_the_earlier_one() -> None:
    async with Fleet(4) as fleet:
        left, right, logs = await two_workers(fleet)
        logs[1].numbers("halved", 1)
        await look(left, right)
        assert splits(fleet) == {}
        logs[3].numbers("halved", 2)
        await look(left, right)
        assert set(splits(fleet)) == {1, 3}


async def test_parts_of_one_worker_find_each_other() -> None:
    async with Fleet(4) as fleet:
        left, _, logs = await two_workers(fleet)
        for number in range(4):
            logs[number].numbers("everywhere", number + 1)
        await look(left)
        assert splits(fleet) == {number: {"everywhere": Split((0, 1, 2, 3))} for number in range(4)}


async def test_whole_projects_are_not_split_wherever_they_lie() -> None:
    """A topic whose producers all use another partitioner: nearly every project is away from where murmur2 puts it."""
    async with Fleet(4) as fleet:
        left, right, logs = await two_workers(fleet)
        for number in range(40):
            logs[number % 4].numbers(f"proj-{number}", 1)
        await look(left, right)
        assert splits(fleet) == {}


async def test_records_without_a_key_are_the_cause_even_of_two_parts() -> None:
    async with Fleet(4) as fleet:
        left, right, logs = await two_workers(fleet)
        logs[2].numbers("split-b", 1)
        logs[3].numbers("split-b", 2)
        right.engine.owned[3].keyless.add("split-b")
        await look(right)
        await fleet.publish()
        found = json(await left.get(f"{INTEGRITY}/project/split-b"))["split"]
        assert found["cause"] == "no_key"
        assert [part["placed_by"] for part in found["partitions"]] == ["murmur2", "no_key"]


async def test_a_worker_that_does_not_answer_is_asked_again() -> None:
    async with Fleet(4) as fleet:
        left, right, logs = await two_workers(fleet)
        logs[1].numbers("halved", 1)
        right.engine.owned[3].phase = PartitionPhase.RECOVERING
        await look(left)
        logs[3].numbers("halved", 2)
        right.engine.owned[3].phase = PartitionPhase.LIVE
        await left.splits.look(0.5)
        assert splits(fleet) == {}  # not so soon
        await left.splits.look(1.1)
        assert set(splits(fleet)) == {1, 3}


async def test_what_was_recovered_is_asked_for_a_few_at_a_time_and_what_is_new_before_it() -> None:
    async with Fleet(2) as fleet:
        left, right = await fleet.worker("left"), await fleet.worker("right")
        first, second = left.own_partition(0), right.own_partition(1)
        await fleet.publish()
        for number in range(BATCH_PROJECTS + 1):
            first.numbers(f"proj-{number}", 1)
        left.engine.owned[0].recovered.projects = BATCH_PROJECTS + 1
        first.numbers("new", 1)
        second.numbers(f"proj-{BATCH_PROJECTS}", 2)
        second.numbers("new", 2)
        await look(left)
        assert set(splits(fleet)[0]) == {"new"}
        await look(left)
        assert set(splits(fleet)[0]) == {"new", f"proj-{BATCH_PROJECTS}"}


async def test_both_workers_put_the_same_view_together() -> None:
    async with Fleet(4) as fleet:
        left, right, logs = await two_workers(fleet)
        logs[1].numbers("halved", 1, 3, 5, 9)
        logs[2].numbers("halved", 2, 4, 6, 8, 10)
        logs[0].settle(120)
        logs[1].settle(120)
        logs[2].settle(120)
        await look(left, right)
        await fleet.publish()
        answers = [json(await worker.get(f"{INTEGRITY}/project/halved")) for worker in (left, right)]
        assert answers[0] == answers[1]
        view = answers[0]
        assert (view["total_episodes"], view["max_number"], view["gaps"], view["gaps_total"]) == (9, 10, [7], 1)
        assert view["applied"]["partition"] == 1
        assert [part["total_episodes"] for part in view["split"]["partitions"]] == [4, 5]
        assert view["health_score"] == 90.0
        summaries = [json(await worker.get(f"{INTEGRITY}/summary")) for worker in (left, right)]
        assert summaries[0] == summaries[1]
        facts = ("total_projects", "healthy_projects", "unhealthy_projects", "total_gaps", "split_projects")
        assert [summaries[0][name] for name in facts] == [1, 1, 0, 0, 1]
        for worker in (left, right):
            page = json(await worker.get(f"{INTEGRITY}/projects"))
            assert page["total"] == 1
            assert [row["project_id"] for row in page["projects"] if row["is_split"]] == ["halved"]
            assert json(await worker.get(f"{INTEGRITY}/project/halved/findings"))["findings"] == []
            assert json(await worker.get("/readyz"))["parts"]["partitioning"].startswith("1 project is in several")
            assert "episode_monitor_split_projects 1.0" in (await worker.get("/metrics")).text


async def test_a_part_that_cannot_be_asked_makes_no_half_a_view() -> None:
    async with Fleet(4) as fleet:
        left, right, logs = await two_workers(fleet)
        logs[1].numbers("halved", 1)
        logs[2].numbers("halved", 2)
        await look(left)
        right.engine.owned[2].phase = PartitionPhase.RECOVERING
        assert code(await left.get(f"{INTEGRITY}/project/halved"), 503) == "recovering"


async def test_both_give_the_same_rates_of_a_split_project() -> None:
    async with Fleet(4) as fleet:
        left, right, logs = await two_workers(fleet)
        logs[1].created("halved", 1, took=1.0)
        logs[2].failed("halved", took=3.0)
        await look(left, right)
        await fleet.publish()
        stats = json(await right.get(f"{PERFORMANCE}/stats", project_id="halved"))
        assert (stats["ended_operations"], stats["failed_operations"], stats["failure_rate_percentage"]) == (2, 1, 50.0)
        assert (stats["average_duration_seconds"], stats["total_operations_today"]) == (2.0, 2)
        (point,) = json(await left.get(f"{PERFORMANCE}/trend", project_id="halved"))["points"]
        assert (point["ended_operations"], point["failed_operations"]) == (2, 1)
        for path in ("stats", "trend"):
            answers = [json(await w.get(f"{PERFORMANCE}/{path}", project_id="halved")) for w in (left, right)]
            assert answers[0] == answers[1]


# --- alerts that wait


async def test_an_alert_waits_until_the_others_have_taken_what_their_logs_hold() -> None:
    async with Fleet(4) as fleet:
        left, right, logs = await two_workers(fleet)
        logs[1].numbers("halved", 1, 3)
        right.engine.behind = 1  # one event of each partition is not taken yet
        waiting = asyncio.create_task(left.splits.compare(left.engine.owned[1], ["halved"], True))
        async with asyncio.timeout(10):
            await right.engine.was_asked_often.wait()
        assert not waiting.done()
        logs[2].numbers("halved", 2)
        right.engine.behind = 0
        for owned in right.engine.owned.values():
            owned.position += 1
        await waiting
        assert set(splits(fleet)) == {1, 2}


async def test_where_nobody_may_wait_it_is_asked_once() -> None:
    async with Fleet(4) as fleet:
        left, right, logs = await two_workers(fleet)
        logs[1].numbers("halved", 1, 3)
        right.engine.behind = 1
        await left.splits.compare(left.engine.owned[1], ["halved"], False)
        assert right.engine.times_asked == 0


@pytest.mark.parametrize("is_patient", [True, False])
async def test_a_flush_that_others_wait_for_waits_for_nobody(is_patient: bool) -> None:
    async with Fleet(4) as fleet:
        left, right, logs = await two_workers(fleet)
        logs[1].numbers("halved", 1, 3)
        for worker in (left, right):
            worker.engine.flusher.is_awaited = True
            worker.engine.end_is_known = False
        await left.splits.compare(left.engine.owned[1], ["halved"], is_patient)
