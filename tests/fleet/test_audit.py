"""Who changed what, asked of two workers that have no database: each has its own rows, both answer with all."""

from typing import Any

import httpx

from episode_monitor.storage.audit import AuditEntry
from tests.fleet.fleet import Fleet, Worker, code, json
from tests.streams_views.making import START_MS

AUDIT = "/monitoring/episodes/audit"


def note(worker: Worker, second: int, who: str, what: str = "alert.resolve", **request: Any) -> None:
    at_ms = START_MS + second * 1000
    worker.audit.note(AuditEntry(who=who, what=what, target="r:p", result="done", at_ms=at_ms, request=request))


async def two_workers(fleet: Fleet) -> tuple[Worker, Worker]:
    left, right = await fleet.worker("left"), await fleet.worker("right")
    left.own_partition(0)
    right.own_partition(1)
    note(left, 1, "kim", role="operator", comment="seen")
    note(right, 2, "lee", role="loopback")
    note(left, 3, "automatic", "repair.applied")
    await fleet.publish()
    return left, right


def names(answer: httpx.Response) -> list[str]:
    return [entry["who"] for entry in json(answer)["entries"]]


async def test_either_worker_answers_with_the_rows_of_both_newest_first() -> None:
    async with Fleet(2) as fleet:
        for worker in await two_workers(fleet):
            page = json(await worker.get(AUDIT))
            assert [(e["who"], e["role"], e["what"]) for e in page["entries"]] == [
                ("automatic", "monitor", "repair.applied"),
                ("lee", "loopback", "alert.resolve"),
                ("kim", "operator", "alert.resolve"),
            ]
            assert (page["total"], page["next_cursor"], page["kept_in"]) == (3, None, "memory")
            assert page["entries"][2] == {
                "at": "2025-10-09T08:53:21.000Z", "who": "kim", "role": "operator", "what": "alert.resolve",
                "target": "r:p", "result": "done", "request": {"comment": "seen"},
            }  # fmt: skip


async def test_pages_of_both_have_every_row_once() -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet)
        first = json(await left.get(AUDIT, limit=2))
        assert [entry["who"] for entry in first["entries"]] == ["automatic", "lee"]
        assert first["total"] == 3
        assert names(await right.get(AUDIT, limit=2, cursor=first["next_cursor"])) == ["kim"]


async def test_conditions_hold_together() -> None:
    async with Fleet(2) as fleet:
        left, _ = await two_workers(fleet)
        assert names(await left.get(AUDIT, who="lee")) == ["lee"]
        assert names(await left.get(AUDIT, what="alert.resolve")) == ["lee", "kim"]
        assert names(await left.get(AUDIT, what="alert.resolve", who="automatic")) == []
        assert names(await left.get(AUDIT, target="r:other")) == []
        span = {"from": "2025-10-09T08:53:22Z", "to": "2025-10-09T17:53:23+09:00"}
        assert names(await left.get(AUDIT, **span)) == ["lee"]


async def test_what_cannot_be_asked_is_refused() -> None:
    async with Fleet(2) as fleet:
        left, _ = await two_workers(fleet)
        assert code(await left.get(AUDIT, cursor="nonsense"), 422) == "invalid_cursor"
        assert code(await left.get(AUDIT, limit=1001), 422) == "invalid_limit"
        span = {"from": "2025-10-09T08:53:22Z", "to": "2025-10-09T08:53:21Z"}
        assert code(await left.get(AUDIT, **span), 422) == "invalid_to"


async def test_while_a_partition_has_no_owner_the_list_is_not_called_complete() -> None:
    async with Fleet(2) as fleet:
        left = await fleet.worker("left")
        left.own_partition(0)
        await fleet.publish()
        assert (await left.get(AUDIT)).status_code == 503
