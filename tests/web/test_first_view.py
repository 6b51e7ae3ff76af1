"""What the dashboard draws before it has all alerts: the worst of them, with counts of all."""

from typing import Any

import httpx

from episode_monitor.fleet.errors import Recovering
from models.alert import AlertStatus, Severity
from tests.web.conftest import Connect
from tests.web.fake_views import STARTS_AT_MS, FakeViews, alert

PATH = "/monitoring/episodes/first-view"


def known(views: FakeViews, *keys: str, **changes: Any) -> None:
    for key in keys:
        views.alerts[key] = alert(key, **changes)


async def at_first(client: httpx.AsyncClient) -> Any:
    answer = await client.get(PATH)
    assert answer.status_code == 200
    return answer.json()["alerts"]


async def test_the_worst_that_wait_for_a_person_come_first_and_the_others_are_counted(
    client: httpx.AsyncClient, views: FakeViews
) -> None:
    known(views, *(f"r:late{number:02}" for number in range(11)), severity=Severity.INFO)
    known(views, "r:old", starts_at_ms=STARTS_AT_MS - 1, severity=Severity.WARNING)
    known(views, "r:b", "r:a", severity=Severity.WARNING)
    known(views, "r:worst")
    found = await at_first(client)
    shown = [one["project_id"] for one in found["alerts"]]
    assert shown == ["worst", "old", "a", "b", *(f"late{number:02}" for number in range(8))]
    assert (found["total"], found["unseen"], found["critical"], found["fires_critical"]) == (15, 3, 1, True)


async def test_what_is_pending_or_somebody_has_is_counted_and_not_shown(
    client: httpx.AsyncClient, views: FakeViews
) -> None:
    known(views, "r:taken", acknowledged_by="kim")
    known(views, "r:quiet", silenced_until_ms=STARTS_AT_MS + 1)
    known(views, "r:soon", status=AlertStatus.PENDING)
    found = await at_first(client)
    assert found == {
        "alerts": [], "total": 3, "critical": 3, "fires_critical": True, "unseen": 0, "told": [],
    }  # fmt: skip
    known(views, "r:taken", "r:quiet", severity=Severity.INFO)
    assert (await at_first(client))["fires_critical"] is False


async def test_a_project_with_problems_that_has_an_alert_is_named(client: httpx.AsyncClient, views: FakeViews) -> None:
    known(views, "episode_integrity:webtoon/7", "r:other", acknowledged_by="kim")
    answer = (await client.get(PATH)).json()
    assert [row["project_id"] for row in answer["projects"]["projects"]] == ["webtoon/7"]
    assert answer["alerts"]["told"] == ["webtoon/7"]
    question = next(asked[0] for asked in views.asked if hasattr(asked[0], "sort"))
    assert (question.status, question.sort, question.limit) == ("unhealthy", "worst", 20)


async def test_a_title_comes_in_the_language_of_the_page(client: httpx.AsyncClient, views: FakeViews) -> None:
    known(views, "episode_integrity:p", title="Episode numbers have gaps or duplicates (p)")
    korean = (await client.get(f"{PATH}?language=ko")).json()["alerts"]["alerts"]
    assert korean == (await client.get("/monitoring/episodes/alerts/active?language=ko")).json()["alerts"]
    assert korean[0]["title"] == "에피소드 번호 누락 또는 중복 (p)"
    assert (await at_first(client))["alerts"][0]["title"] == "Episode numbers have gaps or duplicates (p)"


async def test_while_tables_recover_there_is_no_first_view(connect: Connect, views: FakeViews) -> None:
    views.failing = Recovering()
    assert (await connect().get(PATH)).status_code == 503
