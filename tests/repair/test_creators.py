"""Repair beside creators, who run the sample service's own numbering code on connections of their own."""

import asyncio
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from episode_monitor.repair.errors import Code, RepairRefused
from episode_monitor.repair.plan_state import KeptPlan, PlanState
from episode_monitor.repair.planning import Strategy
from examples.project_service.numbering import Attempts, Numbering
from examples.project_service.trouble import Hot, Troubles
from testbed.properties import examples
from tests.repair.desk import Desk


async def _nothing_more(connection: Any, episode: Any) -> None:
    """Nothing else is written in the creator's transaction."""


SLOW = examples(12, HealthCheck.function_scoped_fixture)


async def repaired(desk: Desk, tries: int = 40) -> KeptPlan:
    """Plans and applies until it gets through; whoever creates makes plans stale."""
    for _ in range(tries):
        kept = await desk.repairs.plan("p", Strategy.COMPACT, "mina")
        try:
            return await desk.repairs.apply(kept.plan.plan_id, "mina", "p")
        except RepairRefused as refused:
            if refused.code is Code.NOTHING_TO_DO:
                return kept
            if refused.code not in (Code.DATA_MOVED, Code.CONTENDED):
                raise
    raise AssertionError("the repair never got through")


async def fresh(desk: Desk, numbers: list[int]) -> None:
    await desk.run("TRUNCATE episodes, projects")
    desk.stream.numbers.clear()
    await desk.hold("p", *numbers)


class Passed:
    """Creators begin when the repair passes a place: at once, or at one of the repair's failpoints."""

    AT_ONCE = "at once"
    PLACES = (AT_ONCE, "before_changes", "before_commit", "after_commit", "before_events", "after_events")

    def __init__(self) -> None:
        self._events = {place: asyncio.Event() for place in self.PLACES}
        self._events[self.AT_ONCE].set()

    def __call__(self, place: str) -> None:
        if place in self._events:
            self._events[place].set()

    async def wait(self, place: str) -> None:
        await self._events[place].wait()

    def all(self) -> None:
        """For places that a repair with nothing to do never passes."""
        for event in self._events.values():
            event.set()


places = st.sampled_from(Passed.PLACES)


@SLOW
@given(
    numbers=st.lists(st.integers(1, 30), min_size=1, max_size=10),
    begins=st.lists(places, min_size=1, max_size=8),
    look_ms=st.sampled_from((0, 5, 15)),
)
async def test_no_interleaving_with_creators_loses_or_doubles_a_number(
    desk: Desk, numbers: list[int], begins: list[str], look_ms: int
) -> None:
    await fresh(desk, numbers)
    passed = Passed()
    desk.repairs = desk.another(failpoint=passed)
    troubles = Troubles(1)
    troubles.order(Hot(project_id="p", kind="hot", pause_seconds=look_ms / 1000))  # between look and insert
    async with asyncpg.create_pool(desk.url, min_size=4, max_size=4) as pool:
        numbering = Numbering(pool, troubles, 20.0, seed=1)

        async def create(place: str) -> str:
            await passed.wait(place)
            created = await numbering.create("p", "t", 60.0, Attempts(), lambda: None, _nothing_more)
            desk.stream.numbers["p"].setdefault(created.id, created.number)
            return created.id

        creating = [asyncio.create_task(create(place)) for place in begins]
        kept = await repaired(desk)
        passed.all()
        created = await asyncio.gather(*creating)
    held = await desk.numbers("p")
    assert sorted(held.values()) == list(range(1, len(numbers) + len(begins) + 1))
    assert set(created) <= set(held)
    assert kept.progress.state in (PlanState.APPLIED, PlanState.PLANNED)


@SLOW
@given(
    numbers=st.lists(st.integers(1, 12), min_size=1, max_size=8),
    begins=st.lists(st.tuples(st.sampled_from(("apply", "rollback")), places), min_size=1, max_size=10),
    strategy=st.sampled_from(Strategy),
)
async def test_repair_and_rollback_with_newer_episodes_restore_the_old_state_beside_creators(
    desk: Desk, numbers: list[int], begins: list[tuple[str, str]], strategy: Strategy
) -> None:
    await fresh(desk, numbers)
    old = await desk.numbers("p")
    troubles = Troubles(1)
    troubles.order(Hot(project_id="p", kind="hot", pause_seconds=0.003))
    passed = {"apply": Passed(), "rollback": Passed()}
    async with asyncpg.create_pool(desk.url, min_size=4, max_size=4) as pool:
        numbering = Numbering(pool, troubles, 20.0, seed=1)

        async def create(act: str, place: str) -> str:
            await passed[act].wait(place)
            return (await numbering.create("p", "t", 60.0, Attempts(), lambda: None, _nothing_more)).id

        desk.stream.numbers.clear()  # what the stream shows is tested elsewhere
        kept = await desk.repairs.plan("p", strategy, "mina")
        creating = [asyncio.create_task(create(act, place)) for act, place in begins]
        if kept.plan.changes:
            plan_id = kept.plan.plan_id
            await desk.another(failpoint=passed["apply"]).apply(plan_id, "mina", "p", with_newer=True)
            await desk.another(failpoint=passed["rollback"]).rollback(plan_id, "mina", "p", with_newer=True)
        for each in passed.values():
            each.all()
        created = await asyncio.gather(*creating)
    held = await desk.numbers("p")
    assert {episode: held[episode] for episode in old} == old
    behind = sorted(held[episode] for episode in created)
    assert behind == list(range(max(numbers) + 1, max(numbers) + 1 + len(created)))


async def test_a_creator_that_looked_before_and_inserts_after_is_waited_for(desk: Desk) -> None:
    await desk.hold("p", 1, 2, 9)
    troubles = Troubles(1)
    troubles.order(Hot(project_id="p", kind="hot", pause_seconds=0.5))
    async with asyncpg.create_pool(desk.url, min_size=2, max_size=2) as pool:
        creating = asyncio.create_task(
            Numbering(pool, troubles, 20.0).create("p", "t", 60.0, Attempts(), lambda: None, _nothing_more)
        )
        holding = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        while (await desk.run(holding))[0]["count"] == 0:  # noqa: ASYNC110 - it is asked of the database
            await asyncio.sleep(0.01)
        kept = await repaired(desk)
        await creating
    assert kept.progress.state is PlanState.APPLIED
    assert sorted((await desk.numbers("p")).values()) == [1, 2, 3, 4]


async def test_a_creator_without_the_lock_that_leaves_a_gap_has_the_repair_taken_back(desk: Desk) -> None:
    await desk.hold("p", 1, 2, 9)
    plan = await desk.repairs.plan("p", Strategy.COMPACT, "mina")

    def late(place: str) -> None:
        if place == "before_events" and not inserting:  # it looked before the repair and inserts after it
            insert = "INSERT INTO episodes (id, project_id, number) VALUES ('late', 'p', 10)"
            inserting.append(loop.create_task(desk.run(insert)))

    inserting: list[asyncio.Task[object]] = []
    loop = asyncio.get_running_loop()
    desk.repairs = desk.another(failpoint=late)
    desk.stream.lags = True
    loop.call_later(0.15, lambda: setattr(desk.stream, "lags", False))
    kept = await desk.repairs.apply(plan.plan.plan_id, "mina", "p")
    await asyncio.gather(*inserting)
    assert kept.progress.state is PlanState.ROLLED_BACK
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "p_3": 9, "late": 10}
    assert any("advisory lock" in step.detail for step in kept.progress.steps)


async def test_a_number_that_somebody_takes_in_the_middle_rolls_back_and_is_told(desk: Desk) -> None:
    await desk.hold("p", 1, 3, 4)
    kept = await desk.repairs.plan("p", Strategy.COMPACT, "mina")
    holder = await asyncpg.connect(desk.url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("INSERT INTO episodes (id, project_id, number) VALUES ('other', 'p', 2)")  # not committed
    try:
        with pytest.raises(RepairRefused) as refused:
            await desk.repairs.apply(kept.plan.plan_id, "mina", "p")
        assert refused.value.code is Code.CONTENDED
    finally:
        await transaction.rollback()
        await holder.close()
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3, "p_3": 4}
    done = await desk.repairs.apply(kept.plan.plan_id, "mina", "p")
    assert done.progress.state is PlanState.APPLIED


async def test_a_deadlock_is_tried_again(desk: Desk) -> None:
    """Somebody holds the last row and wants the first, while the repair holds the first and wants the last."""
    await desk.hold("p", 2, 3)
    kept = await desk.repairs.plan("p", Strategy.COMPACT, "mina")
    other = await asyncpg.connect(desk.url)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT FROM episodes WHERE id = 'p_2' FOR UPDATE")
    acting = asyncio.create_task(desk.repairs.apply(kept.plan.plan_id, "mina", "p"))
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while (await desk.run(waiting))[0]["count"] == 0:  # noqa: ASYNC110 - it is asked of the database
        await asyncio.sleep(0.01)
    try:
        await other.execute("SELECT FROM episodes WHERE id = 'p_1' FOR UPDATE")
    except asyncpg.DeadlockDetectedError:
        pass
    finally:
        await transaction.rollback()
        await other.close()
    assert (await acting).progress.state is PlanState.APPLIED
    assert sorted((await desk.numbers("p")).values()) == [1, 2]
