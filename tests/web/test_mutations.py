"""What a person does: the alert that comes back, the job that runs, and the audit entry each leaves."""

from urllib.parse import quote

import httpx
import msgspec
import pytest
import structlog.testing

from episode_monitor.fleet.errors import Recovering
from episode_monitor.fleet.questions.finding import FindingQuestion
from episode_monitor.settings.api_tokens import parse_api_tokens
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.alert_desk import AlertAct, AlertActKind
from episode_monitor.web.settings import WebSettings
from models.check_views import JobState
from tests.web.conftest import Connect
from tests.web.fake_views import AS_OF, FINISHED, STARTS_AT_MS, FakeViews, alert

ROOT = "/monitoring/episodes"
KEY = "episode_integrity:webtoon/7"
RUN = f"{ROOT}/jobs/integrity/run-check"


def path_of(alert_key: str, verb: str) -> str:
    return f"{ROOT}/alerts/{quote(alert_key, safe='')}/{verb}"


async def test_resolving_gives_the_alert_and_leaves_an_entry(
    client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry]
) -> None:
    views.alerts = {KEY: alert(KEY)}
    answer = await client.post(path_of(KEY, "resolve"), json={"by": " 민아 ", "comment": "renumbered\nby hand"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status"] == "resolved"
    assert answer.json()["ends_at"] == AS_OF
    assert audit == [
        AuditEntry(
            who="민아",
            what="alert.resolve",
            target=KEY,
            result="done",
            at_ms=STARTS_AT_MS,
            request={"role": "loopback", "peer": "127.0.0.1", "comment": "renumbered\nby hand"},
        )
    ]


@pytest.mark.parametrize(
    ("verb", "body", "minutes"),
    [
        ("acknowledge", {"by": "mina"}, None),
        ("acknowledge", {"by": "mina", "minutes": 5}, 5),
        ("unacknowledge", {"by": "mina"}, None),
        ("silence", {"by": "mina"}, 60),
        ("silence", {"by": "mina", "minutes": 5}, 5),
        ("resolve", {"by": "mina", "later": "unknown fields are ignored"}, None),
    ],
)
async def test_the_action_reaches_the_dispatcher(
    client: httpx.AsyncClient, views: FakeViews, verb: str, body: dict[str, object], minutes: int | None
) -> None:
    views.alerts = {KEY: alert(KEY)}
    assert (await client.post(path_of(KEY, verb), json=body)).status_code == 200
    assert views.asked == [(AlertAct(alert_key=KEY, kind=AlertActKind(verb), by="mina", minutes=minutes),)]


@pytest.mark.parametrize(
    "alert_key",
    [
        "r:webtoon/7",
        "r:..",
        "r:.",
        "r:a/../b",
        "r:100%",
        "r:a%2Fb",
        "r:봄 날",
        "r:x/resolve",
        "r:x/resolve/acknowledge",
        "r:a?b#c",
        "r:/",
        "r:active",
    ],
)
@pytest.mark.parametrize("verb", ["resolve", "acknowledge", "silence"])
async def test_any_key_survives_the_path(
    client: httpx.AsyncClient, views: FakeViews, alert_key: str, verb: str
) -> None:
    views.alerts = {alert_key: alert(alert_key)}
    answer = await client.post(path_of(alert_key, verb), json={"by": "mina"})
    assert (answer.status_code, answer.json().get("alert_key")) == (200, alert_key)


async def test_an_unknown_alert_is_404_and_audited(
    client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry]
) -> None:
    answer = await client.post(path_of("r:nobody", "resolve"), json={"by": "mina"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_alert")
    assert [(entry.target, entry.result) for entry in audit] == [("r:nobody", "unknown_alert")]


async def test_resolving_twice_is_409(client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry]) -> None:
    views.alerts = {KEY: alert(KEY)}
    await client.post(path_of(KEY, "resolve"), json={"by": "mina"})
    answer = await client.post(path_of(KEY, "resolve"), json={"by": "mina"})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_resolved")
    assert [entry.result for entry in audit] == ["done", "already_resolved"]


@pytest.mark.parametrize(
    ("error", "status", "result"),
    [(Recovering(), 503, "recovering"), (RuntimeError("a bug"), 500, "internal_error")],
)
async def test_a_mutation_that_fails_is_audited_too(
    client: httpx.AsyncClient,
    views: FakeViews,
    audit: list[AuditEntry],
    error: Exception,
    status: int,
    result: str,
) -> None:
    views.failing = error
    answer = await client.post(path_of(KEY, "resolve"), json={"by": "mina"})
    assert answer.status_code == status
    assert [entry.result for entry in audit] == [result]


async def test_a_broken_audit_is_logged_and_undoes_nothing(views: FakeViews, connect: Connect) -> None:
    def broken(entry: AuditEntry) -> None:
        raise OSError("no space")

    views.alerts = {KEY: alert(KEY)}
    with structlog.testing.capture_logs() as logs:
        answer = await connect(audit=broken).post(path_of(KEY, "resolve"), json={"by": "mina"})
    assert answer.status_code == 200
    assert [(entry["event"], entry["target"]) for entry in logs if entry["log_level"] == "error"] == [
        ("audit failed", KEY)
    ]


async def test_the_entry_says_the_role_and_the_real_peer(connect: Connect, audit: list[AuditEntry]) -> None:
    client = connect(WebSettings(host="0.0.0.0", api_tokens=parse_api_tokens("operator:s3cret")), peer="192.0.2.7")
    headers = {"authorization": "Bearer s3cret", "x-forwarded-for": "127.0.0.1"}
    await client.post(path_of(KEY, "silence"), json={"by": "mina", "minutes": 5}, headers=headers)
    assert [entry.request for entry in audit] == [
        {"role": "operator", "peer": "192.0.2.7", "comment": "", "minutes": 5}
    ]


async def test_a_check_that_ends_in_time_answers_with_its_result(
    client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry]
) -> None:
    answer = await client.post(RUN, json={"by": "mina"})
    assert answer.status_code == 200
    assert views.asked == [(False, "mina", 10.0)]
    assert answer.headers["content-location"] == f"{ROOT}/jobs/job-1"
    assert answer.json() == {
        "kind": "basic",
        "status": "completed",
        "duration_seconds": 1.23,
        "summary": {
            "total_projects": 45,
            "healthy_projects": 42,
            "unhealthy_projects": 3,
            "health_percentage": 93.3,
            "total_gaps": 7,
            "total_duplicates": 2,
        },
    }
    assert [(entry.what, entry.target, entry.result) for entry in audit] == [("check.basic", "fleet", "completed")]


async def test_a_check_that_takes_longer_is_202_with_the_place_of_its_job(
    client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry]
) -> None:
    views.job_status = msgspec.structs.replace(
        FINISHED, job_id="deep/1", kind="deep", state=JobState.RUNNING, progress=0.25, result=None
    )
    answer = await client.post(f"{RUN}?deep_check=true")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{ROOT}/jobs/deep%2F1"
    assert answer.json()["progress"] == 0.25
    assert views.asked == [(True, "loopback", 10.0)]
    assert [(entry.what, entry.who, entry.result) for entry in audit] == [("check.deep", "loopback", "running")]


async def test_a_check_that_failed_is_503_in_its_own_words(client: httpx.AsyncClient, views: FakeViews) -> None:
    views.job_status = msgspec.structs.replace(
        FINISHED, state=JobState.FAILED, result=None, error="The database did not answer: see /readyz."
    )
    answer = await client.post(RUN)
    assert (answer.status_code, answer.json()["code"]) == (503, "check_failed")
    assert answer.json()["detail"] == "The database did not answer: see /readyz."


async def test_jobs_are_listed_and_found(client: httpx.AsyncClient, views: FakeViews) -> None:
    jobs = (await client.get(f"{ROOT}/jobs?limit=3")).json()["jobs"]
    assert [job["job_id"] for job in jobs] == ["job-1"]
    job = (await client.get(f"{ROOT}/jobs/job-1")).json()
    assert (job["state"], job["result"]["summary"]["total_gaps"]) == ("completed", 7)
    unknown = await client.get(f"{ROOT}/jobs/job-2")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_job")
    assert views.asked == [(3,), ("job-1",), ("job-2",)]


async def test_a_running_job_is_cancelled_and_one_that_ended_is_not(
    client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry]
) -> None:
    views.job_status = msgspec.structs.replace(FINISHED, state=JobState.RUNNING, result=None, ended_at=None)
    cancelled = await client.post(f"{ROOT}/jobs/job-1/cancel", json={"by": "jun"})
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert cancelled.json()["error"] == "Cancelled by jun."
    again = await client.post(f"{ROOT}/jobs/job-1/cancel", json={"by": "jun"})
    assert (again.status_code, again.json()["code"]) == (409, "job_ended")
    unknown = await client.post(f"{ROOT}/jobs/job-2/cancel")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_job")
    assert [(entry.what, entry.target, entry.result) for entry in audit] == [
        ("check.cancel", "job-1", "done"),
        ("check.cancel", "job-1", "job_ended"),
        ("check.cancel", "job-2", "unknown_job"),
    ]


async def test_a_check_that_was_cancelled_meanwhile_says_by_whom(client: httpx.AsyncClient, views: FakeViews) -> None:
    views.job_status = msgspec.structs.replace(
        FINISHED, state=JobState.CANCELLED, result=None, error="Cancelled by jun."
    )
    answer = await client.post(RUN)
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        503, "check_cancelled", "Cancelled by jun.",
    )  # fmt: skip


WAIVE = f"{ROOT}/integrity/project/webtoon/7/findings/f1/waive"


async def test_a_finding_is_waived_for_minutes_or_until_a_moment(
    client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry]
) -> None:
    answer = await client.post(WAIVE, json={"by": "mina", "reason": "agreed", "until": "2099-01-01T00:00:00+09:00"})
    assert answer.status_code == 200
    assert answer.json()["waiver"] == {
        "by": "mina", "reason": "agreed", "at": "2025-10-09T08:53:20.123Z", "until": "2098-12-31T15:00:00.000Z",
    }  # fmt: skip
    assert [(act.project_id, act.finding_id) for (act,) in views.asked[:1]] == [("webtoon/7", "f1")]
    assert [(entry.what, entry.target, entry.request["reason"]) for entry in audit] == [
        ("finding.waive", "webtoon/7:f1", "agreed")
    ]
    assert (await client.post(WAIVE, json={"by": "mina", "reason": "agreed", "minutes": 60})).status_code == 200


@pytest.mark.parametrize("project", ["..", ".", "webtoon/7", "a?b#c"])
async def test_a_finding_of_a_project_whose_id_is_no_part_of_a_path_is_waived(
    client: httpx.AsyncClient, views: FakeViews, project: str
) -> None:
    body = {"by": "mina", "reason": "agreed", "minutes": 60}
    answer = await client.post(f"{ROOT}/integrity/findings/f1/waive", params={"project_id": project}, json=body)
    assert answer.status_code == 200
    assert [(act.project_id, act.finding_id) for (act,) in views.asked[:1]] == [(project, "f1")]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"reason": "r", "minutes": 1}, 422, "invalid_by"),
        ({"by": "m", "minutes": 1}, 422, "invalid_reason"),
        ({"by": "m", "reason": " ", "minutes": 1}, 422, "invalid_reason"),
        ({"by": "m", "reason": "r"}, 422, "invalid_minutes"),
        ({"by": "m", "reason": "r", "minutes": 0}, 422, "invalid_minutes"),
        ({"by": "m", "reason": "r", "minutes": 1, "until": "2099-01-01T00:00:00Z"}, 422, "invalid_minutes"),
        ({"by": "m", "reason": "r", "until": "2001-01-01T00:00:00Z"}, 422, "invalid_until"),
        ({"by": "m", "reason": "r", "until": "2099-01-01T00:00:00"}, 422, "invalid_until"),
    ],
)
async def test_a_waiver_without_name_reason_or_end_is_refused(
    client: httpx.AsyncClient, views: FakeViews, body: dict[str, object], status: int, code: str
) -> None:
    answer = await client.post(WAIVE, json=body)
    assert (answer.status_code, answer.json()["code"], views.asked) == (status, code, [])


async def test_what_cannot_be_waived_says_why(client: httpx.AsyncClient) -> None:
    body = {"by": "mina", "reason": "agreed", "minutes": 60}
    settling = await client.post(WAIVE.replace("f1", "settling"), json=body)
    assert (settling.status_code, settling.json()["code"]) == (409, "finding_not_open")
    unknown = await client.post(WAIVE.replace("f1", "f2"), json=body)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_finding")


async def test_the_findings_of_a_project_are_listed(client: httpx.AsyncClient) -> None:
    found = (await client.get(f"{ROOT}/integrity/project/webtoon/7/findings")).json()
    assert [(one["finding_id"], one["state"], one["first_number"]) for one in found["findings"]] == [("f1", "open", 3)]
    unknown = await client.get(f"{ROOT}/integrity/project/unknown/findings")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_project")


async def test_one_finding_is_told_with_its_history(client: httpx.AsyncClient, views: FakeViews) -> None:
    told = (await client.get(f"{ROOT}/integrity/project/webtoon/7/findings/f1")).json()
    assert (told["project_id"], told["finding"]["state"], told["history_dropped"]) == ("webtoon/7", "open", 0)
    assert [(one["what"], one["finding_id"], one["since"]) for one in told["history"]] == [
        ("opened", "f1", "2025-10-09T08:53:20.123Z")
    ]
    assert views.asked == [(FindingQuestion(project_id="webtoon/7", finding_id="f1"),)]


@pytest.mark.parametrize(("project", "code"), [("webtoon/7", "unknown_finding"), ("unknown", "unknown_project")])
async def test_a_finding_that_nobody_knows_is_404(client: httpx.AsyncClient, project: str, code: str) -> None:
    answer = await client.get(f"{ROOT}/integrity/project/{project}/findings/f2")
    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].count(".") == 1


@pytest.mark.parametrize(("verb", "minutes"), [("resolve", None), ("acknowledge", None), ("silence", 60)])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
async def test_acting_on_an_alert_needs_no_body_and_the_role_stands_for_the_name(
    connect: Connect, views: FakeViews, audit: list[AuditEntry], verb: str, minutes: int | None, content: bytes | None
) -> None:
    views.alerts = {KEY: alert(KEY)}
    headers = {"content-type": "application/json"} if content else {}
    answer = await connect().post(path_of(KEY, verb), content=content, headers=headers)
    assert answer.status_code == 200
    views.alerts = {KEY: alert(KEY)}
    with_token = connect(WebSettings(api_tokens=parse_api_tokens("operator:s3cret")))
    named = await with_token.post(path_of(KEY, verb), headers={"authorization": "Bearer s3cret"})
    assert named.status_code == 200
    assert [(action.by, action.comment, action.minutes) for (action,) in views.asked] == [
        ("loopback", "", minutes), ("operator", "", minutes),
    ]  # fmt: skip
    assert [(entry.who, entry.result) for entry in audit] == [("loopback", "done"), ("operator", "done")]
