"""One act, one row of the audit: the request's where a request asked for it, the step's where nobody's did."""

from typing import Any

import httpx

from episode_monitor.repair.audit import note_step
from episode_monitor.repair.automatic import AutomaticRepairs, AutomaticSettings
from episode_monitor.repair.planning import Strategy
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.settings import WebSettings
from tests.repair.desk import Desk
from tests.web.fake_views import FakeViews, fake_app

ROOT = "/monitoring/episodes"
ME = {"by": "mina", "confirm": "p"}


class Audit:
    """The table, as a worker fills it."""

    def __init__(self) -> None:
        self.rows: list[AuditEntry] = []

    def note(self, entry: AuditEntry) -> None:
        self.rows.append(entry)

    def told(self) -> list[tuple[str, str, str]]:
        found = [(row.who, row.what, row.result) for row in self.rows]
        self.rows.clear()
        return found


def serving(desk: Desk, audit: Any) -> httpx.AsyncClient:
    desk._note = lambda plan, step: note_step(audit, plan, step)  # type: ignore[method-assign]
    repairs = desk.another()
    views = FakeViews()
    automatic = AutomaticRepairs(repairs, AutomaticSettings(), views.ask, lambda _: True, lambda: desk.now_ms)
    app = fake_app(
        views, WebSettings(), audit=audit.note, now_ms=lambda: desk.now_ms,
        repairs=automatic,
    )  # fmt: skip
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8002")


async def test_what_a_request_does_is_one_row_and_what_follows_by_itself_others(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    audit = Audit()
    async with serving(desk, audit) as client:
        made = (await client.post(f"{ROOT}/integrity/project/p/repair-plans", json={"by": "mina"})).json()
        assert audit.rows[0].request["plan_id"] == made["plan_id"]
        assert audit.told() == [("mina", "repair.plan", "done")]
        path = f"{ROOT}/repair-plans/{made['plan_id']}"
        await client.post(f"{path}/apply", json=ME)
        followed = [("monitor", "repair.announced", "done")]
        passed = [("monitor", "repair.verification_passed", "The stream shows the new numbers.")]
        assert audit.told() == [*followed, *passed, ("mina", "repair.apply", "applied")]
        await client.post(f"{path}/rollback", json=ME)
        assert audit.told() == [*followed, *passed, ("mina", "repair.rollback", "rolled_back")]
        await client.post(f"{path}/apply", json=ME)
        assert audit.told() == [("mina", "repair.apply", "plan_not_open")]


async def test_what_an_earlier_request_left_undone_has_a_row_of_its_own(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    audit = Audit()
    async with serving(desk, audit) as client:
        plan_id = (await client.post(f"{ROOT}/integrity/project/p/repair-plans", json={"by": "mina"})).json()["plan_id"]

        def die(place: str) -> None:
            if place == "before_note_of_commit":
                raise KeyboardInterrupt

        try:
            await desk.another(failpoint=die).apply(plan_id, "mina", "p")
        except KeyboardInterrupt:
            audit.rows.clear()
        desk.now_ms += 1000 * desk.settings.lease_seconds + 1
        await client.post(f"{ROOT}/repair-plans/{plan_id}/apply", json=ME)
        whos = [(who, what) for who, what, _ in audit.told()]
        assert whos[0] == ("mina", "repair.applied")
        assert whos[-1] == ("mina", "repair.apply")


async def test_programs_within_the_monitor_leave_a_row_for_each_step(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    audit = Audit()
    async with serving(desk, audit):
        repairs = desk.another()
        kept = await repairs.plan("p", Strategy.COMPACT, "fixer")
        await repairs.apply(kept.plan.plan_id, "fixer", "p")
    assert [what for _, what, _ in audit.told()][:2] == ["repair.planned", "repair.applied"]
