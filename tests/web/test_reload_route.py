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

    async def reload(self, token: str = "s3cret", **body: Any) -> httpx.Response:
        return await self.client.post(PATH, json=body, headers={"authorization": f"Bearer {token}"})

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
