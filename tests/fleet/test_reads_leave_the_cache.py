"""Who reads pushes nothing out of memory that events come for, and sees what is true all the same."""

from contextlib import suppress

from episode_monitor.fleet.catalogue import all_questions
from episode_monitor.fleet.errors import Refused
from episode_monitor.fleet.questions.compare import CompareQuestion
from episode_monitor.fleet.transaction import Act
from streams.partition.state_cache import LOOKED_AT_MOST
from tests.fleet.fleet import Fleet, Worker, json
from tests.fleet.questions import NoJobs, sample_of

ROOT = "/monitoring/episodes"
COLD = [f"cold-{number:02}" for number in range(40)]
HOT = ["hot-1", "hot-2"]


async def ask_every_question(worker: Worker) -> None:
    """All of the list that are no acts, as another worker or this one asks them."""
    worker.own.jobs = worker.own.replays = NoJobs()
    for kind in all_questions().values():
        if not issubclass(kind, Act):
            for project in COLD:
                projects = [(project, 1)] if kind is CompareQuestion else [project]
                given = {"project_id": project, "projects": projects}
                known = {name: value for name, value in given.items() if name in kind.__struct_fields__}
                with suppress(Refused):  # none of them has a finding of the sample's id
                    await sample_of(kind, **known).partial_answer(worker.own)


async def ask_everything(worker: Worker) -> None:
    for project in COLD:
        for path in ("", "/findings"):
            json(await worker.get(f"{ROOT}/integrity/project/{project}{path}"))
        for path in ("performance/stats", "performance/trend"):
            json(await worker.get(f"{ROOT}/{path}", project_id=project))
    for path in ("integrity/projects", "alerts/active", "integrity/summary"):
        json(await worker.get(f"{ROOT}/{path}"))
    assert (await worker.get("/metrics")).status_code == 200


async def test_reading_every_project_leaves_those_in_memory_that_events_come_for() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        for project in COLD:
            log.created(project, 2)  # 1 is missing, so each has a finding and an alert
        log.settle(60)
        await worker.engine.flusher.flush()
        partition = log.partition
        partition._cache._generation_size = 2
        partition._cache.young, partition._cache._old = {}, {}
        for project in HOT:
            log.created(project, 1, at=61)
        await worker.engine.flusher.flush()
        hot = [partition._cache.young[project] for project in HOT]
        await ask_everything(worker)
        await ask_every_question(worker)
        await fleet.publish()
        assert [partition._cache.young.get(project) for project in HOT] == hot
        assert len(partition._cache._looked_at) == len(COLD)


async def test_a_reader_sees_what_events_changed_since_it_last_looked() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.created("p", 2)
        await worker.engine.flusher.flush()
        partition = log.partition
        partition._cache._generation_size = 1
        for step, number in enumerate((1, 3, 4), start=1):
            for project in ("other-1", "other-2", "other-3"):
                log.created(project, step, at=step)  # `p` is no longer decoded in memory
            await worker.engine.flusher.flush()
            assert "p" not in {**partition._cache.young, **partition._cache._old}
            assert json(await worker.get(f"{ROOT}/integrity/project/p"))["total_episodes"] == step
            log.created("p", number, at=step + 0.5)
            assert json(await worker.get(f"{ROOT}/integrity/project/p"))["total_episodes"] == step + 1


async def test_what_readers_asked_for_is_bounded() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        names = [f"p{number}" for number in range(LOOKED_AT_MOST + 5)]
        for project in names:
            log.created(project, 1)
        await worker.engine.flusher.flush()
        partition = log.partition
        partition._cache.young.clear()
        partition._cache._old.clear()
        for project in names:
            assert partition.look(project) is not None
        assert len(partition._cache._looked_at) == LOOKED_AT_MOST
        assert partition._cache.young == {}
