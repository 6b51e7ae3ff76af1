"""The local receiver answers as Slack and as a checking webhook, remembers everything, and misbehaves on order."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from examples.receiver.app import create_app
from examples.receiver.settings import ReceiverSettings
from tests.examples.support import serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SLACK = {
    "text": "Gaps in proj_1",
    "attachments": [
        {
            "color": "danger",
            "title": "Episode numbers are missing",
            "text": "Numbers 3 and 7 of &lt;proj_1&gt; &amp; others, not &amp;lt;",
            "fields": [
                {"title": "Project", "value": "proj_1", "short": True},
                {"title": "Severity", "value": "CRITICAL", "short": True},
            ],
        }
    ],
}
ALERT = {"severity": "warning", "status": "firing", "title": "Slow", "description": "5 % take long", "project_id": "p"}


@pytest.fixture
async def receiver() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running receiver that checks no signatures."""
    async with serving(create_app(ReceiverSettings())) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.fixture
async def checking_receiver(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one that checks signatures and writes a file."""
    settings = ReceiverSettings(webhook_secret=SECRET, journal_file=tmp_path / "journal.jsonl", journal_max=3)
    async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


async def received(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """What the receiver says it got."""
    found: list[dict[str, Any]] = (await client.get("/received", params=query)).json()["received"]
    return found


def signed(body: bytes, at: datetime | None = None, message_id: str = "msg_1") -> dict[str, str]:
    """The three headers of Standard Webhooks."""
    at = at or datetime.now(UTC)
    signature = Webhook(SECRET).sign(message_id, at, body.decode())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


async def test_slack_says_ok_and_the_journal_has_the_words_people_look_for(receiver: httpx.AsyncClient) -> None:
    answer = await receiver.post("/slack", json=SLACK)
    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.headers["content-type"].startswith("text/plain")
    [entry] = await received(receiver)
    told = {name: entry[name] for name in ("number", "sink", "status", "severity", "title", "project_id", "signature")}
    assert told == {
        "number": 1,
        "sink": "slack",
        "status": 200,
        "severity": "critical",
        "title": "Episode numbers are missing",
        "project_id": "proj_1",
        "signature": "unchecked",
    }
    assert entry["text"] == "Numbers 3 and 7 of <proj_1> & others, not &lt;"
    assert entry["body"] == SLACK


async def test_pagerduty_takes_an_event_and_the_journal_says_who_did_what_and_why(receiver: httpx.AsyncClient) -> None:
    details = {"Description": "1 gap. On call: kim.", "Project": "proj_1", "Reason": "not acknowledged in time"}
    event = {
        "routing_key": "hush", "event_action": "trigger", "dedup_key": "k",
        "payload": {"summary": "Gaps", "severity": "critical", "custom_details": details},
    }  # fmt: skip
    taken = {**details, "Reason": "acknowledged", "By": "kim", "Comment": "I look"}
    for body in (
        event,
        {**event, "event_action": "acknowledge", "payload": {"custom_details": taken}},
        {**event, "event_action": "resolve"},
    ):
        answer = await receiver.post("/pagerduty", json=body)
        assert (answer.status_code, answer.json()) == (202, {"status": "success"})
    entries = await received(receiver, sink="pagerduty")
    assert [[entry[name] for name in ("severity", "project_id", "reason", "by", "comment")] for entry in entries] == [
        ["critical", "proj_1", "not acknowledged in time", "", ""],
        ["acknowledged", "proj_1", "acknowledged", "kim", "I look"],
        ["resolved", "proj_1", "not acknowledged in time", "", ""],
    ]
    assert entries[0]["text"] == "1 gap. On call: kim."
    page = (await receiver.get("/")).text
    assert "Why: acknowledged, by kim, I look" in page
    assert "hush" not in page + json.dumps(entries)


@pytest.mark.parametrize("body", [b"not json", b"[]", b"{}", b'{"routing_key": "k"}'])
async def test_pagerduty_refuses_what_is_no_event(receiver: httpx.AsyncClient, body: bytes) -> None:
    assert (await receiver.post("/pagerduty", content=body)).status_code == 400
    assert (await receiver.get("/")).status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"not json", "invalid_payload"),
        (b"[]", "invalid_payload"),
        (b"\xff\xfe", "invalid_payload"),
        (b'{"text": NaN}', "invalid_payload"),
        (b'{"text": "\\ud800"}', "invalid_payload"),
        (b"[" * 100_000, "invalid_payload"),
        (b"{}", "no_text"),
        (b'{"text": ""}', "no_text"),
    ],
)
async def test_slack_refuses_what_slack_refuses_and_the_journal_still_has_it(
    receiver: httpx.AsyncClient, body: bytes, said: str
) -> None:
    answer = await receiver.post("/slack", content=body)
    assert (answer.status_code, answer.text) == (400, said)
    [entry] = await received(receiver)
    assert (entry["status"], entry["title"]) == (400, "")
    assert (await receiver.get("/")).status_code == 200


async def test_a_resolved_alert_is_told_apart_from_a_firing_one(receiver: httpx.AsyncClient) -> None:
    await receiver.post("/webhook", json={"alert": ALERT})
    await receiver.post("/webhook", json={"alert": {**ALERT, "status": "resolved"}})
    await receiver.post("/slack", json={"attachments": [{**SLACK["attachments"][0], "color": "good"}]})  # type: ignore[dict-item]
    assert [entry["severity"] for entry in await received(receiver)] == ["warning", "resolved", "resolved"]


async def test_a_right_signature_is_accepted(checking_receiver: httpx.AsyncClient) -> None:
    body = json.dumps({"alert": ALERT}).encode()
    answer = await checking_receiver.post("/webhook", content=body, headers=signed(body))
    assert answer.status_code == 200
    [entry] = await received(checking_receiver, sink="webhook")
    told = (entry["signature"], entry["message_id"], entry["severity"], entry["repeated"])
    assert told == ("valid", "msg_1", "warning", False)


async def test_a_wrong_old_or_missing_signature_is_refused_and_remembered(
    checking_receiver: httpx.AsyncClient,
) -> None:
    body = json.dumps({"alert": ALERT}).encode()
    for headers, sent in (
        (signed(body), body + b" "),
        (signed(body, datetime.now(UTC) - timedelta(hours=1)), body),
        ({**signed(body), "webhook-signature": "v1"}, body),
        ({}, body),
    ):
        answer = await checking_receiver.post("/webhook", content=sent, headers=headers)
        assert answer.status_code == 401
    last = await received(checking_receiver, since=1)
    assert [entry["signature"] for entry in last] == ["invalid"] * 3


async def test_the_same_message_again_is_marked(receiver: httpx.AsyncClient) -> None:
    for _ in range(2):
        await receiver.post("/webhook", json={"alert": ALERT}, headers={"webhook-id": "msg_1"})
    await receiver.post("/webhook", json={"alert": ALERT}, headers={"webhook-id": "msg_2"})
    assert [entry["repeated"] for entry in await received(receiver)] == [False, True, False]


async def test_credentials_are_not_kept(receiver: httpx.AsyncClient) -> None:
    await receiver.post(
        "/webhook", json={}, headers={"Authorization": "Bearer hush", "Cookie": "hush", "X-Seen": "yes"}
    )
    [entry] = await received(receiver)
    assert entry["headers"]["x-seen"] == "yes"
    assert "hush" not in json.dumps(entry)


async def test_memory_keeps_the_newest_and_the_file_keeps_all(
    checking_receiver: httpx.AsyncClient, tmp_path: Path
) -> None:
    for title in "abcde":
        await checking_receiver.post("/slack", json={"text": title})
    assert [entry["title"] for entry in await received(checking_receiver)] == ["c", "d", "e"]
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["a", "b", "c", "d", "e"]


async def test_a_body_without_end_is_refused(receiver: httpx.AsyncClient) -> None:
    answer = await receiver.post("/slack", content=b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_the_page_shows_newest_first_and_never_runs_what_it_shows(receiver: httpx.AsyncClient) -> None:
    await receiver.post("/slack", json=SLACK)
    await receiver.post("/slack", json={"text": "<script>alert(1)</script>"})
    answer = await receiver.get("/")
    page = answer.text
    assert page.index("&lt;script&gt;alert(1)&lt;/script&gt;") < page.index("Episode numbers are missing")
    assert "<script" not in page
    assert 'class="critical"' in page
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_programmed_answers_are_used_up_in_order(receiver: httpx.AsyncClient) -> None:
    for step in (
        {"sink": "slack", "status": 429, "retry_after": 7, "times": 2},
        {"sink": "slack", "status": 200, "body": "no_service"},
        {"sink": "slack", "status": 302, "location": "http://127.0.0.1:1/"},
        {"sink": "slack", "status": 204},
    ):
        assert (await receiver.post("/behaviour", json=step)).status_code == 201
    answers = [await receiver.post("/slack", json=SLACK) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [429, 429, 200, 302, 204, 200]
    assert [answer.headers.get("retry-after") for answer in answers[:3]] == ["7", "7", None]
    assert [answers[2].text, answers[4].text, answers[5].text] == ["no_service", "", "ok"]
    assert answers[3].headers["location"] == "http://127.0.0.1:1/"
    assert [entry["status"] for entry in await received(receiver)] == [429, 429, 200, 302, 204, 200]


async def test_a_connection_is_dropped_midway_on_order(receiver: httpx.AsyncClient) -> None:
    await receiver.post("/behaviour", json={"sink": "slack", "close_midway": True, "body": "half of this"})
    with pytest.raises(httpx.RemoteProtocolError):
        await receiver.post("/slack", json=SLACK)
    [entry] = await received(receiver)
    assert entry["status"] == 0
    assert (await receiver.post("/slack", json=SLACK)).text == "ok"


async def test_behaviour_is_programmed_from_this_machine_only() -> None:
    transport = httpx.ASGITransport(create_app(ReceiverSettings()), client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
        assert (await client.post("/behaviour", json={"sink": "slack", "status": 500})).status_code == 403
        assert (await client.delete("/behaviour")).status_code == 403
