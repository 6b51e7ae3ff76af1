"""Replays and backtests over HTTP: what a body must be, and what its order comes to."""

from typing import Any

import httpx
import pytest

from episode_monitor.replay.ranges import Moment, Range
from episode_monitor.replay_jobs.jobs import TooManyJobs
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.settings import WebSettings
from tests.web.conftest import Connect
from tests.web.fake_views import STARTS_AT_MS, FakeViews
from tests.web.test_security import TOKENS

ROOT = "/monitoring/episodes"
RULES = "rules:\n  - {rule_id: lost, alert_type: INTEGRITY_VIOLATION, severity: warning, threshold: 1}\n"


@pytest.mark.parametrize(
    ("body", "chosen", "until_ms"),
    [
        ({}, Range(), None),
        ({"from": 5, "to": "0:10,1:7", "partition": 1}, Range(1, 5, {0: 10, 1: 7}), None),
        ({"from": "-2h", "to": "2025-10-09T09:00:00Z"},
         Range(None, Moment(STARTS_AT_MS - 7_200_000), Moment(1_760_000_400_000)), None),
        ({"until": "2025-10-09T18:00:00+09:00"}, Range(), 1_760_000_400_000),
    ],
)  # fmt: skip
async def test_a_replay_is_ordered_over_the_range_that_was_given(
    client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry], body: dict[str, Any], chosen: Range,
    until_ms: int | None,
) -> None:  # fmt: skip
    answer = await client.post(f"{ROOT}/replays", json={"by": "mina", **body})
    assert (answer.status_code, answer.headers["location"]) == (202, f"{ROOT}/replays/job-1")
    (asked,) = views.replay_jobs.asked
    assert (asked.order.range, asked.order.until_ms, asked.by) == (chosen, until_ms, "mina")
    (entry,) = audit
    assert (entry.what, entry.who, entry.result) == ("replay.start", "mina", "done")
    assert entry.request.items() >= {"job_id": "job-1", "role": "loopback", **body}.items()


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        ({"from": "noon"}, "invalid_from", "from noon is not an offset, offsets such as 0:100,1:250, a time such "
         "as -2h, or an RFC 3339 time with an offset, such as 2026-01-31T09:00:00Z."),
        ({"to": "0:1,0:2"}, "invalid_to", "to 0:1,0:2 names partition 0 twice; name it once."),
        ({"from": 5, "to": 2}, "invalid_to",
         "The range of each partition ends at offset 2, before it begins at offset 5."),
        ({"from": "-2h", "to": "-3h"}, "invalid_to", "The range ends before it begins"),
        ({"until": "2025-10-09T09:00:00"}, "invalid_until", "until 2025-10-09T09:00:00 is not an RFC 3339 time"),
        ({"from": -1}, "invalid_from", "from: "),
        ({"from": True}, "invalid_from", "from: "),
        ({"partition": -1}, "invalid_partition", "partition: "),
        ({"form": "-2h"}, "invalid_body", "body: Object contains unknown field `form`"),
    ],
)  # fmt: skip
async def test_a_range_that_cannot_be_read_is_refused_with_the_commands_sentence(
    client: httpx.AsyncClient, views: FakeViews, body: dict[str, Any], code: str, detail: str
) -> None:
    for path, more in (("replays", {}), ("rules/backtest", {"rules_yaml": RULES})):
        answer = await client.post(f"{ROOT}/{path}", json={**body, **more})
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["detail"].startswith(detail)
        assert len(answer.json()["errors"]) == 1
    assert views.replay_jobs.asked == []


async def test_every_fault_of_a_rules_text_is_named_with_its_line(client: httpx.AsyncClient, views: FakeViews) -> None:
    text = RULES + "  - {rule_id: slow, alert_type: SLOW, severity: loud, threshold: 1}\n"
    answer = await client.post(f"{ROOT}/rules/backtest", json={"rules_yaml": text})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_rules_yaml")
    faults = answer.json()["errors"]
    assert [(fault["parameter"], fault["line"]) for fault in faults] == [("rules_yaml", 3)] * len(faults)
    assert "unknown `severity`" in " ".join(fault["detail"] for fault in faults)
    assert len(answer.json()["detail"].splitlines()) == len(faults) >= 2
    assert answer.json()["detail"].startswith("rules_yaml, line 3: Rule slow ")
    old = await client.post(f"{ROOT}/rules/backtest", json={"rules_yaml": RULES, "old_rules_yaml": "- ["})
    assert (old.status_code, old.json()["code"]) == (422, "invalid_old_rules_yaml")
    late = await client.post(f"{ROOT}/rules/backtest", json={"rules_yaml": RULES, "night": "late"})
    assert late.json()["detail"] == "night late is no pair of hours from 0 to 23, such as 22-07."
    assert (await client.post(f"{ROOT}/rules/backtest", json={})).json()["code"] == "invalid_rules_yaml"
    assert views.replay_jobs.asked == []


async def test_a_text_of_rules_that_is_too_long_is_refused(client: httpx.AsyncClient) -> None:
    long = await client.post(f"{ROOT}/rules/backtest", json={"rules_yaml": RULES + "#" * 60_000})
    assert (long.status_code, long.json()["code"]) == (422, "invalid_rules_yaml")
    longer = await client.post(f"{ROOT}/rules/backtest", json={"rules_yaml": RULES + "#" * 70_000})
    assert (longer.status_code, longer.json()["code"]) == (413, "body_too_large")


async def test_a_backtest_is_ordered_with_both_sets_of_rules(client: httpx.AsyncClient, views: FakeViews) -> None:
    body = {"rules_yaml": RULES, "old_rules_yaml": RULES.replace("lost", "gone"), "night": "23-06"}
    assert (await client.post(f"{ROOT}/rules/backtest", json=body)).status_code == 202
    assert (await client.post(f"{ROOT}/rules/backtest", json={"rules_yaml": RULES})).status_code == 202
    both, one = (asked.order.backtest for asked in views.replay_jobs.asked)
    assert both is not None
    assert one is not None
    assert [list(rules.rule_set().by_id) for rules in (both.old, both.new)] == [["gone"], ["lost"]]
    assert (str(both.night), str(one.night)) == ("23-06 UTC", "22-07 UTC")
    assert (one.old.source, one.new.source) == ("in force", "rules_yaml")
    assert "rules_yaml" not in views.replay_jobs.asked[0].request


async def test_where_too_many_wait_the_answer_is_429_with_retry_after(
    client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry]
) -> None:
    views.replay_jobs.refusing = TooManyJobs("One runs and 4 wait: try again later.")
    answer = await client.post(f"{ROOT}/replays")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (429, "too_many_jobs", "30")
    assert [entry.result for entry in audit] == ["too_many_jobs"]


async def test_a_job_is_found_and_cancelled_by_its_id(client: httpx.AsyncClient, audit: list[AuditEntry]) -> None:
    assert (await client.get(f"{ROOT}/replays/job-1")).json()["state"] == "running"
    for cancel in (
        client.delete(f"{ROOT}/replays/job-1"),
        client.delete(f"{ROOT}/replays/job-1?by=kim"),
        client.request("DELETE", f"{ROOT}/replays/job-1", json={"by": "lee"}),
        client.post(f"{ROOT}/replays/job-1/cancel", json={"by": "jun"}),
    ):
        answer = await cancel
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert [(entry.what, entry.who, entry.target) for entry in audit] == [
        ("replay.cancel", "loopback", "job-1"), ("replay.cancel", "kim", "job-1"), ("replay.cancel", "lee", "job-1"),
        ("replay.cancel", "jun", "job-1"),
    ]  # fmt: skip
    for unknown in (client.get(f"{ROOT}/replays/none"), client.delete(f"{ROOT}/replays/none")):
        answer = await unknown
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")


async def test_only_an_operator_may_start_and_cancel(connect: Connect) -> None:
    client = connect(WebSettings(api_tokens=TOKENS))
    for method, path in (("POST", "replays"), ("POST", "rules/backtest"), ("DELETE", "replays/job-1")):
        assert (await client.request(method, f"{ROOT}/{path}")).status_code == 401
    started = await client.post(f"{ROOT}/replays", headers={"authorization": "Bearer s3cret"})
    assert (started.status_code, started.json()["job_id"]) == (202, "job-1")
