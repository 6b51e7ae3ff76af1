"""Repair by itself: for whom, how often, and never in a fight. And the thin face of the operating document."""

from typing import Any

import pytest
import structlog

from episode_monitor.fleet.questions.active_alerts import ActiveAlertsQuestion
from episode_monitor.fleet.questions.project import ProjectQuestion
from episode_monitor.fleet.questions.project_list import ProjectListQuestion
from episode_monitor.repair.automatic import HOUR_MS, AutomaticRepairs, AutomaticSettings
from episode_monitor.repair.repairs import Repairs
from episode_monitor.repair.store import MemoryPlans
from episode_monitor.storage.database_service import DatabaseAway
from models.alert import Alert
from models.integrity_views import ProjectPage, ProjectRow, ProjectView
from tests.repair.desk import AS_OF, Desk
from tests.web.fake_views import alert


class Fleet:
    """The stream's projects; those with findings are listed."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.alerts: list[Alert] = []

    async def ask(self, question: Any) -> Any:
        match question:
            case ActiveAlertsQuestion():
                return self.alerts
            case ProjectListQuestion():
                views = [await self.desk.stream.ask(project_id) for project_id in self.desk.stream.numbers]
                rows = [_row(view) for view in views if view is not None and not view.is_healthy]
                return ProjectPage(projects=rows, total=len(rows), next_cursor=None)
            case ProjectQuestion():
                return await self.desk.stream.ask(question.project_id)


def _row(view: ProjectView) -> ProjectRow:
    return ProjectRow(
        project_id=view.project_id,
        is_healthy=view.is_healthy,
        total_episodes=view.total_episodes,
        max_number=view.max_number,
        gaps_total=view.gaps_total,
        duplicates_total=len(view.duplicates),
        health_score=0.0,
        as_of=AS_OF,
    )


def automatic(desk: Desk, fleet: Fleet, repairs: Repairs | None = None, **settings: Any) -> AutomaticRepairs:
    given = AutomaticSettings(**{"projects": ("p*",), **settings})
    return AutomaticRepairs(repairs or desk.repairs, given, fleet.ask, lambda part: part == 3, lambda: desk.now_ms)


@pytest.fixture
async def fleet(desk: Desk) -> Fleet:
    for project_id in ("p1", "p2", "q"):
        await desk.hold(project_id, 1, 3)
    return Fleet(desk)


async def test_only_projects_that_opted_in_are_repaired(desk: Desk, fleet: Fleet) -> None:
    assert await automatic(desk, fleet).look() == ["p1", "p2"]
    assert sorted((await desk.numbers("p1")).values()) == [1, 2]
    assert sorted((await desk.numbers("q")).values()) == [1, 3]


@pytest.mark.parametrize("settings", [{"projects": ()}, {"is_paused": True}, {"projects": ("P*", "p", "?q")}], ids=str)
async def test_nobody_opted_in_or_the_setting_pauses_it(desk: Desk, fleet: Fleet, settings: dict[str, Any]) -> None:
    assert await automatic(desk, fleet, **settings).look() == []


async def test_switched_off_or_paused_by_a_person_nothing_happens(desk: Desk, fleet: Fleet) -> None:
    assert await automatic(desk, fleet, desk.another(is_enabled=False)).look() == []
    one = automatic(desk, fleet)
    await one.pause(True, "mina")
    assert await automatic(desk, fleet).look() == []
    await one.pause(False, "mina")
    assert await automatic(desk, fleet).look() == ["p1", "p2"]


async def test_a_project_in_a_fight_is_left_alone(desk: Desk, fleet: Fleet) -> None:
    import msgspec

    fighting = alert("episode_conflict_rate:p1")
    fleet.alerts = [msgspec.structs.replace(fighting, alert_type="HIGH_CONFLICT_RATE", project_id="p1")]
    assert await automatic(desk, fleet).look() == ["p2"]
    fleet.alerts = [msgspec.structs.replace(fighting, alert_type="HIGH_FAILURE_RATE", project_id="p1")]
    assert await automatic(desk, fleet).look() == ["p1"]


async def test_more_alerts_than_are_told_stop_it(desk: Desk, fleet: Fleet) -> None:
    fleet.alerts = [alert("r:x")] * 500
    assert await automatic(desk, fleet).look() == []


async def test_no_more_than_so_many_an_hour_over_all_projects(desk: Desk, fleet: Fleet) -> None:
    assert await automatic(desk, fleet, max_per_hour=1).look() == ["p1"]
    assert await automatic(desk, fleet, max_per_hour=1).look() == []  # as another worker, or after a restart
    desk.now_ms += HOUR_MS + 1
    assert await automatic(desk, fleet, max_per_hour=1).look() == ["p2"]


async def test_a_project_is_tried_once_an_hour_however_it_ended(desk: Desk, fleet: Fleet) -> None:
    desk.stream.is_deaf = True
    one = automatic(desk, fleet, projects=("p1",))
    await one.look()
    sent = len(desk.stream.sent)
    assert sent == 2  # there and back
    await one.look()
    assert len(desk.stream.sent) == sent


async def test_a_large_repair_never_happens_by_itself(desk: Desk, fleet: Fleet) -> None:
    assert await automatic(desk, fleet, desk.another(approval_above=0)).look() == []
    assert sorted((await desk.numbers("p1")).values()) == [1, 3]


async def test_partitions_of_other_workers_are_theirs(desk: Desk, fleet: Fleet) -> None:
    given = AutomaticSettings(projects=("*",))
    others = AutomaticRepairs(desk.repairs, given, fleet.ask, lambda _: False, lambda: desk.now_ms)
    assert await others.look() == []


class StoreThatIsAway(MemoryPlans):
    """Answers nothing."""

    async def unfinished(self) -> list[str]:
        raise DatabaseAway("PostgreSQL is away.")

    async def is_paused(self) -> tuple[bool, str]:
        raise DatabaseAway("PostgreSQL is away.")


@pytest.mark.parametrize(
    ("is_enabled", "event"), [(False, "the repair plans cannot be read"), (True, "automatic repair waits")]
)
async def test_only_a_repair_that_would_happen_by_itself_is_said_to_wait_and_once(
    database_url: str, is_enabled: bool, event: str
) -> None:
    desk = Desk(database_url, store=StoreThatIsAway(), is_enabled=is_enabled)
    one = automatic(desk, Fleet(desk))
    with structlog.testing.capture_logs() as log:
        for _ in range(3):
            await one.round()
    assert [(line["event"], line["why"]) for line in log] == [(event, "PostgreSQL is away.")]
    if not is_enabled:
        assert await one.look() == []
