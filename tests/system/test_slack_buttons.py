"""A press of a button in Slack at a worker: by Slack's signature it becomes an act that the dispatcher has taken."""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest

from alert_sinks.slack_buttons import ACKNOWLEDGE, RESOLVE
from tests.system.running import BASE, ready, until, view, worker
from tests.system.test_dispatcher import failed, feed

pytestmark = pytest.mark.broker

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
KEY = "episode_failure_rate:p1"


def press(url: str, action: str, secret: str = SECRET) -> int:
    pressed = {
        "type": "block_actions", "user": {"id": "U1", "username": "kim"}, "response_url": "",
        "actions": [{"action_id": action, "value": KEY}],
    }  # fmt: skip
    body, at = urlencode({"payload": json.dumps(pressed)}).encode(), str(int(time.time()))
    sign = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"x-slack-request-timestamp": at, "x-slack-signature": f"v0={sign}",
               "content-type": "application/x-www-form-urlencoded"}  # fmt: skip
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}{BASE}/slack/actions", body, headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def test_a_press_acknowledges_and_resolves_at_the_dispatcher_and_a_forged_one_does_nothing(
    broker: str, topic_prefix: str
) -> None:
    options = {"SLACK_SIGNING_SECRET": SECRET, "API_TOKENS": "operator:s3cret", "ALERT_LANGUAGE": "ko"}
    with worker(broker, topic_prefix, **options) as program:
        until(lambda: ready(program), "ready worker")
        await feed(broker, topic_prefix, "p1", [failed("p1")])
        until(lambda: (found := view(program, f"/alerts/{KEY}")) and found["status"] == "firing", "alert")
        assert press(program.url, ACKNOWLEDGE, "another secret") == 401
        assert view(program, f"/alerts/{KEY}")["acknowledged_by"] is None

        assert press(program.url, ACKNOWLEDGE) == 200
        until(lambda: view(program, f"/alerts/{KEY}")["acknowledged_by"] == "kim", "acknowledgement")
        assert press(program.url, RESOLVE) == 200
        resolved = until(lambda: (found := view(program, f"/alerts/{KEY}")) and found["status"] == "resolved" and found,
                         "end")  # fmt: skip
        assert [(line["reason"], line.get("by"), line.get("comment")) for line in resolved["timeline"]] == [
            ("threshold_crossed", None, None),
            ("acknowledged_by_person", "kim", "by a button in Slack"),
            ("resolved_by_person", "kim", "by a button in Slack"),
        ]
        entries = until(lambda: len(found := view(program, "/audit?who=kim")["entries"]) == 2 and found, "audit")
        assert [one["what"] for one in entries] == ["alert.resolve", "alert.acknowledge"]
        assert {one["result"] for one in entries} == {"done"}
