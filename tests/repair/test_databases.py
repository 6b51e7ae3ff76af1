"""A project service's database that is away, read-only, closed to us, or not what the settings say."""

from collections.abc import Iterator

import psycopg
import pytest

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.repair.plan_state import KeptPlan, PlanState, Verification
from episode_monitor.repair.planning import Strategy
from episode_monitor.repair.store import MemoryPlans
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import (
    ServiceDatabaseAway,
    ServiceDatabaseRefused,
    ServiceTableMismatch,
)
from episode_monitor.storage.database_service import DatabaseAway
from tests.repair.desk import TABLE, Desk


async def planned(desk: Desk) -> str:
    kept = await desk.repairs.plan("p", Strategy.COMPACT, "mina")
    return kept.plan.plan_id


@pytest.fixture
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A server that the test may stop."""
    with EmbeddedPostgres() as server:
        yield server


async def test_a_database_that_is_away_is_told_and_the_plan_stays_open(own_postgres: EmbeddedPostgres) -> None:
    desk = Desk(own_postgres.create_database("service"))
    await desk.make_tables()
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    own_postgres.stop()
    with pytest.raises(ServiceDatabaseAway, match="cannot be reached"):
        await desk.repairs.apply(plan_id, "mina", "p")
    with pytest.raises(ServiceDatabaseAway):
        await planned(desk)
    kept = await desk.repairs.look(plan_id)
    assert kept.progress.state is PlanState.PLANNED


async def test_a_connection_lost_in_the_middle_leaves_nothing_and_is_found_out(desk: Desk) -> None:
    await desk.hold("p", 1, 3)

    def cut(place: str) -> None:
        if place == "before_commit":
            with psycopg.connect(desk.url, autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where application_name = 'episode-monitor repair' and datname = current_database()"
                )

    plan_id = await planned(desk)
    with pytest.raises(ServiceDatabaseAway):
        await desk.another(failpoint=cut).apply(plan_id, "mina", "p")
    assert (await desk.store.get(plan_id)).progress.steps[-1].what == "unknown"
    kept = await desk.repairs.look(plan_id)
    assert kept.progress.state is PlanState.PLANNED
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3}
    assert (await desk.repairs.apply(plan_id, "mina", "p")).progress.state is PlanState.APPLIED


async def test_a_read_only_database_can_be_planned_for_and_not_changed(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    name = desk.url.rpartition("/")[2].partition("?")[0]
    await desk.run(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    plan_id = await planned(desk)
    with pytest.raises(ServiceDatabaseRefused, match="read-only"):
        await desk.repairs.apply(plan_id, "mina", "p")
    assert (await desk.repairs.look(plan_id)).progress.state is PlanState.PLANNED


async def test_an_account_that_may_only_read_is_told_what_it_lacks(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    await desk.run("CREATE ROLE repair_reader LOGIN PASSWORD 'not-to-be-told'")
    await desk.run("GRANT SELECT ON episodes TO repair_reader")
    head, _, tail = desk.url.partition("@")
    reader = Desk(f"{head.partition('://')[0]}://repair_reader:not-to-be-told@{tail}")
    reader.stream = desk.stream
    reader.repairs = reader.another()
    plan_id = await planned(reader)
    with pytest.raises(ServiceDatabaseRefused, match="permission denied") as refused:
        await reader.repairs.apply(plan_id, "mina", "p")
    assert "not-to-be-told" not in str(refused.value)
    await desk.run("DROP OWNED BY repair_reader; DROP ROLE repair_reader")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (EpisodesTable(table="chapters"), "no table chapters: set EPISODES_TABLE"),
        (EpisodesTable(id_column="uid"), "no column uid: set EPISODES_ID_COLUMN"),
        (EpisodesTable(project_column="series"), "no column series: set EPISODES_PROJECT_COLUMN"),
        (EpisodesTable(number_column="no"), "no column no: set EPISODES_NUMBER_COLUMN"),
        (EpisodesTable(version_column="rev"), "no column rev: set EPISODES_VERSION_COLUMN"),
        (EpisodesTable(created_column="born"), "no column born: set EPISODES_CREATED_COLUMN"),
        (EpisodesTable(number_column="title"), "of the type text and not integer"),
    ],
)
async def test_a_table_that_is_not_as_the_settings_say_is_named(desk: Desk, table: EpisodesTable, words: str) -> None:
    wrong = Desk(desk.url, table=table)
    with pytest.raises(ServiceTableMismatch, match=words):
        await planned(wrong)


async def test_a_table_that_vanished_since_the_plan_leaves_the_plan_open(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    await desk.run("ALTER TABLE episodes RENAME TO elsewhere")
    with pytest.raises(ServiceTableMismatch):
        await desk.repairs.apply(plan_id, "mina", "p")
    await desk.run("ALTER TABLE elsewhere RENAME TO episodes")
    assert (await desk.repairs.apply(plan_id, "mina", "p")).progress.state is PlanState.APPLIED


async def test_names_with_capitals_and_the_column_of_creation_are_taken_as_they_are(desk: Desk) -> None:
    await desk.run('CREATE SCHEMA "Show"')
    await desk.run(
        'CREATE TABLE "Show"."Episode" ("Id" varchar(40) PRIMARY KEY, "Series" varchar(20), "No" smallint, "Born" date)'
    )
    await desk.run("""INSERT INTO "Show"."Episode" VALUES ('b', 's', 1, '2020-01-02'), ('a', 's', 1, '2020-01-03')""")
    named = EpisodesTable(
        table="Show.Episode", id_column="Id", project_column="Series", number_column="No", created_column="Born"
    )
    odd = Desk(desk.url, table=named)
    kept = await odd.repairs.plan("s", Strategy.DUPLICATES_TO_END, "mina")
    assert [(c.episode_id, c.new_number) for c in kept.plan.changes] == [("a", 2)]
    await odd.repairs.apply(kept.plan.plan_id, "mina", "s")
    rows = await desk.run('SELECT "Id", "No" FROM "Show"."Episode" ORDER BY 1')
    assert [tuple(row) for row in rows] == [("a", 2), ("b", 1)]


def test_the_desk_takes_the_samples_version_column() -> None:
    assert TABLE.version_column == "version"


class PlansThatGoAway(MemoryPlans):
    """Loses its connection at one write of a plan's progress, and has it again afterwards."""

    def __init__(self, at_move: int) -> None:
        super().__init__()
        self._left = at_move

    async def move(self, before: KeptPlan, after: KeptPlan) -> KeptPlan:
        self._left -= 1
        if self._left == 0:
            raise DatabaseAway("The monitor's database does not answer.")
        return await super().move(before, after)


@pytest.mark.parametrize("at_move", range(1, 6))
async def test_the_monitors_own_database_may_go_away_at_any_step(database_url: str, at_move: int) -> None:
    desk = Desk(database_url, store=PlansThatGoAway(at_move))
    await desk.make_tables()
    await desk.hold("p", 1, 3)
    plan_id = await planned(desk)
    with pytest.raises(DatabaseAway):
        await desk.repairs.apply(plan_id, "mina", "p")
    is_done = at_move > 2  # the first two come before the commit
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2 if is_done else 3}
    desk.now_ms += 1000 * desk.settings.lease_seconds + 1
    kept = await desk.another().look(plan_id)
    assert kept.progress.state is (PlanState.APPLIED if is_done else PlanState.PLANNED)
    assert kept.progress.verification is (Verification.PASSED if is_done else Verification.NONE)
    assert await desk.numbers("p") == desk.stream.numbers["p"]
    assert [event["episode_id"] for event in desk.stream.sent[:1]] == (["p_2"] if is_done else [])
    assert len({event["event_id"] for event in desk.stream.sent}) == is_done
