"""Files of whole lists: every page, the same filters, bounded, and an error of its own where it cannot begin."""

import csv
import io
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request
from starlette.responses import Response

from episode_monitor.fleet.errors import InvalidQuery, Recovering, Unreachable
from episode_monitor.fleet.question import Question
from episode_monitor.fleet.questions.alert_history import AlertHistoryQuestion
from episode_monitor.fleet.questions.project_list import ProjectListQuestion
from episode_monitor.web import exports
from episode_monitor.web.exports import ExportFormat, export_rows
from models.integrity_views import ProjectPage, ProjectRow
from tests.web.conftest import Connect
from tests.web.fake_views import AS_OF, FakeViews

ROOT = "/monitoring/episodes"
PROJECTS = f"{ROOT}/integrity/projects/export"


class Paged(FakeViews):
    """Three pages of two projects; the cursor is the number of the next one."""

    failing_at: str | None = None

    async def ask(self, question: Question[Any, Any], /) -> Any:
        if not isinstance(question, ProjectListQuestion):
            return await super().ask(question)
        self._come(question)
        if question.cursor is not None and question.cursor == self.failing_at:
            raise Unreachable("gone")
        first = int(question.cursor or 0)
        rows = [row(f"p{number}") for number in (first, first + 1)]
        return ProjectPage(projects=rows, total=6, next_cursor=None if first == 4 else str(first + 2))


def row(project_id: str) -> ProjectRow:
    return ProjectRow(
        project_id=project_id, is_healthy=False, total_episodes=2, max_number=3, gaps_total=1, duplicates_total=0,
        health_score=66.7, as_of=AS_OF, since=AS_OF,
    )  # fmt: skip


@pytest.fixture
def views() -> FakeViews:
    return Paged()


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def test_every_page_of_the_filtered_list_is_in_the_file(client: httpx.AsyncClient, views: FakeViews) -> None:
    answer = await client.get(PROJECTS, params={"status": "unhealthy", "q": "p", "sort": "gaps"})
    rows = table(answer)
    assert [one["project_id"] for one in rows] == ["p0", "p1", "p2", "p3", "p4", "p5"]
    assert rows[0] == {
        "project_id": "p0", "is_healthy": "false", "total_episodes": "2", "max_number": "3", "gaps_total": "1",
        "duplicates_total": "0", "health_score": "66.7", "since": AS_OF, "is_split": "false", "as_of": AS_OF,
    }  # fmt: skip
    assert [(q.status, q.q, q.sort, q.cursor) for (q,) in views.asked] == [
        ("unhealthy", "p", "gaps", None), ("unhealthy", "p", "gaps", "2"), ("unhealthy", "p", "gaps", "4"),
    ]  # fmt: skip
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="projects-20251009T085320Z.csv"'


async def test_json_has_the_rows_of_the_list_itself(client: httpx.AsyncClient) -> None:
    answer = await client.get(PROJECTS, params={"format": "json"})
    listed = (await client.get(f"{ROOT}/integrity/projects")).json()["projects"]
    assert answer.json()[:2] == listed
    assert len(answer.json()) == 6


async def test_a_file_has_a_bounded_number_of_rows(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MOST_ROWS", 3)
    answer = await client.get(PROJECTS)
    assert [one["project_id"] for one in table(answer)] == ["p0", "p1", "p2"]
    assert answer.headers["x-most-rows"] == "3"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(Recovering(), 503, "recovering"), (InvalidQuery("cursor", "x"), 422, "invalid_cursor")],
)
async def test_what_fails_before_the_file_begins_is_a_problem(
    client: httpx.AsyncClient, views: FakeViews, error: Exception, status: int, code: str
) -> None:
    views.failing = error
    answer = await client.get(PROJECTS)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_what_fails_later_cuts_the_file_so_that_it_does_not_look_whole(
    client: httpx.AsyncClient, views: FakeViews
) -> None:
    assert isinstance(views, Paged)
    views.failing_at = "2"
    with pytest.raises(RuntimeError):  # a server cuts the connection there
        await client.get(PROJECTS)


async def test_the_history_has_the_alerts_own_fields_as_columns(client: httpx.AsyncClient, views: FakeViews) -> None:
    first, second = table(await client.get(f"{ROOT}/alerts/history/export", params={"rule_id": "episode_integrity"}))
    assert first == second
    assert (first["at"], first["reason"], first["by"], first["comment"]) == (
        AS_OF, "resolved_by_hand", "mina", "renumbered",
    )  # fmt: skip
    assert (first["alert_key"], first["project_id"]) == ("episode_integrity:webtoon/7", "webtoon/7")
    asked = [q for (q,) in views.asked if isinstance(q, AlertHistoryQuestion)]
    assert [(q.rule_id, q.limit, q.cursor) for q in asked] == [
        ("episode_integrity", 1000, None), ("episode_integrity", 1000, "next"),
    ]  # fmt: skip


async def test_the_audit_has_the_request_as_json(client: httpx.AsyncClient) -> None:
    (entry,) = table(await client.get(f"{ROOT}/audit/export", params={"who": "mina"}))
    assert list(entry) == ["at", "who", "role", "what", "target", "result", "request"]
    assert (entry["who"], entry["request"]) == ("mina", "{}")
    listed = (await client.get(f"{ROOT}/audit")).json()["entries"]
    assert (await client.get(f"{ROOT}/audit/export", params={"format": "json"})).json() == listed


async def test_head_reads_nothing_but_the_first_page(client: httpx.AsyncClient, views: FakeViews) -> None:
    answer = await client.head(PROJECTS)
    assert (answer.status_code, answer.content, len(views.asked)) == (200, b"", 1)


async def test_a_list_that_is_in_memory_is_a_file_as_well(connect: Connect) -> None:
    router = APIRouter()

    @router.get("/kept/export", name="export_kept")
    async def kept(request: Request, kind: ExportFormat = "csv") -> Response:
        return export_rows(request, kind, "kept", ("name", "many"), [{"name": "=1", "many": [2], "more": None}])

    client = connect(extra_routers=[router])
    answer = await client.get("/kept/export")
    assert table(answer) == [{"name": "'=1", "many": "[2]"}]
    assert answer.headers["content-disposition"] == 'attachment; filename="kept-20251009T085320Z.csv"'
    assert (await client.get("/kept/export", params={"format": "json"})).json() == [
        {"name": "=1", "many": [2], "more": None}
    ]
    assert (await client.head("/kept/export")).content == b""
