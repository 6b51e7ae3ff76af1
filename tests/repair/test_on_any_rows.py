"""On a real database, for any rows: a repair leaves no gap and no duplicate, and its rollback is its exact inverse."""

from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from episode_monitor.repair.plan_state import PlanState
from episode_monitor.repair.planning import Strategy
from testbed.properties import examples
from tests.repair.desk import Desk

SOME = examples(15, HealthCheck.function_scoped_fixture)
NUMBERS = st.lists(st.one_of(st.integers(1, 8), st.integers(1, 2**31 - 100)), min_size=1, max_size=12)


@SOME
@given(numbers=NUMBERS, strategy=st.sampled_from(Strategy))
async def test_a_repair_mends_and_its_rollback_restores(desk: Desk, numbers: list[int], strategy: Strategy) -> None:
    await desk.run("TRUNCATE episodes, projects")
    await desk.hold("p", *numbers)
    desk.stream.numbers.clear()  # what the stream shows is tested elsewhere
    old = await desk.numbers("p")
    kept = await desk.repairs.plan("p", strategy, "mina")
    if kept.plan.changes:
        kept = await desk.repairs.apply(kept.plan.plan_id, "mina", "p")
        assert kept.progress.state is PlanState.APPLIED
    mended = sorted((await desk.numbers("p")).values())
    assert len(set(mended)) == len(numbers)
    if strategy is Strategy.COMPACT:
        assert mended == list(range(1, len(numbers) + 1))
    if kept.plan.changes:
        await desk.repairs.rollback(kept.plan.plan_id, "mina", "p")
    assert await desk.numbers("p") == old
    guarded = await desk.run("SELECT number FROM episodes WHERE NOT legacy_import")
    assert sorted(row["number"] for row in guarded) == sorted(set(numbers))  # each once, so the index still guards it
