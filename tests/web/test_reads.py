"""What each read answers, what it asks of the fleet, and how it says that it cannot."""

from urllib.parse import quote

import httpx
import msgspec
import pytest

from episode_monitor.fleet.errors import InvalidQuery, NotAvailable, Recovering, Unreachable
from episode_monitor.fleet.questions.alert_history import AlertHistoryQuestion
from episode_monitor.fleet.questions.project_list import ProjectListQuestion
from episode_monitor.fleet.questions.stats import FleetStatsQuestion
from episode_monitor.fleet.questions.trend import ProjectTrendQuestion
from models.alert import AlertInputs
from models.process_views import Readiness
from tests.web.conftest import Connect
from tests.web.fake_views import AS_OF, SUMMARY, FakeViews, alert

ROOT = "/monitoring/episodes"
READS = [
    f"{ROOT}/integrity/summary",
    f"{ROOT}/integrity/projects",
    f"{ROOT}/integrity/project/p1",
    f"{ROOT}/integrity/project?project_id=p1",
    f"{ROOT}/integrity/drift?project_id=p1",
    f"{ROOT}/integrity/states?partition=0",
    f"{ROOT}/integrity/facts?partition=0&project_id=p1",
    f"{ROOT}/performance/stats",
    f"{ROOT}/performance/trend",
    f"{ROOT}/alerts/active",
    f"{ROOT}/alerts/history",
    f"{ROOT}/alerts/statistics?from=2025-10-09T08:00:00Z&to=2025-10-09T09:00:00Z",
    f"{ROOT}/audit",
    f"{ROOT}/rules",
    f"{ROOT}/replays",
    f"{ROOT}/replays/job-1",
    f"{ROOT}/jobs",
    f"{ROOT}/jobs/job-1",
]
ODD_IDS = [
    "webtoon/7",
    "100%",
    "a%2Fb",
    "봄날의 에피소드",
    "with space",
    "a?b#c",
    "a//b/",
    "/leading",
    "x/resolve",
    "x/repair-plans",
    "a/../b",
    "😀+&=;",
    '"><script>',
    "\ufffd",
    "…",
]


async def test_the_summary_has_the_fields_of_the_fleet(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{ROOT}/integrity/summary")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.json() == {
        "total_projects": 45,
        "healthy_projects": 42,
        "unhealthy_projects": 3,
        "health_percentage": 93.3,
        "total_gaps": 7,
        "total_duplicates": 2,
        "as_of": AS_OF,
        "stale_partitions": [],
        "monitoring_enabled": True,
        "split_projects": 0,
    }


async def test_the_list_of_projects_is_the_worst_fifty_unless_asked_otherwise(
    client: httpx.AsyncClient, views: FakeViews
) -> None:
    answer = await client.get(f"{ROOT}/integrity/projects")
    assert views.asked == [(ProjectListQuestion(status="all", q=None, sort="worst", limit=50, cursor=None),)]
    assert answer.json()["next_cursor"] is None
    assert answer.json()["projects"][0]["project_id"] == "webtoon/7"


async def test_every_parameter_of_the_list_reaches_the_fleet(client: httpx.AsyncClient, views: FakeViews) -> None:
    parameters: dict[str, str | int] = {
        "status": "unhealthy",
        "q": "봄 %",
        "sort": "project_id",
        "limit": 500,
        "cursor": "c1",
    }
    await client.get(f"{ROOT}/integrity/projects", params=parameters)
    assert views.asked == [
        (ProjectListQuestion(status="unhealthy", q="봄 %", sort="project_id", limit=500, cursor="c1"),)
    ]


async def test_an_empty_search_is_no_search(client: httpx.AsyncClient, views: FakeViews) -> None:
    await client.get(f"{ROOT}/integrity/projects?q=")
    assert views.asked == [(ProjectListQuestion(q=None),)]


async def test_a_project_shows_who_holds_a_number_twice(client: httpx.AsyncClient) -> None:
    view = (await client.get(f"{ROOT}/integrity/project/proj_123")).json()
    assert view["project_id"] == "proj_123"
    assert view["gaps"] == [3, 7, 12]
    assert view["duplicate_owners"] == {"5": ["ep-5", "ep-5-again"]}
    assert view["applied"] == {"partition": 2, "offset": 1234}
    assert view["health_score"] == 85.7


@pytest.mark.parametrize("project_id", ODD_IDS)
async def test_any_id_survives_the_path(client: httpx.AsyncClient, project_id: str) -> None:
    answer = await client.get(f"{ROOT}/integrity/project/{quote(project_id, safe='')}")
    assert (answer.status_code, answer.json().get("project_id")) == (200, project_id)


async def test_a_slash_of_an_id_may_stand_unencoded(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{ROOT}/integrity/project/webtoon/7/repair-plans")
    assert answer.json()["project_id"] == "webtoon/7/repair-plans"


@pytest.mark.parametrize("project_id", [".", "..", *ODD_IDS])
async def test_any_id_survives_as_a_parameter(client: httpx.AsyncClient, project_id: str) -> None:
    answer = await client.get(f"{ROOT}/integrity/project", params={"project_id": project_id})
    assert (answer.status_code, answer.json().get("project_id")) == (200, project_id)


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/integrity/project/unknown",
        f"{ROOT}/integrity/project?project_id=unknown",
        f"{ROOT}/performance/stats?project_id=unknown",
        f"{ROOT}/performance/trend?project_id=unknown",
    ],
)
async def test_an_unknown_project_is_404_everywhere(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_project")


async def test_stats_are_of_the_fleet_over_a_quarter_of_an_hour_by_default(
    client: httpx.AsyncClient, views: FakeViews
) -> None:
    stats = (await client.get(f"{ROOT}/performance/stats")).json()
    assert views.asked == [(FleetStatsQuestion(window_minutes=15),)]
    assert stats["project_id"] is None
    assert stats["window_minutes"] == 15
    assert stats["retry_rate_percentage"] is None
    assert stats["p95_duration_seconds"] == 1.234


async def test_the_trend_is_of_a_day_by_default(client: httpx.AsyncClient, views: FakeViews) -> None:
    trend = (await client.get(f"{ROOT}/performance/trend?project_id=p1")).json()
    assert views.asked == [(ProjectTrendQuestion(project_id="p1", hours=24),)]
    assert trend["points"][0]["failure_rate_percentage"] == 10.0


async def test_active_alerts_have_their_wire_names(client: httpx.AsyncClient, views: FakeViews) -> None:
    views.alerts = {"r:p": alert("r:p")}
    answer = (await client.get(f"{ROOT}/alerts/active")).json()
    assert answer["total"] == 1
    judged_by = {"inputs": {"state": "firing", "bad": 4, "whole": 26, "rate": None}}
    assert answer["alerts"] == [alert("r:p").to_dict() | judged_by | {"silenced_by": [], "inhibited_by": []}]
    assert answer["alerts"][0]["starts_at"] == AS_OF


async def test_the_history_takes_moments_with_an_offset(client: httpx.AsyncClient, views: FakeViews) -> None:
    parameters: dict[str, str | int] = {
        "project_id": "p1",
        "rule_id": "r",
        "alert_key": "r:p1",
        "status": "resolved",
        "since": "2025-10-09T17:53:20.123+09:00",
        "until": "2025-10-09T08:53:21.123Z",
        "limit": 1,
        "cursor": "c",
    }
    page = (await client.get(f"{ROOT}/alerts/history", params=parameters)).json()
    assert views.asked == [
        (
            AlertHistoryQuestion(
                project_id="p1",
                rule_id="r",
                alert_key="r:p1",
                status="resolved",
                since_ms=1_760_000_000_123,
                until_ms=1_760_000_001_123,
                limit=1,
                cursor="c",
            ),
        )
    ]
    assert page["transitions"][0]["reason"] == "resolved_by_hand"
    del parameters["cursor"]
    first = (await client.get(f"{ROOT}/alerts/history", params=parameters)).json()
    assert (first["next_cursor"], page["next_cursor"]) == ("next", None)


@pytest.mark.parametrize("path", READS)
async def test_a_recovering_view_is_503_with_retry_after_and_never_zeros(
    client: httpx.AsyncClient, views: FakeViews, path: str
) -> None:
    views.failing = Recovering(2.2)
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "recovering")
    assert answer.headers["retry-after"] == "3"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_while_the_start_waits_for_kafka_a_recovering_view_says_why_and_what_to_do(
    connect: Connect, views: FakeViews
) -> None:
    views.failing = Recovering()
    trouble = "Kafka does not answer at kafka:9092; start it, or check KAFKA_BOOTSTRAP_SERVERS."
    answer = await connect(kafka_trouble=lambda: trouble).get(f"{ROOT}/integrity/summary")
    assert (answer.status_code, answer.json()["code"]) == (503, "recovering")
    assert answer.json()["detail"] == f"{trouble} This worker waits for that."
    views.failing = Unreachable("The worker of partition 3 did not answer.")
    other = await connect(kafka_trouble=lambda: trouble).get(f"{ROOT}/integrity/summary")
    assert other.json()["detail"] == "The worker of partition 3 did not answer."


async def test_a_silent_worker_is_503_in_its_own_words(client: httpx.AsyncClient, views: FakeViews) -> None:
    views.failing = Unreachable("The worker of partition 3 did not answer within 2 s: ask again.")
    answer = await client.get(f"{ROOT}/integrity/project/p1")
    assert (answer.status_code, answer.json()["code"]) == (503, "unreachable")
    assert answer.json()["detail"] == "The worker of partition 3 did not answer within 2 s: ask again."
    assert answer.headers["retry-after"] == "2"


async def test_a_part_that_is_not_set_up_is_501(client: httpx.AsyncClient, views: FakeViews) -> None:
    views.failing = NotAvailable("No checks here: set MONITOR_DATABASE_URL.")
    answer = await client.get(f"{ROOT}/jobs")
    assert (answer.status_code, answer.json()["code"]) == (501, "not_available")


async def test_a_cursor_that_the_fleet_refuses_is_named(client: httpx.AsyncClient, views: FakeViews) -> None:
    views.failing = InvalidQuery("cursor", "is not one of ours")
    answer = await client.get(f"{ROOT}/integrity/projects?cursor=zzz")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
    assert answer.json()["errors"] == [{"parameter": "cursor", "detail": "is not one of ours"}]


@pytest.mark.parametrize("path", READS)
async def test_a_caller_who_has_the_answer_gets_304(client: httpx.AsyncClient, path: str) -> None:
    etag = (await client.get(path)).headers["etag"]
    for known in (etag, f'"other", {etag}', f"W/{etag.removeprefix('W/')}", "*"):
        again = await client.get(path, headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await client.get(path, headers={"if-none-match": '"other"'})).status_code == 200


async def test_an_etag_changes_with_the_answer(client: httpx.AsyncClient, views: FakeViews) -> None:
    etag = (await client.get(READS[0])).headers["etag"]
    views.summary = msgspec.structs.replace(SUMMARY, total_gaps=8)
    again = await client.get(READS[0], headers={"if-none-match": etag})
    assert (again.status_code, again.json()["total_gaps"]) == (200, 8)


async def test_a_version_answers_304_without_making_the_view(client: httpx.AsyncClient, views: FakeViews) -> None:
    views.token = "17"
    etag = (await client.get(READS[0])).headers["etag"]
    assert (await client.get(READS[0], headers={"if-none-match": etag})).status_code == 304
    assert views.summaries_made == 1
    views.token = "18"
    assert (await client.get(READS[0], headers={"if-none-match": etag})).status_code == 200
    assert views.summaries_made == 2


async def test_two_workers_with_the_same_version_word_have_different_etags(views: FakeViews, connect: Connect) -> None:
    views.token = "17"
    one, other = connect(), connect()
    etag = (await one.get(READS[0])).headers["etag"]
    assert (await other.get(READS[0], headers={"if-none-match": etag})).status_code == 200


async def test_what_another_worker_may_answer_never_follows_our_version(
    client: httpx.AsyncClient, views: FakeViews
) -> None:
    views.token = "17"
    etag = (await client.get(f"{ROOT}/integrity/project/p1")).headers["etag"]
    views.failing = Recovering()
    assert (await client.get(f"{ROOT}/integrity/project/p1", headers={"if-none-match": etag})).status_code == 503


@pytest.mark.parametrize("path", [*READS, "/", "/docs", "/livez", "/metrics"])
async def test_head_has_the_headers_of_get_and_no_body(client: httpx.AsyncClient, path: str) -> None:
    whole, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == whole.headers
    assert int(head.headers["content-length"]) == len(whole.content) > 0


async def test_readiness_is_503_with_its_parts_while_not_ready(client: httpx.AsyncClient, views: FakeViews) -> None:
    assert (await client.get("/readyz")).status_code == 200
    parts = {"broker": "ok", "tables": "recovering, 41 % read"}
    views.readiness_view = Readiness(ready=False, parts=parts, lag=12, recovery={"remaining": 400})
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "parts": parts,
        "lag": 12,
        "recovery": {"remaining": 400},
        "partitions": [],
        "dispatcher": None,
        "late_events": 0,
    }
    assert answer.headers["cache-control"] == "no-store"


async def test_the_process_is_alive_whatever_the_views_say(client: httpx.AsyncClient, views: FakeViews) -> None:
    views.failing = Recovering()
    answer = await client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})


async def test_metrics_are_the_same_text_at_both_addresses(client: httpx.AsyncClient) -> None:
    short, export = await client.get("/metrics"), await client.get(f"{ROOT}/metrics/export?format=prometheus")
    assert short.content == export.content
    assert short.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"episode_integrity_health_percentage 93.3" in short.content


async def test_metrics_are_to_be_had_as_json_too(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{ROOT}/metrics/export?format=json")
    assert answer.json() == {"episode_integrity_health_percentage": [{"labels": {}, "value": 93.3}]}


async def test_titles_and_descriptions_of_alerts_come_in_the_language_asked_for(
    client: httpx.AsyncClient, views: FakeViews
) -> None:
    inputs = AlertInputs(state="firing", bad=4, whole=26, rate=None)
    views.alerts = {"r:p": alert("r:p", title="Episode numbers have gaps or duplicates (p)", inputs=inputs)}
    (korean,) = (await client.get(f"{ROOT}/alerts/active?language=ko")).json()["alerts"]
    assert korean["title"] == "에피소드 번호 누락 또는 중복 (p)"
    assert korean["description"] == "프로젝트 p: 에피소드 26건에서 번호 누락·중복 4건."
    assert (await client.get(f"{ROOT}/alerts/r:p?language=ko")).json()["title"] == korean["title"]
    (english,) = (await client.get(f"{ROOT}/alerts/active")).json()["alerts"]
    assert english["title"] == "Episode numbers have gaps or duplicates (p)"
    refused = await client.get(f"{ROOT}/alerts/active?language=xx")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_language")
