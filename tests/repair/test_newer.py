"""Repair of a project that goes on growing: what was created since the plan was made waits, or moves along."""

import pytest

from episode_monitor.repair.answers import plan_view
from episode_monitor.repair.errors import Code, RepairRefused
from episode_monitor.repair.plan_state import KeptPlan, PlanState, Verification
from episode_monitor.repair.planning import Strategy
from models.repair import BlastRadius, ProjectNumbers
from tests.repair.desk import Desk


async def planned(desk: Desk, strategy: Strategy = Strategy.COMPACT) -> str:
    kept = await desk.repairs.plan("p", strategy, "mina")
    return kept.plan.plan_id


async def create(desk: Desk, *numbers: int) -> None:
    """Episodes new_NUMBER, as the service would number and tell them."""
    for number in numbers:
        await desk.run("INSERT INTO episodes (id, project_id, number) VALUES ($1, 'p', $2)", f"new_{number}", number)
        desk.stream.numbers["p"][f"new_{number}"] = number


async def refused(doing: object) -> RepairRefused:
    with pytest.raises(RepairRefused) as refusal:
        await doing  # type: ignore[misc]
    return refusal.value


def moved_along(kept: KeptPlan) -> list[tuple[str, int, int]]:
    newer = [*kept.progress.newer, *kept.progress.newer_since]
    return [(change.episode_id, change.old_number, change.new_number) for change in newer]


async def test_newer_episodes_make_a_plan_wait_and_may_be_taken_along(desk: Desk) -> None:
    await desk.hold("p", 1, 3, 4)
    plan_id = await planned(desk)
    await create(desk, 5, 6)
    refusal = await refused(desk.repairs.apply(plan_id, "mina", "p"))
    assert refusal.code is Code.DATA_MOVED
    assert str(refusal) == (
        "Nothing was changed: 2 episodes were created since the plan was made. "
        "Say with_newer (--with-newer) to move newer episodes along."
    )
    kept = await desk.repairs.look(plan_id)
    assert (kept.progress.state, moved_along(kept)) == (PlanState.PLANNED, [])
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3, "p_3": 4, "new_5": 5, "new_6": 6}

    kept = await desk.repairs.apply(plan_id, "mina", "p", with_newer=True)
    assert (kept.progress.state, kept.progress.verification) == (PlanState.APPLIED, Verification.PASSED)
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "p_3": 3, "new_5": 4, "new_6": 5}
    assert await desk.numbers("p") == desk.stream.numbers["p"]
    assert moved_along(kept) == [("new_5", 5, 4), ("new_6", 6, 5)]
    assert kept.progress.steps[-3].detail == "2 numbers changed, and of newer episodes: 2"


async def test_an_applied_plan_shows_all_that_it_changed_newer_episodes_among_them(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await create(desk, 4, 6)
    kept = await desk.repairs.apply(plan_id, "mina", "p", with_newer=True)
    radius = plan_view(kept, approval_needed=False, kept_in="memory", now_ms=0).blast_radius
    assert radius == BlastRadius(
        episodes_changed=3, share_percentage=75.0, lowest_number=2, highest_number=6,
        before=ProjectNumbers(episodes=4, max_number=6, gaps=2, duplicates=0, out_of_range=0),
        after=ProjectNumbers(episodes=4, max_number=5, gaps=1, duplicates=0, out_of_range=0),
    )  # fmt: skip


async def test_what_was_taken_along_goes_back_as_well(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await create(desk, 4)
    await desk.repairs.apply(plan_id, "mina", "p", with_newer=True)
    kept = await desk.repairs.rollback(plan_id, "jun", "p")
    assert kept.progress.state is PlanState.ROLLED_BACK
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3, "new_4": 4} == desk.stream.numbers["p"]


async def test_a_rollback_moves_those_that_were_created_since_behind_the_old_numbers(desk: Desk) -> None:
    await desk.hold("p", 1, 3, 4)
    plan_id = await planned(desk)
    await create(desk, 5)
    await desk.repairs.apply(plan_id, "mina", "p", with_newer=True)  # 1, 2, 3 and new_5 is 4
    await create(desk, 6)  # its id; its number is the next one
    await desk.run("UPDATE episodes SET number = 5 WHERE id = 'new_6'")
    desk.stream.numbers["p"]["new_6"] = 5
    refusal = await refused(desk.repairs.rollback(plan_id, "jun", "p"))
    assert (refusal.code, "number 5 is now held by new_6" in str(refusal)) == (Code.DATA_MOVED, True)
    assert moved_along(await desk.repairs.look(plan_id)) == [("new_5", 5, 4)]
    kept = await desk.repairs.rollback(plan_id, "jun", "p", with_newer=True)
    assert kept.progress.verification is Verification.PASSED
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3, "p_3": 4, "new_5": 5, "new_6": 6}
    assert await desk.numbers("p") == desk.stream.numbers["p"]


async def test_where_a_repair_needed_more_numbers_newer_ones_make_room_and_close_up_again(desk: Desk) -> None:
    await desk.hold("p", 1, 2, 2, 3)
    plan_id = await planned(desk)
    await create(desk, 4, 5)
    await desk.repairs.apply(plan_id, "mina", "p", with_newer=True)
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "p_3": 3, "p_4": 4, "new_4": 5, "new_5": 6}
    await create(desk, 7)
    await desk.repairs.rollback(plan_id, "mina", "p", with_newer=True)
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "p_3": 2, "p_4": 3, "new_4": 4, "new_5": 5, "new_7": 6}
    assert await desk.numbers("p") == desk.stream.numbers["p"]


async def test_a_rollback_without_newer_ones_says_that_it_leaves_a_gap_below_them(desk: Desk) -> None:
    await desk.hold("p", 1, 1)
    plan_id = await planned(desk)
    await desk.repairs.apply(plan_id, "mina", "p")
    await create(desk, 3)
    kept = await desk.repairs.rollback(plan_id, "mina", "p")
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 1, "new_3": 3}
    details = [step.detail for step in kept.progress.steps if step.what == "rolled_back"]
    assert details == ["1 number changed; newer episodes that keep their numbers, above a gap: 1"]


async def test_duplicates_that_go_to_the_end_go_before_newer_ones(desk: Desk) -> None:
    await desk.hold("p", 1, 1)
    plan_id = await planned(desk, Strategy.DUPLICATES_TO_END)
    await create(desk, 2)
    await desk.repairs.apply(plan_id, "mina", "p", with_newer=True)
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "new_2": 3}


async def test_where_nothing_has_to_move_newer_ones_stay(desk: Desk) -> None:
    await desk.hold("p", 1, 1, 3)
    plan_id = await planned(desk, Strategy.DUPLICATES_TO_GAPS)
    await create(desk, 4)
    kept = await desk.repairs.apply(plan_id, "mina", "p", with_newer=True)
    assert moved_along(kept) == []
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "p_3": 3, "new_4": 4}


async def test_every_other_change_makes_a_plan_stale_with_newer_ones_too(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await create(desk, 4)
    await desk.run("DELETE FROM episodes WHERE id = 'p_1'")
    assert (await refused(desk.repairs.apply(plan_id, "mina", "p", with_newer=True))).code is Code.DATA_MOVED
    assert (await desk.repairs.look(plan_id)).progress.state is PlanState.STALE


async def test_newer_ones_with_one_number_are_not_taken_along(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await create(desk, 4)
    await desk.run("INSERT INTO episodes (id, project_id, number, legacy_import) VALUES ('again', 'p', 4, true)")
    refusal = await refused(desk.repairs.apply(plan_id, "mina", "p", with_newer=True))
    assert (refusal.code, "have the same number" in str(refusal)) == (Code.DATA_MOVED, True)


async def test_with_newer_ones_a_small_plan_may_need_a_second_person(database_url: str) -> None:
    desk = Desk(database_url, approval_above=2)
    await desk.make_tables()
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await create(desk, 4, 5)
    refusal = await refused(desk.repairs.apply(plan_id, "mina", "p", with_newer=True))
    assert refusal.code is Code.APPROVAL_NEEDED
    assert str(refusal).startswith("With the episodes created since, 3 numbers change, more than")
    await desk.repairs.approve(plan_id, "jun", "p")
    kept = await desk.repairs.apply(plan_id, "mina", "p", with_newer=True)
    assert kept.progress.state is PlanState.APPLIED
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "new_4": 3, "new_5": 4}


async def test_a_failed_check_takes_back_what_was_taken_along(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await create(desk, 4)
    desk.stream.is_deaf = True
    kept = await desk.repairs.apply(plan_id, "mina", "p", with_newer=True)
    assert kept.progress.state is PlanState.ROLLED_BACK
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3, "new_4": 4}


async def test_a_failed_check_of_a_project_that_grows_moves_newer_ones_behind(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    created = []

    async def grow() -> None:
        created.append(await desk.run("INSERT INTO episodes (id, project_id, number) VALUES ('late', 'p', 3)"))

    desk.stream.is_deaf = True
    announce = desk.stream.announce

    async def announced_then_grown(kept: KeptPlan) -> tuple[int, int] | None:
        if not created:
            await grow()
        return await announce(kept)

    desk.stream.announce = announced_then_grown  # type: ignore[method-assign]
    kept = await desk.repairs.apply(plan_id, "mina", "p", with_newer=True)
    assert kept.progress.state is PlanState.ROLLED_BACK
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3, "late": 4}
