"""One contract for both storages: PostgreSQL and memory."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from alert_sinks.ledger import LedgerEntry, NotesDeliveries
from episode_monitor.storage.alert_deliveries import AlertDelivery
from episode_monitor.storage.audit import AuditEntry, AuditQuery
from episode_monitor.storage.checks import CheckKind, CheckQuery, UnknownCheck
from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import Stored
from episode_monitor.storage.history import HistoryQuery
from episode_monitor.storage.paging import BadQuery, Page
from episode_monitor.storage.storage import Storage, open_storage
from models.alert import AlertStatus, Severity
from models.check_views import JobState
from tests.storage.conftest import SOON, all_written
from tests.storage.making import NOON_MS, alert, entry

SECOND_MS = 1000


@pytest.fixture(params=["postgres", "memory"])
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    """Each of the two, empty and ready."""
    url = request.getfixturevalue("database_url") if request.param == "postgres" else None
    storage = open_storage(url, replace(SOON, application_name="contract"))
    await storage.database.connect()
    assert storage.database.status() == "ok"
    yield storage
    await storage.database.close()


async def noted(storage: Storage, row: AuditEntry) -> None:
    storage.audit.note(row)
    if isinstance(storage.database, Database):
        await all_written(storage.database)


async def offsets(storage: Storage, **query: Any) -> list[int | None]:
    page = await storage.history.list(HistoryQuery(**query))
    return [row.kafka_offset for row in page.items]


async def test_a_transition_comes_back_with_all_that_was_known(storage: Storage) -> None:
    sent = alert(3, labels={"team": "번호"}, trace_ids=["4bf92f35"], acknowledged_by="kim")
    assert await storage.history.append(sent, 2, 41, by="kim", comment="looking") is Stored.WRITTEN
    [row] = (await storage.history.list(HistoryQuery())).items
    assert row.transition_id == "firing-3:firing:0"
    assert (row.alert_key, row.project_id, row.rule_id) == ("episode_failure_rate:p1", "p1", "episode_failure_rate")
    assert (row.severity, row.status, row.reason) == ("warning", "firing", "threshold_crossed")
    assert (row.at_ms, row.kafka_partition, row.kafka_offset) == (NOON_MS + 3000, 2, 41)
    assert (row.acted_by, row.comment) == ("kim", "looking")
    assert row.alert == sent.to_dict()


async def test_an_act_is_in_the_history_once_with_its_person_and_moves_no_partition_on(storage: Storage) -> None:
    await storage.history.append(alert(1), 2, 41)
    acted = alert(2, reason="acknowledged_by_person")
    for _ in range(2):
        assert await storage.history.append_act(acted, by="kim", comment="looking") is Stored.WRITTEN
    await storage.history.append_act(alert(3, reason="escalated_unacknowledged"), by=None, comment=None)
    found = (await storage.history.list(HistoryQuery())).items
    assert [(row.reason, row.acted_by, row.comment, row.kafka_partition, row.kafka_offset) for row in found] == [
        ("escalated_unacknowledged", None, None, None, None),
        ("acknowledged_by_person", "kim", "looking", None, None),
        ("threshold_crossed", None, None, 2, 41),
    ]
    assert await storage.history.last_offsets() == {2: 41}


async def test_the_same_transition_read_twice_is_in_the_history_once(storage: Storage) -> None:
    for offset in (7, 7, 8):
        assert await storage.history.append(alert(1), 0, offset) is Stored.WRITTEN
    assert await offsets(storage) == [7]
    assert await storage.history.last_offsets() == {0: 8}


async def test_an_acknowledgement_is_a_row_of_its_own_though_the_alert_still_fires(storage: Storage) -> None:
    await storage.history.append(alert(1), 0, 1)
    acknowledged = alert(1, reason="acknowledged", acknowledged_by="kim", updated_at_ms=NOON_MS + 5000)
    await storage.history.append(acknowledged, 0, 2, by="kim")
    rows = (await storage.history.list(HistoryQuery())).items
    assert [(row.reason, row.acted_by) for row in rows] == [("acknowledged", "kim"), ("threshold_crossed", None)]


async def test_history_comes_newest_first_and_in_the_order_of_arrival_within_a_millisecond(storage: Storage) -> None:
    for offset, second in enumerate([5, 3, 5, 4]):
        await storage.history.append(alert(offset, updated_at_ms=NOON_MS + second * SECOND_MS), 0, offset)
    assert await offsets(storage) == [2, 0, 3, 1]


async def test_every_filter_of_the_history_holds_and_they_hold_together(storage: Storage) -> None:
    await storage.history.append(alert(0), 0, 0)
    await storage.history.append(alert(1, project_id="p2", alert_key="episode_failure_rate:p2"), 0, 1)
    await storage.history.append(alert(2, rule_id="slow", alert_key="slow:p1"), 0, 2)
    await storage.history.append(alert(3, severity=Severity.CRITICAL), 0, 3)
    await storage.history.append(alert(4, status=AlertStatus.RESOLVED, ends_at_ms=NOON_MS), 0, 4)
    assert await offsets(storage, project_id="p2") == [1]
    assert await offsets(storage, alert_key="slow:p1") == [2]
    assert await offsets(storage, rule_id="slow") == [2]
    assert await offsets(storage, severity="critical") == [3]
    assert await offsets(storage, status="resolved") == [4]
    assert await offsets(storage, since_ms=NOON_MS + 3000) == [4, 3]
    assert await offsets(storage, until_ms=NOON_MS + 3000) == [2, 1, 0]
    assert await offsets(storage, since_ms=NOON_MS + 1000, until_ms=NOON_MS + 3000, project_id="p1") == [2]
    assert await offsets(storage, project_id="nobody") == []
    assert await offsets(storage, since_ms=10**30) == []
    assert await offsets(storage, since_ms=-(10**30), until_ms=10**30, rule_id="slow") == [2]


async def test_pages_of_the_history_neither_repeat_nor_leave_out_while_new_rows_come(storage: Storage) -> None:
    for offset in range(7):
        await storage.history.append(alert(offset, updated_at_ms=NOON_MS + offset // 3), 0, offset)
    pages: list[list[int | None]] = []
    cursor = None
    for _ in range(10):
        page = await storage.history.list(HistoryQuery(limit=3, cursor=cursor))
        pages.append([row.kafka_offset for row in page.items])
        await storage.history.append(alert(100 + len(pages)), 0, 100 + len(pages))
        cursor = page.next_cursor
        if cursor is None:
            break
    assert pages == [[6, 5, 4], [3, 2, 1], [0]]


async def test_a_page_that_ends_with_the_last_row_has_no_next(storage: Storage) -> None:
    for offset in range(2):
        await storage.history.append(alert(offset), 0, offset)
    assert (await storage.history.list(HistoryQuery(limit=2))).next_cursor is None
    assert (await storage.history.list(HistoryQuery(limit=1))).next_cursor is not None


@pytest.mark.parametrize("cursor", ["", "x", "é", "W10", "WzEsImEiXQ", "\0", "a" * 10_000, "WzEsMiwzXQ", "bnVsbA"])
async def test_a_cursor_from_elsewhere_is_refused(storage: Storage, cursor: str) -> None:
    with pytest.raises(BadQuery, match="does not belong to this list"):
        await storage.history.list(HistoryQuery(cursor=cursor))


@pytest.mark.parametrize("cursor", [[10**30, 1], [1, 10**30], [-(10**17), 1], [253402300800000, 1]])
async def test_a_cursor_beyond_any_row_is_refused(storage: Storage, cursor: list[int]) -> None:
    packed = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
    with pytest.raises(BadQuery, match="does not belong to this list"):
        await storage.history.list(HistoryQuery(cursor=packed))


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_size_outside_its_bounds_is_refused(storage: Storage, limit: int) -> None:
    with pytest.raises(BadQuery, match=r"1 … 1000"):
        await storage.history.list(HistoryQuery(limit=limit))
    with pytest.raises(BadQuery, match=r"1 … 1000"):
        await storage.checks.list(CheckQuery(limit=limit))
    with pytest.raises(BadQuery, match=r"1 … 1000"):
        await storage.audit.list(AuditQuery(limit=limit))


async def test_each_partition_has_its_own_progress(storage: Storage) -> None:
    assert await storage.history.last_offsets() == {}
    for number, (partition, offset) in enumerate([(0, 5), (3, 9), (0, 6)]):
        await storage.history.append(alert(number), partition, offset)
    assert await storage.history.last_offsets() == {0: 6, 3: 9}


async def test_a_topic_made_anew_begins_its_progress_anew(storage: Storage) -> None:
    await storage.history.append(alert(1), 0, 5000)
    await storage.history.append(alert(2), 0, 0)
    assert await storage.history.last_offsets() == {0: 0}
    assert await offsets(storage) == [0, 5000]


async def test_the_ledger_knows_a_delivery_by_transition_and_sink(storage: Storage) -> None:
    await storage.ledger.record("t1", "slack", "delivered", 1, NOON_MS)
    assert await storage.ledger.already_delivered("t1", "slack")
    assert not await storage.ledger.already_delivered("t1", "webhook")
    assert not await storage.ledger.already_delivered("t2", "slack")


async def test_what_messages_about_an_alert_came_to_is_known_by_alert_newest_first(storage: Storage) -> None:
    assert isinstance(storage.ledger, NotesDeliveries)
    both, first = ("r:p1", "r:p2"), LedgerEntry("n_1", "slack", "given_up", 7, NOON_MS, "team", "503", ("r:p1",))
    storage.ledger.note(first)
    storage.ledger.note(LedgerEntry("n_2", "slack", "delivered", 1, NOON_MS + 1, "on-call", "", both))
    storage.ledger.note(LedgerEntry("n_1", "slack", "delivered", 8, NOON_MS + 2, "team", "503", ("r:p1",)))
    if isinstance(storage.database, Database):
        await all_written(storage.database)
    assert await storage.deliveries.of_alert("r:p1", 10) == [
        AlertDelivery("r:p1", "n_1", "slack", "team", "delivered", 8, "503", NOON_MS + 2),
        AlertDelivery("r:p1", "n_2", "slack", "on-call", "delivered", 1, None, NOON_MS + 1),
    ]
    assert [one.message_id for one in await storage.deliveries.of_alert("r:p1", 1)] == ["n_1"]
    assert [one.message_id for one in await storage.deliveries.of_alert("r:p2", 10)] == ["n_2"]
    assert await storage.deliveries.of_alert("r:p3", 10) == []


async def test_another_outcome_is_no_delivery_and_gives_way_to_one(storage: Storage) -> None:
    await storage.ledger.record("t1", "slack", "given_up", 9, NOON_MS)
    assert not await storage.ledger.already_delivered("t1", "slack")
    await storage.ledger.record("t1", "slack", "delivered", 10, NOON_MS)
    assert await storage.ledger.already_delivered("t1", "slack")


async def test_nothing_takes_back_a_delivery(storage: Storage) -> None:
    await storage.ledger.record("t1", "slack", "delivered", 1, NOON_MS)
    await storage.ledger.record("t1", "slack", "rejected", 2, NOON_MS + 1)
    assert await storage.ledger.already_delivered("t1", "slack")


async def test_a_check_runs_moves_on_and_ends(storage: Storage) -> None:
    check = await storage.checks.create(CheckKind.DEEP, "kim", NOON_MS)
    assert (check.state, check.progress_done, check.progress_total) == (JobState.RUNNING, 0, None)
    moved = await storage.checks.progress(check.id, 3, 45, NOON_MS + 500)
    assert (moved.progress_done, moved.progress_total, moved.updated_at_ms) == (3, 45, NOON_MS + 500)
    result = {"status": "completed", "projects_checked": 45, "project_issues": [{"project_id": "p", "gaps": [3]}]}
    done = await storage.checks.finish(check.id, JobState.COMPLETED, result, NOON_MS + 900)
    assert (done.state, done.finished_at_ms, done.result) == (JobState.COMPLETED, NOON_MS + 900, result)
    assert await storage.checks.get(check.id) == done
    assert (await storage.checks.list(CheckQuery())).items == [done]


async def test_a_finished_check_stays_as_it_is(storage: Storage) -> None:
    check = await storage.checks.create(CheckKind.BASIC, "schedule", NOON_MS)
    done = await storage.checks.finish(check.id, JobState.FAILED, {"error": "no"}, NOON_MS + 1)
    assert await storage.checks.progress(check.id, 1, 2, NOON_MS + 2) == done
    assert await storage.checks.finish(check.id, JobState.COMPLETED, {}, NOON_MS + 3) == done


async def test_a_check_cannot_end_as_running(storage: Storage) -> None:
    check = await storage.checks.create(CheckKind.BASIC, "schedule", NOON_MS)
    with pytest.raises(ValueError, match="completed, failed or cancelled"):
        await storage.checks.finish(check.id, JobState.RUNNING, {}, NOON_MS)


@pytest.mark.parametrize("check_id", ["nobody", "", "a\0b", "'; drop table x; --", "x" * 5000])
async def test_an_unknown_check_is_said_to_be_unknown(storage: Storage, check_id: str) -> None:
    with pytest.raises(UnknownCheck):
        await storage.checks.get(check_id)
    with pytest.raises(UnknownCheck):
        await storage.checks.progress(check_id, 1, 2, NOON_MS)
    with pytest.raises(UnknownCheck):
        await storage.checks.finish(check_id, JobState.FAILED, {}, NOON_MS)


async def test_checks_are_listed_newest_first_by_kind_state_and_page(storage: Storage) -> None:
    first = await storage.checks.create(CheckKind.BASIC, "schedule", NOON_MS)
    second = await storage.checks.create(CheckKind.DEEP, "schedule", NOON_MS)
    third = await storage.checks.create(CheckKind.BASIC, "schedule", NOON_MS + 1)
    await storage.checks.finish(first.id, JobState.COMPLETED, {}, NOON_MS + 2)

    async def ids(**query: Any) -> list[str]:
        return [check.id for check in (await storage.checks.list(CheckQuery(**query))).items]

    assert await ids() == [third.id, second.id, first.id]
    assert await ids(kind=CheckKind.BASIC) == [third.id, first.id]
    assert await ids(state=JobState.RUNNING) == [third.id, second.id]
    page = await storage.checks.list(CheckQuery(limit=2))
    assert await ids(limit=2, cursor=page.next_cursor) == [first.id]


async def test_a_check_whose_worker_is_gone_is_ended_and_a_living_one_is_not(storage: Storage) -> None:
    silent = await storage.checks.create(CheckKind.DEEP, "schedule", NOON_MS)
    living = await storage.checks.create(CheckKind.DEEP, "schedule", NOON_MS)
    await storage.checks.progress(living.id, 1, 2, NOON_MS + 60_000)
    await storage.checks.create(CheckKind.BASIC, "makes sure that the progress is written", NOON_MS + 60_000)
    assert await storage.checks.abandon(NOON_MS + 30_000, NOON_MS + 90_000) == 1
    ended = await storage.checks.get(silent.id)
    assert (ended.state, ended.finished_at_ms) == (JobState.FAILED, NOON_MS + 90_000)
    assert ended.result == {"status": "failed", "error": "The worker that ran the check stopped responding."}
    assert (await storage.checks.get(living.id)).state is JobState.RUNNING


async def test_audit_rows_come_back_whole_and_newest_first(storage: Storage) -> None:
    for number in (1, 2, 3):
        await noted(storage, entry(number))
    rows = (await storage.audit.list(AuditQuery())).items
    assert [row.request for row in rows] == [{"comment": f"number {number}"} for number in (3, 2, 1)]
    newest = rows[0]
    assert (newest.who, newest.what, newest.target) == ("kim", "alert.resolve", "episode_failure_rate:p1")
    assert (newest.result, newest.at_ms) == ("done", NOON_MS + 3000)
    assert len({row.id for row in rows}) == 3


async def test_the_audit_is_filtered_and_paged(storage: Storage) -> None:
    await noted(storage, entry(1, who="lee"))
    await noted(storage, entry(2, what="repair.apply", target="p9"))
    await noted(storage, entry(3))

    async def seconds(**query: Any) -> list[int]:
        page: Page[Any] = await storage.audit.list(AuditQuery(**query))
        return [(row.at_ms - NOON_MS) // SECOND_MS for row in page.items]

    assert await seconds(who="lee") == [1]
    assert await seconds(what="repair.apply") == [2]
    assert await seconds(target="p9") == [2]
    assert await seconds(since_ms=NOON_MS + 2000, until_ms=NOON_MS + 3000) == [2]
    assert await storage.audit.count(AuditQuery(limit=1)) == 3
    assert await storage.audit.count(AuditQuery(what="repair.apply", since_ms=NOON_MS)) == 1
    first = await storage.audit.list(AuditQuery(limit=2))
    assert await seconds(limit=2, cursor=first.next_cursor) == [1]


async def test_text_that_postgresql_refuses_is_kept_with_a_picture_in_its_place(storage: Storage) -> None:
    await storage.history.append(
        alert(1, description="a\0b", title="half \ud800 pair", reason="\0", labels={"k\0": "v\0", "plain": "\\u0000"}),
        0,
        1,
        by="\0",
        comment="\udfff",
    )
    [row] = (await storage.history.list(HistoryQuery())).items
    assert (row.reason, row.acted_by, row.comment) == ("␀", "␀", "\N{REPLACEMENT CHARACTER}")
    assert row.alert["description"] == "a␀b"
    assert row.alert["title"] == "half \N{REPLACEMENT CHARACTER} pair"
    assert row.alert["labels"] == {"k␀": "v␀", "plain": "\\u0000"}
    await storage.history.append(alert(2, description="a\0b"), 0, 2)
    newest = (await storage.history.list(HistoryQuery(limit=1))).items[0]
    assert newest.alert["description"] == "a␀b"
    await noted(storage, entry(1, who="\0", request={"\0": ["\0", {"deep": "\ud800"}], "n": float("nan")}))
    [kept] = (await storage.audit.list(AuditQuery(who="\0"))).items
    assert kept.request == {"␀": ["␀", {"deep": "\N{REPLACEMENT CHARACTER}"}], "n": None}
    await storage.ledger.record("t\0", "slack", "delivered", 1, NOON_MS)
    assert await storage.ledger.already_delivered("t\0", "slack")


async def test_every_script_comes_back_unchanged(storage: Storage) -> None:
    text = "에피소드 번호 🎬 \u202eright to left\u202c é e\u0301 \x01\x1f\x7f \U0001d518 ''\"\\%s$1 --"
    await storage.history.append(alert(1, description=text, alert_key=text, project_id=text), 0, 1, comment=text)
    [row] = (await storage.history.list(HistoryQuery(alert_key=text, project_id=text))).items
    assert (row.alert["description"], row.alert_key, row.comment) == (text, text, text)


async def test_a_huge_payload_comes_back_whole(storage: Storage) -> None:
    words = {f"label {number}": "번호" * 500 for number in range(2000)}
    await storage.history.append(alert(1, labels=words), 0, 1)
    [row] = (await storage.history.list(HistoryQuery())).items
    assert row.alert["labels"] == words
    check = await storage.checks.create(CheckKind.DEEP, "kim", NOON_MS)
    issues = {"project_issues": [{"project_id": f"p{number}", "gaps": list(range(200))} for number in range(5000)]}
    await storage.checks.finish(check.id, JobState.COMPLETED, issues, NOON_MS)
    assert (await storage.checks.list(CheckQuery())).items[0].result == issues


async def test_what_is_kept_does_not_change_with_what_the_caller_does_afterwards(storage: Storage) -> None:
    request: dict[str, Any] = {"minutes": 5}
    await noted(storage, entry(1, request=request))
    request["minutes"] = 6
    assert (await storage.audit.list(AuditQuery())).items[0].request == {"minutes": 5}


async def test_numbers_beyond_64_bits_and_values_without_json_are_kept_as_well_as_can_be(storage: Storage) -> None:
    await noted(storage, entry(1, request={"big": 2**70, "what": {1}, "odd": object}))
    [kept] = (await storage.audit.list(AuditQuery())).items
    assert kept.request == {"big": 2**70, "what": [1], "odd": "<class 'object'>"}
