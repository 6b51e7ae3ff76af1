"""The life of a plan on a real database: planned, approved, applied, verified, rolled back, refused."""

import asyncio

import pytest

from episode_monitor.repair.errors import Code, RepairRefused
from episode_monitor.repair.plan_state import KeptPlan, PlanState, Verification
from episode_monitor.repair.planning import Strategy
from episode_monitor.service_database.episodes_table import EpisodesTable
from models.integrity_views import SplitPart, SplitView
from tests.repair.desk import Desk


async def planned(desk: Desk, project_id: str = "p", strategy: Strategy = Strategy.COMPACT, by: str = "mina") -> str:
    kept = await desk.repairs.plan(project_id, strategy, by)
    return kept.plan.plan_id


def steps(kept: KeptPlan) -> list[tuple[str, str]]:
    return [(step.by, step.what) for step in kept.progress.steps]


async def test_a_plan_shows_every_change_and_how_far_it_reaches_and_writes_nothing(desk: Desk) -> None:
    await desk.hold("p", 1, 2, 4, 4, 7)
    before = await desk.run("SELECT * FROM episodes ORDER BY id")
    kept = await desk.repairs.plan("p", Strategy.COMPACT, "mina")
    assert [(c.episode_id, c.old_number, c.new_number) for c in kept.plan.changes] == [("p_3", 4, 3), ("p_5", 7, 5)]
    assert (kept.plan.before.gaps, kept.plan.before.duplicates, kept.plan.before.max_number) == (3, 1, 7)
    assert (kept.plan.after.gaps, kept.plan.after.duplicates, kept.plan.after.max_number) == (0, 0, 5)
    assert kept.plan.expires_at_ms - kept.plan.created_at_ms == 3_600_000
    assert await desk.run("SELECT * FROM episodes ORDER BY id") == before
    assert desk.audit == [("p", "mina", "planned")]


async def test_an_applied_plan_is_announced_verified_and_in_the_audit(desk: Desk) -> None:
    await desk.hold("p", 1, 2, 4, 7)
    kept = await desk.repairs.apply(await planned(desk), "mina", "p")
    assert kept.progress.state is PlanState.APPLIED
    assert kept.progress.verification is Verification.PASSED
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "p_3": 3, "p_4": 4}
    told = [(event["episode_id"], event["old_number"], event["episode_number"]) for event in desk.stream.sent]
    assert told == [("p_3", 4, 3), ("p_4", 7, 4)]
    assert [what for _, _, what in desk.audit] == ["planned", "applied", "announced", "verification passed"]
    rows = await desk.run("SELECT version FROM episodes ORDER BY id")
    assert [row["version"] for row in rows] == [1, 1, 2, 2]


async def test_rollback_restores_the_old_numbers_exactly(desk: Desk) -> None:
    await desk.hold("p", 1, 2, 2, 2, 9)
    old = await desk.numbers("p")
    plan_id = await planned(desk)
    await desk.repairs.apply(plan_id, "mina", "p")
    assert sorted((await desk.numbers("p")).values()) == [1, 2, 3, 4, 5]
    kept = await desk.repairs.rollback(plan_id, "jun", "p")
    assert kept.progress.state is PlanState.ROLLED_BACK
    assert await desk.numbers("p") == old == desk.stream.numbers["p"]
    legacy = await desk.run("SELECT id FROM episodes WHERE legacy_import ORDER BY id")
    assert [row["id"] for row in legacy] == ["p_3", "p_4"]
    ids = [event["event_id"] for event in desk.stream.sent]
    assert len(set(ids)) == len(ids) == 6


async def test_duplicates_go_to_the_end_or_into_gaps(desk: Desk) -> None:
    await desk.hold("p", 1, 2, 2, 5)
    end = await planned(desk, strategy=Strategy.DUPLICATES_TO_END)
    await desk.repairs.apply(end, "mina", "p")
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "p_3": 6, "p_4": 5}
    await desk.repairs.rollback(end, "mina", "p")
    await desk.repairs.apply(await planned(desk, strategy=Strategy.DUPLICATES_TO_GAPS), "mina", "p")
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "p_3": 3, "p_4": 5}


async def test_switched_off_repair_plans_and_changes_nothing(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    off = desk.another(is_enabled=False)
    for act in (off.apply, off.rollback):
        with pytest.raises(RepairRefused, match="AUTO_FIX_ENABLED") as refused:
            await act(plan_id, "mina", "p")
        assert refused.value.code is Code.AUTO_FIX_DISABLED
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3}


async def test_the_wrong_confirmation_is_refused(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    for act in (desk.repairs.apply, desk.repairs.rollback, desk.repairs.approve):
        with pytest.raises(RepairRefused) as refused:
            await act(plan_id, "mina", "P")
        assert refused.value.code is Code.WRONG_CONFIRMATION


async def test_a_large_plan_needs_three_that_are_two_persons(database_url: str) -> None:
    desk = Desk(database_url, approval_above=2)
    await desk.make_tables()
    await desk.hold("p", 2, 3, 4)
    plan_id = await planned(desk)
    assert await code_of(desk.repairs.apply(plan_id, "mina", "p")) is Code.APPROVAL_NEEDED
    assert await code_of(desk.repairs.approve(plan_id, " Mina", "p")) is Code.SAME_PERSON
    await desk.repairs.approve(plan_id, "jun", "p")
    assert await code_of(desk.repairs.apply(plan_id, "JUN ", "p")) is Code.SAME_PERSON
    kept = await desk.repairs.apply(plan_id, "mina", "p")
    assert steps(kept)[:3] == [("mina", "planned"), ("jun", "approved"), ("mina", "applied")]


async def code_of(doing: object) -> Code:
    with pytest.raises(RepairRefused) as refused:
        await doing  # type: ignore[misc]
    return refused.value.code


async def test_a_project_in_several_partitions_is_not_repaired(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    parts = [
        SplitPart(partition=number, offset=9, total_episodes=1, max_number=3, placed_by="murmur2") for number in (1, 3)
    ]
    desk.stream.split = SplitView(partitions=parts, cause="unknown", detail="Look for records without a key.")
    with pytest.raises(RepairRefused) as refused:
        await desk.repairs.apply(plan_id, "mina", "p")
    assert str(refused.value) == (
        "Nothing was changed: events of 'p' are in the partitions 1, 3, so the stream could not confirm a repair. "
        "Look for records without a key."
    )
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3}
    desk.stream.split = None
    assert (await desk.repairs.apply(plan_id, "mina", "p")).progress.state is PlanState.APPLIED


async def test_an_expired_plan_is_refused(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    desk.now_ms += 3_600_000
    assert await code_of(desk.repairs.apply(plan_id, "mina", "p")) is Code.PLAN_EXPIRED


async def test_unknown_projects_and_plans_are_refused(desk: Desk) -> None:
    assert await code_of(desk.repairs.plan("nobody", Strategy.COMPACT, "mina")) is Code.UNKNOWN_PROJECT
    assert await code_of(desk.repairs.apply("rp_0", "mina", "p")) is Code.UNKNOWN_PLAN


async def test_what_a_plan_cannot_become_any_more_is_said_with_the_right_word(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    with pytest.raises(RepairRefused, match="is planned, so it cannot be rolled back: only an applied plan can"):
        await desk.repairs.rollback(plan_id, "mina", "p")
    await desk.repairs.apply(plan_id, "mina", "p")
    await desk.repairs.rollback(plan_id, "mina", "p")
    with pytest.raises(RepairRefused, match="is rolled back, so it cannot be approved: make a new plan"):
        await desk.repairs.approve(plan_id, "jun", "p")
    with pytest.raises(RepairRefused, match="is rolled back, so it cannot be applied: make a new plan"):
        await desk.repairs.apply(plan_id, "jun", "p")


async def test_where_closing_up_changes_far_more_than_needed_the_plan_says_so(desk: Desk) -> None:
    await desk.hold("p", 1, 2, 2, 3, 4, 5, 6)
    kept = await desk.repairs.plan("p", Strategy.COMPACT, "mina")
    assert kept.plan.warnings == [
        "compact changes 5 of 7 episodes; the strategy duplicates_to_end would end the duplicates with 1."
    ]
    assert (await desk.repairs.plan("p", Strategy.DUPLICATES_TO_END, "mina")).plan.warnings == []
    await desk.hold("q", 1, 1, 3, 4, 5)
    kept = await desk.repairs.plan("q", Strategy.COMPACT, "mina")
    assert kept.plan.warnings == []  # one change either way
    await desk.hold("r", 1, 1, 2, 3, 5)
    kept = await desk.repairs.plan("r", Strategy.COMPACT, "mina")
    assert kept.plan.warnings[0].endswith("would end the duplicates with 1 and leave 1 missing number.")


async def test_a_plan_that_changes_nothing_cannot_be_applied(desk: Desk) -> None:
    await desk.hold("p", 1, 2)
    assert await code_of(desk.repairs.apply(await planned(desk), "mina", "p")) is Code.NOTHING_TO_DO


@pytest.mark.parametrize(
    "meanwhile",
    [
        "UPDATE episodes SET number = 9 WHERE id = 'p_2'",
        "UPDATE episodes SET version = version + 1 WHERE id = 'p_2'",
        "DELETE FROM episodes WHERE id = 'p_2'",
        "DELETE FROM episodes WHERE id = 'p_1'",
        "INSERT INTO episodes (id, project_id, number) VALUES ('new', 'p', 2)",
        "INSERT INTO episodes (id, project_id, number, legacy_import) VALUES ('new', 'p', 3, true)",
        "UPDATE episodes SET number = 4 WHERE id = 'p_1'",
        "UPDATE episodes SET project_id = 'q' WHERE id = 'p_1'",
    ],
)
async def test_data_that_moved_since_the_plan_is_refused_and_the_plan_is_stale(desk: Desk, meanwhile: str) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await desk.run(meanwhile)
    before = await desk.numbers("p")
    assert await code_of(desk.repairs.apply(plan_id, "mina", "p")) is Code.DATA_MOVED
    assert await desk.numbers("p") == before
    kept = await desk.repairs.look(plan_id)
    assert kept.progress.state is PlanState.STALE
    assert "since the plan was made" in kept.progress.steps[-1].detail
    assert await code_of(desk.repairs.apply(plan_id, "mina", "p")) is Code.PLAN_NOT_OPEN


async def test_without_a_version_column_any_change_of_a_row_that_would_move_is_noticed(database_url: str) -> None:
    desk = Desk(database_url, table=EpisodesTable())
    await desk.make_tables()
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await desk.run("UPDATE episodes SET title = 'other' WHERE id = 'p_1'")  # stays where it is: no matter
    kept = await desk.repairs.apply(plan_id, "mina", "p")
    assert kept.progress.state is PlanState.APPLIED
    await desk.run("UPDATE episodes SET title = 'other' WHERE id = 'p_2'")
    await desk.repairs.rollback(plan_id, "mina", "p")  # its number is what it was given
    second = await planned(desk)
    await desk.run("UPDATE episodes SET title = 'again' WHERE id = 'p_2'")
    assert await code_of(desk.repairs.apply(second, "mina", "p")) is Code.DATA_MOVED


async def test_rollback_is_refused_where_somebody_changed_the_numbers_since(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await desk.repairs.apply(plan_id, "mina", "p")
    await desk.run("UPDATE episodes SET number = 8 WHERE id = 'p_2'")
    assert await code_of(desk.repairs.rollback(plan_id, "mina", "p")) is Code.DATA_MOVED
    kept = await desk.repairs.look(plan_id)
    assert kept.progress.state is PlanState.APPLIED
    assert "p_2 no longer has the number 2" in kept.progress.steps[-1].detail


async def test_rollback_is_refused_where_an_old_number_was_given_to_another(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await desk.repairs.apply(plan_id, "mina", "p")
    await desk.run("INSERT INTO episodes (id, project_id, number) VALUES ('new', 'p', 3)")
    assert await code_of(desk.repairs.rollback(plan_id, "mina", "p")) is Code.DATA_MOVED
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "new": 3}


async def test_a_title_changed_since_and_episodes_created_since_do_not_keep_a_rollback(desk: Desk) -> None:
    await desk.hold("p", 1, 9)
    plan_id = await planned(desk)
    await desk.repairs.apply(plan_id, "mina", "p")
    await desk.run("UPDATE episodes SET title = 'other', version = version + 1 WHERE id = 'p_2'")
    await desk.run("INSERT INTO episodes (id, project_id, number) VALUES ('new', 'p', 3)")
    await desk.repairs.rollback(plan_id, "mina", "p")
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 9, "new": 3}


async def test_of_two_who_apply_one_plan_at_once_one_does(desk: Desk) -> None:
    await desk.hold("p", *range(2, 40))
    plan_id = await planned(desk)
    done = await asyncio.gather(
        *(desk.another().apply(plan_id, by, "p") for by in ("mina", "jun", "ara")), return_exceptions=True
    )
    assert sum(isinstance(one, KeptPlan) for one in done) == 1
    codes = {one.code for one in done if isinstance(one, RepairRefused)}
    assert codes <= {Code.PLAN_BUSY, Code.PLAN_NOT_OPEN}
    assert len(desk.stream.sent) == 38


async def test_of_two_plans_for_one_project_applied_at_once_one_is_stale(desk: Desk) -> None:
    await desk.hold("p", 2, 3, 5)
    plans = [await planned(desk) for _ in range(2)]
    done = await asyncio.gather(*(desk.another().apply(one, "mina", "p") for one in plans), return_exceptions=True)
    assert [type(one) for one in done].count(KeptPlan) == 1
    assert [one.code for one in done if isinstance(one, RepairRefused)] == [Code.DATA_MOVED]
    assert sorted((await desk.numbers("p")).values()) == [1, 2, 3]


async def test_a_check_that_fails_takes_the_repair_back(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    desk.stream.is_deaf = True
    kept = await desk.repairs.apply(plan_id, "mina", "p")
    assert kept.progress.state is PlanState.ROLLED_BACK
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3}
    assert ("monitor", "verification failed") in steps(kept)
    assert ("monitor", "rolled_back") in steps(kept)


async def test_what_the_stream_did_not_know_before_is_not_held_against_the_repair(desk: Desk) -> None:
    await desk.hold("p", 1, 2, 4)
    del desk.stream.numbers["p"]["p_1"]
    kept = await desk.repairs.apply(await planned(desk), "mina", "p")
    assert (kept.progress.state, kept.progress.verification) == (PlanState.APPLIED, Verification.PASSED)


async def test_a_stream_that_lags_leaves_the_check_open_until_the_next_look(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    desk.stream.lags = True
    kept = await desk.repairs.apply(await planned(desk), "mina", "p")
    assert (kept.progress.state, kept.progress.verification) == (PlanState.APPLIED, Verification.INCONCLUSIVE)
    desk.stream.lags = False
    kept = await desk.repairs.look(kept.plan.plan_id)
    assert kept.progress.verification is Verification.PASSED


async def test_a_project_that_the_stream_does_not_know_cannot_be_verified_and_says_so(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    desk.stream.numbers.clear()
    kept = await desk.repairs.apply(await planned(desk), "mina", "p")
    assert (kept.progress.state, kept.progress.verification) == (PlanState.APPLIED, Verification.SKIPPED)


async def test_events_that_kafka_does_not_take_wait_and_go_at_the_next_look(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    desk.stream.broker_is_away = True
    kept = await desk.repairs.apply(await planned(desk), "mina", "p")
    assert kept.progress.pending is not None
    assert steps(kept)[-1] == ("monitor", "events wait")
    desk.stream.broker_is_away = False
    await desk.another().resume_all()
    kept = await desk.repairs.look(kept.plan.plan_id)
    assert (kept.progress.pending, kept.progress.verification) == (None, Verification.PASSED)
    assert [event["episode_id"] for event in desk.stream.sent] == ["p_2"]


async def test_numbers_out_of_range_are_brought_back_and_forth(desk: Desk) -> None:
    await desk.run(
        "CREATE TABLE odd (id bigint PRIMARY KEY, project_id uuid, number bigint, UNIQUE (project_id, number))"
    )
    project = "7b7e5b0e-2a0b-4a8e-9d0d-6f1f4c1f0a11"
    for episode, number in ((9, 0), (10, -4), (11, 99999999999)):
        await desk.run("INSERT INTO odd VALUES ($1, $2, $3)", episode, project, number)
    odd = Desk(desk.url, table=EpisodesTable(table="public.odd"))
    kept = await odd.repairs.plan(project, Strategy.COMPACT, "mina")
    assert kept.plan.warnings == ["3 episodes have numbers outside 1 to 2147483647: 9, 10, 11."]
    await odd.repairs.apply(kept.plan.plan_id, "mina", project)
    assert [tuple(row) for row in await desk.run("SELECT id, number FROM odd ORDER BY id")] == [
        (9, 2),
        (10, 1),
        (11, 3),
    ]
    await odd.repairs.rollback(kept.plan.plan_id, "mina", project)
    assert [row["number"] for row in await desk.run("SELECT number FROM odd ORDER BY id")] == [0, -4, 99999999999]
    assert await code_of(odd.repairs.plan("no uuid", Strategy.COMPACT, "mina")) is Code.UNKNOWN_PROJECT
    await desk.run("UPDATE odd SET number = NULL WHERE id = 9")
    assert await code_of(odd.repairs.plan(project, Strategy.COMPACT, "mina")) is Code.CANNOT_PLAN
