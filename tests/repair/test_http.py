"""Repair over HTTP: shapes, codes and the audit of what was tried."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from episode_monitor.repair.automatic import AutomaticRepairs, AutomaticSettings
from episode_monitor.repair.repairs import Repairs
from episode_monitor.repair.store import MemoryPlans, PlanStore, PostgresPlans
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.storage.database import Database
from episode_monitor.web.settings import WebSettings
from models.repair import AutomaticRepair, RepairPlan
from testbed.databases import PATIENT
from tests.repair.desk import Desk
from tests.web.fake_views import FakeViews, fake_app

ROOT = "/monitoring/episodes"
ME = {"by": "mina", "confirm": "p"}


class Face:
    """A client of an app over this desk, and its audit."""

    def __init__(self, desk: Desk, repairs: Repairs | None) -> None:
        self.audit: list[AuditEntry] = []
        views = FakeViews()
        automatic = None
        if repairs is not None:
            settings = AutomaticSettings(projects=("p*",))
            automatic = AutomaticRepairs(repairs, settings, views.ask, lambda _: True, lambda: desk.now_ms)
        app = fake_app(views, WebSettings(), audit=self.audit.append, now_ms=lambda: desk.now_ms, repairs=automatic)
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 50_000))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8002")

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.client.post(f"{ROOT}{path}", json=body)

    async def plan(self, project_id: str = "p", **body: Any) -> dict[str, Any]:
        answer = await self.post(f"/integrity/project/{project_id}/repair-plans", body)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture(params=["memory", "postgres"])
async def own(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[PlanStore]:
    """Both places where plans are kept."""
    if request.param == "memory":
        yield MemoryPlans()
        return
    database = Database(database_url, PATIENT)
    await database.connect()
    yield PostgresPlans(database)
    await database.close()


@pytest.fixture
async def face(desk: Desk) -> AsyncIterator[Face]:
    face = Face(desk, desk.repairs)
    yield face
    await face.client.aclose()


async def test_plan_apply_and_rollback_answer_the_plan_and_leave_an_audit(face: Face, desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    made = await face.plan(by="mina")
    assert set(made) == set(RepairPlan.__struct_fields__)
    assert (made["changes_needed"], made["state"], made["expires_at"]) == (1, "planned", "2025-10-09T09:53:20.000Z")
    assert made["changes"] == [{"episode_id": "p_2", "old_number": 3, "new_number": 2}]
    assert made["blast_radius"] == {
        "episodes_changed": 1,
        "share_percentage": 50.0,
        "lowest_number": 2,
        "highest_number": 3,
        "before": {"episodes": 2, "max_number": 3, "gaps": 1, "duplicates": 0, "out_of_range": 0},
        "after": {"episodes": 2, "max_number": 2, "gaps": 0, "duplicates": 0, "out_of_range": 0},
    }
    path = f"/repair-plans/{made['plan_id']}"
    applied = await face.post(f"{path}/apply", ME)
    assert (applied.status_code, applied.json()["state"]) == (200, "applied")
    back = await face.post(f"{path}/rollback", {**ME, "by": "jun"})
    assert (back.status_code, back.json()["state"], back.json()["acted_by"]) == (200, "rolled_back", "jun")
    shown = await face.client.get(f"{ROOT}{path}")
    assert shown.json() == back.json()
    assert [(entry.who, entry.what, entry.target, entry.result) for entry in face.audit] == [
        ("mina", "repair.plan", "p", "done"),
        ("mina", "repair.apply", made["plan_id"], "applied"),
        ("jun", "repair.rollback", made["plan_id"], "rolled_back"),
    ]


async def test_with_newer_moves_along_what_was_created_since(face: Face, desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    path = f"/repair-plans/{(await face.plan())['plan_id']}"
    await desk.run("INSERT INTO episodes (id, project_id, number) VALUES ('new', 'p', 4)")
    desk.stream.numbers["p"]["new"] = 4
    refused = await face.post(f"{path}/apply", ME)
    assert (refused.status_code, refused.json()["code"]) == (409, "data_moved")
    applied = (await face.post(f"{path}/apply", {**ME, "with_newer": True})).json()
    assert applied["newer_changes"] == [{"episode_id": "new", "old_number": 4, "new_number": 3}]
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "new": 3}
    details = [{"with_newer": entry.request["with_newer"]} for entry in face.audit if entry.what == "repair.apply"]
    assert details == [{"with_newer": False}, {"with_newer": True}]


async def test_switched_off_it_is_403_and_names_the_setting(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    face = Face(desk, desk.another(is_enabled=False))
    made = await face.plan()
    assert made["created_by"] == "loopback"
    for verb in ("apply", "rollback"):
        answer = await face.post(f"/repair-plans/{made['plan_id']}/{verb}", ME)
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, answer.json()["code"]) == (403, "auto_fix_disabled")
        assert "AUTO_FIX_ENABLED" in answer.json()["detail"]
    assert [entry.result for entry in face.audit] == ["done", "auto_fix_disabled", "auto_fix_disabled"]
    await face.client.aclose()


async def test_without_the_services_database_it_is_501_and_names_the_setting(desk: Desk) -> None:
    face = Face(desk, None)
    for answer in (
        await face.post("/integrity/project/p/repair-plans", {}),
        await face.client.get(f"{ROOT}/repair-plans/x"),
        await face.client.get(f"{ROOT}/automatic-repair"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (501, "not_available")
        assert "DATABASE_URL" in answer.json()["detail"]
    await face.client.aclose()


async def test_each_refusal_has_its_status(face: Face, desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    made = await face.plan()
    path = f"/repair-plans/{made['plan_id']}"

    async def refused(path: str, body: dict[str, Any]) -> tuple[int, str]:
        answer = await face.post(path, body)
        return answer.status_code, answer.json()["code"]

    assert await refused("/integrity/project/nobody/repair-plans", {}) == (404, "unknown_project")
    assert await refused("/integrity/project/p/repair-plans", {"strategy": "guess"}) == (422, "invalid_strategy")
    assert await refused("/repair-plans/rp_0/apply", ME) == (404, "unknown_plan")
    assert await refused(f"{path}/apply", {**ME, "confirm": "q"}) == (422, "invalid_confirm")
    assert await refused(f"{path}/apply", {"by": "mina"}) == (422, "invalid_confirm")
    assert await refused(f"{path}/apply", {**ME, "by": " "}) == (422, "invalid_by")
    assert await refused(f"{path}/rollback", ME) == (409, "plan_not_open")
    assert await refused(f"{path}/apply", {**ME, "with_newer": 1}) == (422, "invalid_with_newer")
    await desk.run("DELETE FROM episodes WHERE id = 'p_1'")
    assert await refused(f"{path}/apply", ME) == (409, "data_moved")
    desk.stream.is_recovering = True
    second = await face.plan()
    assert await refused(f"/repair-plans/{second['plan_id']}/apply", ME) == (503, "recovering")
    assert await desk.numbers("p") == {"p_2": 3}
    await desk.run("DROP TABLE episodes")
    assert await refused("/integrity/project/p/repair-plans", {}) == (503, "service_database_refused")


async def test_the_plans_made_last_are_listed_without_their_changes(desk: Desk, own: PlanStore) -> None:
    desk = Desk(desk.url, store=own)
    face = Face(desk, desk.repairs)
    await desk.hold("p", 1, 3)
    await desk.hold("q", 2, 3)
    first = await face.plan("p", by="mina")
    desk.now_ms += 1
    second = await face.plan("q", by="jun")
    await face.post(f"/repair-plans/{first['plan_id']}/apply", ME)

    async def listed(query: str = "") -> list[dict[str, Any]]:
        answer = await face.client.get(f"{ROOT}/repair-plans{query}")
        assert answer.status_code == 200, answer.text
        plans: list[dict[str, Any]] = answer.json()["plans"]
        return plans

    assert [plan["plan_id"] for plan in await listed()] == [second["plan_id"], first["plan_id"]]
    assert await listed("?project_id=p") == [
        {
            "plan_id": first["plan_id"], "project_id": "p", "strategy": "compact", "state": "applied",
            "verification": "passed", "changes_needed": 1, "changes_applied": 1,
            "created_by": "mina", "created_at": "2025-10-09T08:53:20.000Z", "expires_at": "2025-10-09T09:53:20.000Z",
            "acted_by": "mina", "acted_at": "2025-10-09T08:53:20.001Z",
        }
    ]  # fmt: skip
    assert [(plan["changes_needed"], plan["changes_applied"]) for plan in await listed("?limit=1")] == [(2, None)]
    file = await face.client.get(f"{ROOT}/repair-plans/export?format=json")
    assert file.json() == await listed()
    table = (await face.client.get(f"{ROOT}/repair-plans/export?project_id=p")).text.splitlines()
    assert table[0].startswith("\ufeffplan_id,project_id,strategy,state,verification,changes_needed,changes_applied,")
    assert [line.split(",")[:2] for line in table[1:]] == [[first["plan_id"], "p"]]
    assert await listed("?project_id=nobody") == []
    desk.now_ms += 3_600_000
    assert [plan["state"] for plan in await listed()] == ["expired", "applied"]
    assert (await face.client.get(f"{ROOT}/repair-plans?limit=101")).status_code == 422
    await face.client.aclose()


async def test_databases_that_are_away_are_503_and_say_which(database_url: str) -> None:
    own = Database(database_url)
    desk = Desk(database_url, store=PostgresPlans(own))  # never connected
    await desk.make_tables()
    await desk.hold("p", 1, 3)
    face = Face(desk, desk.repairs)
    answer = await face.post("/integrity/project/p/repair-plans", {"by": "mina"})
    assert (answer.status_code, answer.json()["code"]) == (503, "monitor_database_away")
    assert answer.headers["retry-after"] == "5"
    nowhere = Desk("postgresql://nobody@127.0.0.1:1/nothing")
    there = Face(nowhere, nowhere.repairs)
    answer = await there.post("/integrity/project/p/repair-plans", {"by": "mina"})
    assert (answer.status_code, answer.json()["code"]) == (503, "service_database_away")
    await face.client.aclose()
    await there.client.aclose()


async def test_the_switch_of_automatic_repair(face: Face) -> None:
    standing = (await face.client.get(f"{ROOT}/automatic-repair")).json()
    assert set(standing) == set(AutomaticRepair.__struct_fields__)
    assert (standing["active"], standing["projects"]) == (True, ["p*"])
    paused = (await face.post("/automatic-repair", {"by": "mina", "paused": True})).json()
    assert (paused["active"], paused["paused_by"]) == (False, "mina")
    assert paused["reason"] == "mina has paused it: only manual repairs are possible."
    assert (await face.post("/automatic-repair", {"by": "mina", "paused": False})).json()["active"] is True
    assert [entry.what for entry in face.audit] == ["repair.pause", "repair.go_on"]
