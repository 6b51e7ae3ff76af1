"""Repair changes the rows of one project and no others, whatever makes a row unique and whatever triggers do."""

from typing import Any

import psycopg
import pytest

from episode_monitor.repair.errors import Code, RepairRefused
from episode_monitor.repair.plan_state import PlanState, Verification
from episode_monitor.repair.planning import Strategy
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseRefused, ServiceTableMismatch
from tests.repair.desk import Desk

COMPOSITE = "PRIMARY KEY (project_id, id), UNIQUE (project_id, number)"
PARTITIONED = f"""
CREATE TABLE episodes (id int, project_id text, number int, {COMPOSITE}) PARTITION BY LIST (project_id);
CREATE TABLE episodes_q PARTITION OF episodes FOR VALUES IN ('q1', 'q2');
CREATE TABLE episodes_other PARTITION OF episodes DEFAULT
"""
BY_NUMBER = """
CREATE TABLE episodes (id int, project_id text, number int, PRIMARY KEY (project_id, id, number))
    PARTITION BY RANGE (number);
CREATE TABLE episodes_low PARTITION OF episodes FOR VALUES FROM (1) TO (12);
CREATE TABLE episodes_high PARTITION OF episodes DEFAULT
"""
TABLES = {
    "a composite key": f"CREATE TABLE episodes (id int, project_id text, number int, {COMPOSITE})",
    "a deferred constraint": (
        "CREATE TABLE episodes (id int, project_id text, number smallint, PRIMARY KEY (project_id, id), "
        "UNIQUE (project_id, number) DEFERRABLE INITIALLY DEFERRED)"
    ),
    "a big number": f"CREATE TABLE episodes (id uuid, project_id text, number bigint, {COMPOSITE})",
    "partitions by project": PARTITIONED,
    "partitions by number": BY_NUMBER,
    "a domain": (
        "CREATE DOMAIN place AS int CHECK (VALUE > 0); CREATE DOMAIN name AS text; CREATE DOMAIN series AS name; "
        f"CREATE TABLE episodes (id name, project_id series, number place, {COMPOSITE})"
    ),
    "no constraint": "CREATE TABLE episodes (id text, project_id text, number int)",
}


async def desk_on(url: str, statements: str, **columns: str) -> Desk:
    desk = Desk(url, table=EpisodesTable(**columns))
    await desk.run(statements)
    return desk


async def fill(desk: Desk, project_id: str, numbers: Any, *, are_uuids: bool = False) -> None:
    """Episodes 1, 2, … of this project, with the ids that every project has."""
    for place, number in enumerate(numbers, start=1):
        name = f"00000000-0000-0000-0000-{place:012d}" if are_uuids else str(place)
        await desk.run(f"INSERT INTO episodes (id, project_id, number) VALUES ('{name}', '{project_id}', {number})")
        desk.stream.numbers.setdefault(project_id, {})[name] = number


async def numbers(desk: Desk, project_id: str) -> list[int]:
    rows = await desk.run("SELECT number FROM episodes WHERE project_id::text = $1 ORDER BY number, id", project_id)
    return [row["number"] for row in rows]


async def planned(desk: Desk, project_id: str) -> str:
    return (await desk.repairs.plan(project_id, Strategy.COMPACT, "mina")).plan.plan_id


WITHOUT_7 = [number for number in range(1, 21) if number != 7]


@pytest.mark.parametrize("made", TABLES)
async def test_projects_with_the_same_ids_are_left_alone(database_url: str, made: str) -> None:
    desk = await desk_on(database_url, TABLES[made])
    are_uuids = made == "a big number"
    for project_id, held in (("q1", WITHOUT_7), ("q2", WITHOUT_7), ("q3", range(1, 21))):
        await fill(desk, project_id, held, are_uuids=are_uuids)
    plan_id = await planned(desk, "q1")
    kept = await desk.repairs.apply(plan_id, "mina", "q1")
    assert (kept.progress.state, kept.progress.verification) == (PlanState.APPLIED, Verification.PASSED)
    assert kept.progress.steps[1].detail == "13 numbers changed"
    assert await numbers(desk, "q1") == list(range(1, 20))
    assert (await numbers(desk, "q2"), await numbers(desk, "q3")) == (WITHOUT_7, list(range(1, 21)))
    kept = await desk.repairs.rollback(plan_id, "mina", "q1")
    assert kept.progress.state is PlanState.ROLLED_BACK
    assert await numbers(desk, "q1") == WITHOUT_7
    assert (await numbers(desk, "q2"), await numbers(desk, "q3")) == (WITHOUT_7, list(range(1, 21)))


async def test_episodes_created_since_move_along_in_their_own_project_only(database_url: str) -> None:
    desk = await desk_on(database_url, TABLES["a composite key"])
    await fill(desk, "q1", [1, 3])
    await fill(desk, "q2", [1, 3, 4])
    plan_id = await planned(desk, "q1")
    await fill(desk, "q1", [])
    await desk.run("INSERT INTO episodes (id, project_id, number) VALUES (3, 'q1', 4)")
    desk.stream.numbers["q1"]["3"] = 4
    await desk.repairs.apply(plan_id, "mina", "q1", with_newer=True)
    assert (await numbers(desk, "q1"), await numbers(desk, "q2")) == ([1, 2, 3], [1, 3, 4])
    await desk.repairs.rollback(plan_id, "mina", "q1", with_newer=True)
    assert (await numbers(desk, "q1"), await numbers(desk, "q2")) == ([1, 3, 4], [1, 3, 4])


async def test_a_repair_that_failed_its_check_is_taken_back_in_its_own_project_only(database_url: str) -> None:
    desk = await desk_on(database_url, TABLES["a composite key"])
    await fill(desk, "q1", [1, 3])
    await fill(desk, "q2", [1, 2])
    desk.stream.is_deaf = True
    kept = await desk.repairs.apply(await planned(desk, "q1"), "mina", "q1")
    assert kept.progress.state is PlanState.ROLLED_BACK
    assert (await numbers(desk, "q1"), await numbers(desk, "q2")) == ([1, 3], [1, 2])


@pytest.mark.parametrize("kind", ["text", "citext"])
async def test_ids_that_are_not_unique_within_the_project_cannot_be_planned_for(database_url: str, kind: str) -> None:
    desk = await desk_on(
        database_url, f"CREATE EXTENSION citext; CREATE TABLE episodes (id {kind}, project_id text, number int)"
    )
    await desk.run("INSERT INTO episodes VALUES ('a', 'p', 1), ('a', 'p', 3), ('a', 'q', 2)")
    with pytest.raises(RepairRefused, match="have the id a: set EPISODES_ID_COLUMN") as refused:
        await planned(desk, "p")
    assert refused.value.code is Code.CANNOT_PLAN


async def test_a_second_row_of_an_id_since_the_plan_keeps_it_from_being_applied(database_url: str) -> None:
    desk = await desk_on(database_url, TABLES["no constraint"])
    await fill(desk, "p", [1, 3])
    plan_id = await planned(desk, "p")
    await desk.run("INSERT INTO episodes VALUES ('2', 'p', 3)")
    with pytest.raises(RepairRefused, match="have the id 2") as refused:
        await desk.repairs.apply(plan_id, "mina", "p")
    assert refused.value.code is Code.CANNOT_PLAN
    assert await numbers(desk, "p") == [1, 3, 3]


async def test_projects_and_ids_that_differ_in_case_only_are_different_ones(database_url: str) -> None:
    desk = await desk_on(
        database_url, "CREATE EXTENSION citext; CREATE TABLE episodes (id citext, project_id citext, number int)"
    )
    await desk.run("INSERT INTO episodes VALUES ('a', 'Proj', 1), ('A', 'Proj', 3), ('a', 'proj', 1), ('b', 'proj', 3)")
    kept = await desk.repairs.plan("Proj", Strategy.COMPACT, "mina")
    assert [(one.episode_id, one.new_number) for one in kept.plan.changes] == [("A", 2)]
    await desk.repairs.apply(kept.plan.plan_id, "mina", "Proj")
    assert (await numbers(desk, "Proj"), await numbers(desk, "proj")) == ([1, 2], [1, 3])
    with pytest.raises(RepairRefused) as refused:
        await planned(desk, "PROJ")
    assert refused.value.code is Code.UNKNOWN_PROJECT


TRIGGER = """
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
CREATE TRIGGER meddle {when} UPDATE ON episodes FOR EACH ROW EXECUTE FUNCTION meddle()
"""


@pytest.mark.parametrize(
    ("when", "body", "words"),
    [
        ("BEFORE", "RETURN NULL;", "episode 2 to number 2 did not change that one row"),
        ("BEFORE", "NEW.number := NEW.number + 1; RETURN NEW;", "episode 2 to number 2 did not change that one row"),
        ("BEFORE", "NEW.id := 'x'; RETURN NEW;", "episode 2 to number 2 did not change that one row"),
        (
            "AFTER",
            "UPDATE episodes SET number = 90 WHERE id = '1' AND project_id = NEW.project_id AND number <> 90; "
            "RETURN NULL;",
            "episode 1 has the number 90 and not 1",
        ),
        ("AFTER", "DELETE FROM episodes WHERE id = '1'; RETURN NULL;", "episode 1 has the number None"),
    ],
)
async def test_a_trigger_that_changes_something_else_is_named_and_nothing_is_changed(
    database_url: str, when: str, body: str, words: str
) -> None:
    desk = await desk_on(database_url, TABLES["no constraint"])
    await fill(desk, "p", [1, 3])
    plan_id = await planned(desk, "p")
    await desk.run(TRIGGER.format(when=when, body=body))
    with pytest.raises(RepairRefused, match=words) as refused:
        await desk.repairs.apply(plan_id, "mina", "p")
    assert refused.value.code is Code.CANNOT_PLAN
    assert "a trigger, a rule or a policy of episodes interferes" in str(refused.value)
    assert await numbers(desk, "p") == [1, 3]
    assert (await desk.repairs.look(plan_id)).progress.state is PlanState.PLANNED


@pytest.mark.parametrize("made", ["a composite key", "partitions by project", "partitions by number"])
async def test_a_trigger_that_changes_another_project_is_named_and_nothing_is_changed(
    database_url: str, made: str
) -> None:
    desk = await desk_on(database_url, TABLES[made])
    await fill(desk, "q1", [1, 3])
    await fill(desk, "q2", [1, 3])
    plan_id = await planned(desk, "q1")
    body = "UPDATE episodes SET number = NEW.number WHERE id = NEW.id AND project_id <> NEW.project_id "
    await desk.run(TRIGGER.format(when="AFTER", body=f"{body} AND number <> NEW.number; RETURN NULL;"))
    with pytest.raises(RepairRefused, match="it would have changed episode 2 of q2 as well") as refused:
        await desk.repairs.apply(plan_id, "mina", "q1")
    assert refused.value.code is Code.CANNOT_PLAN
    assert (await numbers(desk, "q1"), await numbers(desk, "q2")) == ([1, 3], [1, 3])


async def test_a_trigger_that_touches_another_row_of_the_project_and_no_number_is_let_be(database_url: str) -> None:
    desk = await desk_on(database_url, "CREATE TABLE episodes (id text, project_id text, number int, seen int)")
    await fill(desk, "q1", [1, 3])
    await fill(desk, "q2", [1, 3])
    plan_id = await planned(desk, "q1")
    body = "UPDATE episodes SET seen = 1 WHERE id = '1' AND project_id = NEW.project_id AND seen IS NULL; RETURN NULL;"
    await desk.run(TRIGGER.format(when="AFTER", body=body))
    assert (await desk.repairs.apply(plan_id, "mina", "q1")).progress.state is PlanState.APPLIED


async def test_a_constraint_that_covers_other_rows_is_named(database_url: str) -> None:
    desk = await desk_on(
        database_url, "CREATE TABLE episodes (id text, project_id text, number int CONSTRAINT one_of_all UNIQUE)"
    )
    await fill(desk, "p", [1, 3])
    await desk.run("INSERT INTO episodes VALUES ('x', 'q', 2)")
    with pytest.raises(RepairRefused, match="Constraint one_of_all refused new numbers of p each time") as refused:
        await desk.repairs.apply(await planned(desk, "p"), "mina", "p")
    assert refused.value.code is Code.CONTENDED
    assert await numbers(desk, "p") == [1, 3]


async def test_rows_that_row_security_lets_only_be_read_are_not_said_to_have_moved(database_url: str) -> None:
    desk = await desk_on(database_url, TABLES["a composite key"])
    await fill(desk, "p", [1, 2, 4])
    await desk.run(
        "CREATE ROLE half LOGIN PASSWORD 'half'; GRANT SELECT, UPDATE ON episodes TO half; "
        "ALTER TABLE episodes ENABLE ROW LEVEL SECURITY; CREATE POLICY r ON episodes FOR SELECT USING (true); "
        "CREATE POLICY u ON episodes FOR UPDATE USING (id < 3)"
    )
    try:
        head, _, tail = desk.url.partition("@")
        half = Desk(f"{head.partition('://')[0]}://half:half@{tail}", table=desk.table)
        half.stream = desk.stream
        half.repairs = half.another()
        plan_id = await planned(half, "p")
        with pytest.raises(ServiceDatabaseRefused, match=r"read 1 episodes of p that it may not change, such as 3"):
            await half.repairs.apply(plan_id, "mina", "p")
        assert (await half.repairs.look(plan_id)).progress.state is PlanState.PLANNED
        await desk.run("CREATE POLICY more ON episodes FOR UPDATE USING (true)")
        assert (await half.repairs.apply(plan_id, "mina", "p")).progress.state is PlanState.APPLIED
    finally:
        await desk.run("DROP OWNED BY half; DROP ROLE half")


SOFT = "CREATE TABLE episodes (id text PRIMARY KEY, project_id text, number {number}, gone {gone})"


@pytest.mark.parametrize(
    ("gone", "deleted", "live"),
    [
        ("timestamptz", "now()", "NULL"),
        ("date", "now()", "NULL"),
        ("boolean", "true", "NULL"),
        ("boolean NOT NULL", "true", "false"),
        ("smallint", "1", "0"),
        ("int NOT NULL", "1", "0"),
    ],
)
async def test_rows_that_are_marked_as_deleted_are_neither_planned_for_nor_changed(
    database_url: str, gone: str, deleted: str, live: str
) -> None:
    desk = await desk_on(database_url, SOFT.format(number="int", gone=gone), deleted_column="gone")
    await desk.run(
        f"INSERT INTO episodes VALUES ('1', 'p', 1, {live}), ('2', 'p', 3, {deleted}), ('3', 'p', 3, {live})"
    )
    kept = await desk.repairs.plan("p", Strategy.COMPACT, "mina")
    assert (kept.plan.before.episodes, kept.plan.before.duplicates) == (2, 0)
    await desk.repairs.apply(kept.plan.plan_id, "mina", "p")
    assert [tuple(row) for row in await desk.run("SELECT id, number FROM episodes ORDER BY id")] == [
        ("1", 1), ("2", 3), ("3", 2),
    ]  # fmt: skip
    await desk.run(f"UPDATE episodes SET gone = {deleted} WHERE id = '1'")
    with pytest.raises(RepairRefused) as refused:
        await desk.repairs.apply(await planned_then(desk, f"UPDATE episodes SET gone = {deleted}"), "mina", "p")
    assert refused.value.code is Code.DATA_MOVED


async def planned_then(desk: Desk, statement: str) -> str:
    plan_id = await planned(desk, "p")
    await desk.run(statement)
    return plan_id


async def test_a_column_that_marks_nothing_as_deleted_is_named(database_url: str) -> None:
    desk = await desk_on(database_url, SOFT.format(number="int", gone="text"), deleted_column="gone")
    with pytest.raises(ServiceTableMismatch, match=r"gone of episodes .* type text: EPISODES_DELETED_COLUMN must name"):
        await planned(desk, "p")


async def test_a_view_needs_a_version_column_and_can_then_be_repaired(database_url: str) -> None:
    desk = await desk_on(database_url, SOFT.format(number="int, rev int DEFAULT 1", gone="date"), table="live")
    await desk.run("CREATE VIEW live AS SELECT * FROM episodes WHERE gone IS NULL")
    await desk.run("INSERT INTO episodes (id, project_id, number) VALUES ('1', 'p', 1), ('2', 'p', 3)")
    with pytest.raises(ServiceTableMismatch, match="set EPISODES_VERSION_COLUMN to a column"):
        await planned(desk, "p")
    versioned = Desk(desk.url, table=EpisodesTable(table="live", version_column="rev"))
    await versioned.repairs.apply(await planned(versioned, "p"), "mina", "p")
    assert await numbers(desk, "p") == [1, 2]


async def test_text_that_the_servers_encoding_lets_in_is_no_unknown_project(postgres: Any) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    try:
        desk = await desk_on(postgres.url("ascii"), TABLES["no constraint"])
        await desk.run(r"INSERT INTO episodes VALUES (E'caf\351', 'p', 1), ('b', 'p', 3)")
        with pytest.raises(Exception, match=r"contains text that is not UTF-8 \(invalid byte sequence") as told:
            await planned(desk, "p")
        assert not isinstance(told.value, RepairRefused)
    finally:
        postgres.drop_database("ascii")
