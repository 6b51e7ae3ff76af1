"""The bot of Slack: one message for each incident, edited, with its timeline in the thread, over restarts too."""

import json
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from alert_sinks.kinds.slack import SlackConfig
from alert_sinks.kinds.slack_bot import SlackBot
from alert_sinks.sink import Attempt, Delivered, Rejected, Retry, SinkParts
from models.alert import AlertStatus
from tests.alert_sinks.receiver import Action, Receiver, Request, answers
from tests.alert_sinks.support import NOW_MS, an_alert

TOKEN = "xoxb-hushhush-hushhush"
ENDED = an_alert(status=AlertStatus.RESOLVED, ends_at_ms=1_760_000_060_000)


class Workspace:
    """What Slack keeps: messages of one channel with their metadata, and replies by thread."""

    def __init__(self, receiver: Receiver) -> None:
        self.messages: dict[str, dict[str, object]] = {}
        self.replies: list[tuple[str, str]] = []
        self.calls: list[str] = []
        self.loses: set[str] = set()  # methods whose next answer is lost after the deed
        self.has_history = True
        receiver.choose = self._answer

    def _answer(self, request: Request) -> Action:
        method = request.path.rpartition("/")[2]
        self.calls.append(method)
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        said: dict[str, object] = {"ok": True}
        if method == "conversations.history":
            assert parse_qs(request.body.decode())["channel"] == ["C1"]
            said["messages"] = [{"ts": ts, **body} for ts, body in reversed(self.messages.items())]
            if not self.has_history:
                said = {"ok": False, "error": "missing_scope"}
        elif method == "chat.update":
            self.messages[request.json["ts"]] = request.json
        elif "thread_ts" in request.json:
            self.replies.append((request.json["thread_ts"], request.json["text"]))
        else:
            ts = f"1.{len(self.messages)}"
            self.messages[ts] = request.json
            said |= {"ts": ts, "channel": "C1"}
        if method in self.loses:
            self.loses.discard(method)
            return answers(500)
        return answers(200, json.dumps(said).encode())


@pytest.fixture
def slack(receiver: Receiver) -> Workspace:
    """A workspace with one channel."""
    return Workspace(receiver)


@pytest.fixture
def parts(client: httpx.AsyncClient) -> SinkParts:
    """What a bot is made of."""
    return SinkParts(client, "team/slack", 10)


def bot(parts: SinkParts, receiver: Receiver, channel: str = "C1") -> SlackBot:
    return SlackBot(SlackConfig(bot_token=SecretStr(TOKEN), channel=channel), parts, api=receiver.url)


def attempt(number: int) -> Attempt:
    return Attempt(1, NOW_MS, message_id=f"n_{number}", group_key="team:k")


async def test_an_incident_is_one_message_that_is_edited_with_a_timeline_in_its_thread(
    slack: Workspace, parts: SinkParts, receiver: Receiver
) -> None:
    sink = bot(parts, receiver)
    for number, alert in enumerate(
        (an_alert(), an_alert(acknowledged_by="kim", reason="acknowledged_by_person"), ENDED)
    ):
        assert await sink.deliver(alert, attempt(number)) == Delivered()
    (message,) = slack.messages.values()
    assert str(message["text"]).startswith("[RESOLVED]")
    assert slack.replies == [
        ("1.0", "Acknowledged by kim: High failure rate in proj_1"), ("1.0", "[RESOLVED] High failure rate in proj_1")
    ]  # fmt: skip
    assert await sink.deliver(an_alert(alert_id="next"), attempt(4)) == Delivered()
    assert len(slack.messages) == 2, "a new firing is a new incident"


async def test_a_new_process_finds_the_message_of_the_one_before(
    slack: Workspace, parts: SinkParts, receiver: Receiver
) -> None:
    await bot(parts, receiver).deliver(an_alert(), attempt(1))
    await bot(parts, receiver).deliver(ENDED, attempt(2))
    assert len(slack.messages) == 1
    assert slack.calls == [
        "conversations.history", "chat.postMessage", "conversations.history", "chat.update", "chat.postMessage"
    ]  # fmt: skip


@pytest.mark.parametrize("lost", ["conversations.history", "chat.postMessage", "chat.update"])
async def test_a_lost_answer_makes_no_second_message(
    slack: Workspace, parts: SinkParts, receiver: Receiver, lost: str
) -> None:
    sink = bot(parts, receiver)
    if lost == "chat.update":
        await sink.deliver(an_alert(), attempt(1))
    slack.loses.add(lost)
    assert isinstance(await sink.deliver(ENDED, attempt(2)), Retry)
    assert await bot(parts, receiver).deliver(ENDED, attempt(2)) == Delivered()
    assert len(slack.messages) == 1


async def test_without_the_scope_to_read_alerts_are_delivered_all_the_same(
    slack: Workspace, parts: SinkParts, receiver: Receiver
) -> None:
    slack.has_history = False
    assert await bot(parts, receiver).deliver(an_alert(), attempt(1)) == Delivered()
    assert len(slack.messages) == 1


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"ok": false, "error": "not_in_channel"}', Rejected("Slack answered not_in_channel")),
        (200, b'{"ok": false, "error": "internal_error"}', Retry(7.0, "Slack answered internal_error")),
        (429, b"", Retry(7.0, "HTTP 429", holds_sink=True)),
        (400, TOKEN.encode(), Rejected("HTTP 400: ***")),
    ],
)
async def test_what_slack_refuses_means_what_it_means_for_a_webhook(
    parts: SinkParts, receiver: Receiver, status: int, body: bytes, outcome: object
) -> None:
    receiver.default = answers(status, body, retry_after="7")
    assert await bot(parts, receiver, "#by-name").deliver(an_alert(), attempt(1)) == outcome
    assert [request.path for request in receiver.requests] == ["/hook/chat.postMessage"]
