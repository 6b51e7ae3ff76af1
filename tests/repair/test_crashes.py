"""A process killed in the middle of an act, at every place: the numbers are old or new, and the plan says which."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from episode_monitor.repair.errors import Code, RepairRefused
from episode_monitor.repair.plan_state import KeptPlan, PlanState, Verification
from episode_monitor.repair.planning import Strategy
from episode_monitor.repair.store import PostgresPlans
from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import DatabaseAway
from testbed.databases import PATIENT
from tests.repair.desk import Desk

ROOT = Path(__file__).resolve().parents[2]
OLD = {"p_1": 2, "p_2": 4, "p_3": 5}
NEW = {"p_1": 1, "p_2": 2, "p_3": 3}
BEFORE_COMMIT = ("before_changes", "before_commit")
AFTER_COMMIT = ("after_commit", "before_note_of_commit", "before_events", "after_events")


@pytest.fixture
async def kept_desk(database_url: str) -> AsyncIterator[Desk]:
    """A desk whose plans are in PostgreSQL, beside the service's tables."""
    database = Database(database_url, PATIENT)
    await database.connect()
    desk = Desk(database_url, store=PostgresPlans(database))
    await desk.make_tables()
    await desk.hold("p", *OLD.values())
    yield desk
    await database.close()


async def killed(desk: Desk, plan_id: str, verb: str, place: str, *options: str) -> None:
    words = [sys.executable, "-m", "tests.repair.victim", desk.url, plan_id, "p", verb, place, *options]
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT)
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL


async def planned(desk: Desk) -> str:
    kept = await desk.repairs.plan("p", Strategy.COMPACT, "mina")
    return kept.plan.plan_id


async def looked_at_when_the_lease_is_over(desk: Desk, plan_id: str) -> KeptPlan:
    desk.now_ms += 1000 * desk.settings.lease_seconds + 1
    return await desk.another().look(plan_id)


def stream_ids(desk: Desk) -> list[str]:
    return [event["episode_id"] for event in desk.stream.sent]


@pytest.mark.parametrize("place", BEFORE_COMMIT)
async def test_killed_before_the_commit_nothing_is_left_behind(kept_desk: Desk, place: str) -> None:
    plan_id = await planned(kept_desk)
    await killed(kept_desk, plan_id, "apply", place)
    kept = await kept_desk.repairs.look(plan_id)
    assert kept.progress.state is PlanState.APPLYING  # until its lease is over somebody may be at it
    with pytest.raises(RepairRefused) as refused:
        await kept_desk.repairs.apply(plan_id, "jun", "p")
    assert refused.value.code is Code.PLAN_BUSY
    kept = await looked_at_when_the_lease_is_over(kept_desk, plan_id)
    assert kept.progress.state is PlanState.PLANNED
    assert kept.progress.steps[-1].detail == "the worker stopped during the transaction, which was rolled back"
    assert await kept_desk.numbers("p") == OLD
    assert stream_ids(kept_desk) == []
    kept = await kept_desk.repairs.apply(plan_id, "jun", "p")
    assert (kept.progress.state, await kept_desk.numbers("p")) == (PlanState.APPLIED, NEW)


@pytest.mark.parametrize("place", AFTER_COMMIT)
async def test_killed_after_the_commit_the_events_are_sent_by_whoever_looks_next(kept_desk: Desk, place: str) -> None:
    plan_id = await planned(kept_desk)
    await killed(kept_desk, plan_id, "apply", place)
    kept_desk.now_ms += 1000 * kept_desk.settings.lease_seconds + 1
    await kept_desk.another().resume_all()
    kept = await kept_desk.repairs.look(plan_id)
    assert (kept.progress.state, kept.progress.verification) == (PlanState.APPLIED, Verification.PASSED)
    assert await kept_desk.numbers("p") == NEW
    assert stream_ids(kept_desk) == ["p_1", "p_2", "p_3"]
    at = {event["occurred_at"] for event in kept_desk.stream.sent}
    assert at == {"2025-10-09T08:53:20.000Z"}  # of the transaction, not of the sending


@pytest.mark.parametrize("place", [*BEFORE_COMMIT, *AFTER_COMMIT])
async def test_a_rollback_that_is_killed_is_resolved_alike(kept_desk: Desk, place: str) -> None:
    plan_id = await planned(kept_desk)
    await kept_desk.repairs.apply(plan_id, "mina", "p")
    await killed(kept_desk, plan_id, "rollback", place)
    kept = await looked_at_when_the_lease_is_over(kept_desk, plan_id)
    is_done = place in AFTER_COMMIT
    assert kept.progress.state is (PlanState.ROLLED_BACK if is_done else PlanState.APPLIED)
    assert await kept_desk.numbers("p") == (OLD if is_done else NEW) == kept_desk.stream.numbers["p"]


@pytest.mark.parametrize("place", [*BEFORE_COMMIT, *AFTER_COMMIT])
async def test_newer_episodes_of_an_act_that_is_killed_share_its_fate(kept_desk: Desk, place: str) -> None:
    plan_id = await planned(kept_desk)
    await create(kept_desk, "new_1", 6)
    await killed(kept_desk, plan_id, "apply", place, "with_newer")
    kept = await looked_at_when_the_lease_is_over(kept_desk, plan_id)
    is_done = place in AFTER_COMMIT
    assert kept.progress.state is (PlanState.APPLIED if is_done else PlanState.PLANNED)
    assert [change.episode_id for change in kept.progress.newer] == (["new_1"] if is_done else [])
    assert await kept_desk.numbers("p") == ({**NEW, "new_1": 4} if is_done else {**OLD, "new_1": 6})
    assert await kept_desk.numbers("p") == kept_desk.stream.numbers["p"]
    if not is_done:
        await kept_desk.repairs.apply(plan_id, "mina", "p", with_newer=True)
    await create(kept_desk, "new_2", 5)
    await killed(kept_desk, plan_id, "rollback", place, "with_newer")
    kept = await looked_at_when_the_lease_is_over(kept_desk, plan_id)
    if not is_done:
        assert kept.progress.state is PlanState.APPLIED
        assert await kept_desk.numbers("p") == {**NEW, "new_1": 4, "new_2": 5}
        await kept_desk.repairs.rollback(plan_id, "mina", "p", with_newer=True)
    assert await kept_desk.numbers("p") == {**OLD, "new_1": 6, "new_2": 7} == kept_desk.stream.numbers["p"]


async def create(desk: Desk, episode: str, number: int) -> None:
    await desk.run("INSERT INTO episodes (id, project_id, number) VALUES ($1, 'p', $2)", episode, number)
    desk.stream.numbers["p"][episode] = number


async def test_of_workers_that_apply_one_plan_at_once_one_does(kept_desk: Desk) -> None:
    """Plans in PostgreSQL, each worker with connections of its own."""
    plan_id = await planned(kept_desk)
    databases = [Database(kept_desk.url, PATIENT) for _ in range(4)]
    workers = []
    for database in databases:
        await database.connect()
        worker = Desk(kept_desk.url, store=PostgresPlans(database))
        worker.stream = kept_desk.stream
        workers.append(worker.another())
    applying = (worker.apply(plan_id, f"person {place}", "p") for place, worker in enumerate(workers))
    done = await asyncio.gather(*applying, return_exceptions=True)
    assert sum(isinstance(one, KeptPlan) for one in done) == 1
    refusals = [one for one in done if isinstance(one, RepairRefused)]
    assert {one.code for one in refusals} <= {Code.PLAN_BUSY, Code.PLAN_NOT_OPEN}
    assert len(refusals) == 3
    assert await kept_desk.numbers("p") == NEW
    assert stream_ids(kept_desk) == ["p_1", "p_2", "p_3"]
    for database in databases:
        await database.close()


async def test_plans_survive_the_worker_that_made_them(kept_desk: Desk) -> None:
    made = await kept_desk.repairs.plan("p", Strategy.COMPACT, "mina")
    other = Database(kept_desk.url, PATIENT)
    await other.connect()
    assert await PostgresPlans(other).get(made.plan.plan_id) == made
    await other.close()
    with pytest.raises(DatabaseAway):
        await PostgresPlans(other).get(made.plan.plan_id)


async def test_of_two_movers_of_one_plan_the_second_is_told(kept_desk: Desk) -> None:
    made = await kept_desk.repairs.plan("p", Strategy.COMPACT, "mina")
    await kept_desk.store.move(made, made.moved(approved_by="jun"))
    with pytest.raises(RepairRefused) as refused:
        await kept_desk.store.move(made, made.moved(approved_by="ara"))
    assert refused.value.code is Code.PLAN_BUSY
    assert (await kept_desk.store.get(made.plan.plan_id)).progress.approved_by == "jun"


async def test_the_switch_and_the_count_of_acts_are_everybodys(kept_desk: Desk) -> None:
    assert await kept_desk.store.is_paused() == (False, "")
    await kept_desk.store.pause(True, "mina")
    await kept_desk.store.pause(False, "jun")
    assert await kept_desk.store.is_paused() == (False, "jun")
    await kept_desk.repairs.apply(await planned(kept_desk), "mina", "p")
    assert await kept_desk.store.acts_since("mina", kept_desk.now_ms) == 1
    assert await kept_desk.store.acts_since("mina", kept_desk.now_ms + 1) == 0
    assert await kept_desk.store.acts_since("jun", 0) == 0
