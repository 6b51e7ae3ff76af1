"""Reloading over HTTP: what this worker and the others say of their files, and that a wrong file changes nothing."""

from typing import Any, cast

import httpx
import pytest

from episode_monitor.dispatch.reload import Files
from episode_monitor.dispatch.reload_routes import reload_router
from episode_monitor.fleet.acts.reload_files import ReloadFiles
from episode_monitor.fleet.ask import Asks
from episode_monitor.fleet.errors import Recovering, Unreachable
from episode_monitor.settings.api_tokens import parse_api_tokens
from episode_monitor.settings.settings import SettingsError
from episode_monitor.settings.yaml_reading import Fault, FileError
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.settings import WebSettings
from models.reload_views import FileInForce, WorkerFiles
from tests.web.fake_views import FakeViews, fake_app

PATH = "/monitoring/episodes/rules/reload"
HERE, THERE = "http://here:8002", "http://there:8002"
SETTINGS = WebSettings(host="0.0.0.0", api_tokens=parse_api_tokens("operator:s3cret,viewer:look"))


def files(rules: str = "r2", alerting: str = "a1") -> list[FileInForce]:
    at = "2026-01-31T09:00:00.000Z"
    return [
        FileInForce(what="rules", file="rules.yaml", version=rules, loaded_at=at),
        FileInForce(what="alerting", file=None, version=alerting, loaded_at=at),
    ]


class OwnFiles:
    """This worker's."""

    def __init__(self, error: SettingsError | None = None) -> None:
        self.error, self.asked = error, list[str]()

    def in_force(self) -> list[FileInForce]:
        return files()

    async def reload(self, by: str) -> list[str]:
        self.asked.append(by)
        if self.error is not None:
            raise self.error
        return ["rules"]


class Others:
    """The other workers."""

    def __init__(self, answer: list[WorkerFiles] | Exception) -> None:
        self.answer, self.asked = answer, list[str]()

    async def ask(self, question: Any) -> Any:
        assert isinstance(question, ReloadFiles)
        self.asked.append(question.by)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Worker:
    def __init__(self, others: list[WorkerFiles] | Exception | None = None, error: SettingsError | None = None) -> None:
        self.files, self.others, self.audit = OwnFiles(error), Others(others or []), list[AuditEntry]()
        router = reload_router(cast(Files, self.files), cast(Asks, self.others), HERE)
        app = fake_app(FakeViews(), SETTINGS, extra_routers=[router], audit=self.audit.append)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://monitor.example")

    async def reload(self, token: str = "s3cret", language: str = "en", **body: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        return await self.client.post(PATH, json=body, headers=headers, params={"language": language})

    async def problems(self) -> list[str]:
        answer = await self.reload(by="kim")
        assert answer.status_code == 200
        return list(answer.json()["problems"])


async def test_all_workers_reload_and_each_ones_versions_are_shown_this_one_first() -> None:
    worker = Worker([WorkerFiles(url=THERE, files=files(), changed=["rules"])])
    answer = await worker.reload(by="kim")
    assert answer.status_code == 200
    done = answer.json()
    assert (done["changed"], done["problems"]) == (["rules"], [])
    assert [(each["what"], each["version"]) for each in done["files"]] == [("rules", "r2"), ("alerting", "a1")]
    assert [(each["url"], each["changed"], each["refused"]) for each in done["workers"]] == [
        (HERE, ["rules"], None), (THERE, ["rules"], None),
    ]  # fmt: skip
    assert (worker.files.asked, worker.others.asked) == (["kim"], ["kim"])
    (entry,) = worker.audit
    assert (entry.who, entry.what, entry.target, entry.result) == ("kim", "files.reload", "rules", "done")


async def test_a_wrong_file_is_refused_with_its_lines_and_no_other_worker_is_asked() -> None:
    faults = [Fault(7, "rules[0].threshold", "is 101%; it must be at most 100%."), Fault(0, "", "has no rules.")]
    worker = Worker(error=FileError("rules.yaml", faults))
    answer = await worker.reload(by="kim")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_file")
    assert problem["errors"] == [
        {"parameter": "rules.yaml", "detail": "has no rules."},
        {"parameter": "rules.yaml", "detail": "is 101%; it must be at most 100%.", "line": 7},
    ]
    assert "rules.yaml, line 7: " in problem["detail"]
    assert worker.others.asked == []
    (entry,) = worker.audit
    assert (entry.who, entry.result) == ("kim", "invalid_file")


async def test_a_file_that_cannot_be_read_is_refused_in_one_sentence() -> None:
    answer = await Worker(error=SettingsError("rules.yaml is not there; correct RULES_FILE.")).reload()
    assert (answer.status_code, answer.json()["detail"]) == (422, "rules.yaml is not there; correct RULES_FILE.")
    assert "errors" not in answer.json()


async def test_a_worker_that_refuses_or_has_another_version_is_named() -> None:
    refused = WorkerFiles(url=THERE, files=files("r1"), refused="rules.yaml, line 3: `threshold` is missing.")
    assert await Worker([refused]).problems() == [
        f"The worker at {THERE} has refused: rules.yaml, line 3: `threshold` is missing."
    ]
    assert await Worker([WorkerFiles(url=THERE, files=files("r1", "a0"))]).problems() == [
        f"The worker at {THERE} has another version of rules, alerting: give it the same file, and reload again."
    ]


@pytest.mark.parametrize(
    ("error", "why"),
    [(Recovering(), "their partitions are recovering"), (Unreachable("Two workers do not answer."),
                                                         "Two workers do not answer")],
)  # fmt: skip
async def test_others_that_do_not_answer_are_said_and_this_worker_has_reloaded(error: Exception, why: str) -> None:
    worker = Worker(error)
    assert await worker.problems() == [
        f"Not all of the other workers have answered ({why}): send SIGHUP to each, or try again."
    ]
    assert worker.files.asked == ["kim"]


async def test_the_tokens_role_stands_for_a_name_and_a_viewer_may_not() -> None:
    worker = Worker()
    assert (await worker.reload()).status_code == 200
    assert worker.files.asked == ["operator"]
    assert (await worker.reload("look")).status_code == 403
    assert worker.files.asked == ["operator"]


async def test_a_wrong_alerting_file_is_refused_in_korean_where_that_was_asked_for() -> None:
    faults = [
        Fault(2, "route.receiver", "is `x`, but there is no such receiver; write one of team."),
        Fault(3, "receivers[0].name", "is missing; add it."),
    ]
    problem = (await Worker(error=FileError("alerting.yaml", faults)).reload(language="ko")).json()
    assert problem["detail"] == (
        "alerting.yaml 2행: `route.receiver`: 이름이 `x`인 수신처가 없습니다. 다음 중 하나를 쓰세요: team.\n"
        "alerting.yaml 3행: `receivers[0].name`: 필수 키가 없습니다. 추가하세요."
    )
    assert problem["errors"] == [
        {
            "parameter": "alerting.yaml",
            "detail": "이름이 `x`인 수신처가 없습니다. 다음 중 하나를 쓰세요: team.",
            "line": 2,
        },
        {"parameter": "alerting.yaml", "detail": "필수 키가 없습니다. 추가하세요.", "line": 3},
    ]


async def test_what_is_wrong_with_other_workers_is_korean_where_that_was_asked_for() -> None:
    async def said(others: list[WorkerFiles] | Exception) -> dict[str, Any]:
        answer = await Worker(others).reload(by="kim", language="ko")
        assert answer.status_code == 200
        return dict(answer.json())

    fault = "oncall.yaml, line 3: `chains[0].steps` is missing; add it.\noncall.yaml, line 4: `a` is missing; add it."
    korean = "oncall.yaml 3행: `chains[0].steps`: 필수 키가 없습니다. 추가하세요.\n"
    korean += "oncall.yaml 4행: `a`: 필수 키가 없습니다. 추가하세요."
    refused = await said([WorkerFiles(url=THERE, files=files("r1"), refused=fault)])
    assert refused["problems"] == [f"{THERE} 워커가 거부했습니다: {korean}"]
    assert [each["refused"] for each in refused["workers"]] == [None, korean]
    assert (await said([WorkerFiles(url=THERE, files=files("r1", "a0"))]))["problems"] == [
        f"{THERE} 워커에 있는 규칙, 라우팅 파일의 버전이 다릅니다. 같은 파일을 두고 다시 읽게 하세요."
    ]
    for error, why in (
        (Recovering(), "파티션을 복구하는 중"),
        (Unreachable(f"The worker at {THERE} cannot answer now (HTTP 500): try again shortly."),
         f"{THERE} 워커가 지금은 응답할 수 없습니다(HTTP 500)"),
        (Unreachable(f"Behind {THERE} is not the worker that published this address: give each worker a WORKER_URL of "
                     "its own."),
         f"{THERE}에 있는 것은 이 주소를 알린 워커가 아닙니다. 워커마다 고유한 WORKER_URL을 설정하세요"),
    ):  # fmt: skip
        assert (await said(error))["problems"] == [
            f"다른 워커가 모두 응답하지는 않았습니다({why}). 워커마다 SIGHUP을 보내거나 다시 시도하세요."
        ]
