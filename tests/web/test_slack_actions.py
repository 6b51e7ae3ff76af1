"""Presses of Slack's buttons: by their signature alone, in the name of the person, and answered in time."""

import asyncio
import hashlib
import hmac
import json
from urllib.parse import urlencode

import httpx
import pytest

from alert_sinks.slack_buttons import ACKNOWLEDGE, RESOLVE, SILENCE, with_buttons
from alert_sinks.slack_message import slack_payload
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from alert_sinks.texts.korean import KOREAN
from episode_monitor.fleet.errors import UNKNOWN_ALERT, Refused
from episode_monitor.settings.api_tokens import parse_api_tokens
from episode_monitor.slack import routes
from episode_monitor.slack.routes import slack_router
from episode_monitor.slack.signature import is_from_slack
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.alert_desk import AlertAct
from episode_monitor.web.security import SLACK_PATH
from episode_monitor.web.settings import WebSettings
from models.alert import Alert
from tests.alert_sinks.support import an_alert
from tests.web.fake_desk import FakeDesk
from tests.web.fake_views import FakeViews, fake_app

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW_S = 1_760_000_000
SETTINGS = WebSettings(host="0.0.0.0", api_tokens=parse_api_tokens("operator:s3cret"), slack_signing_secret=SECRET)
URL = "https://hooks.slack.com/actions/1"


class Desk(FakeDesk):
    """Knows one alert; `gate` holds an act up."""

    def __init__(self) -> None:
        super().__init__(FakeViews())
        self.acts: list[AlertAct] = []
        self.gate: asyncio.Event | None = None

    async def perform(self, act: AlertAct) -> Alert:
        if self.gate is not None:
            await self.gate.wait()
        if act.alert_key != "r:p":
            raise Refused(UNKNOWN_ALERT)
        self.acts.append(act)
        return an_alert()


class Slack:
    """Presses buttons, and hears what is said."""

    def __init__(self, settings: WebSettings = SETTINGS, texts: Texts = ENGLISH) -> None:
        self.desk, self.audit, self.said = Desk(), list[AuditEntry](), list[tuple[str, str]]()

        async def say(url: str, text: str) -> None:
            self.said.append((url, text))

        app = fake_app(
            FakeViews(), settings, extra_routers=[slack_router(say, texts)], alert_desk=self.desk,
            audit=self.audit.append, now_ms=lambda: NOW_S * 1000,
        )  # fmt: skip
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://monitor.example")

    async def press(self, action: str = ACKNOWLEDGE, key: str = "r:p", **changes: str) -> httpx.Response:
        pressed = {
            "type": "block_actions", "user": {"id": "U1", "username": "kim"}, "response_url": URL,
            "actions": [{"action_id": action, "value": key}],
        }  # fmt: skip
        return await self.send(urlencode({"payload": json.dumps(pressed)}).encode(), **changes)

    async def send(self, body: bytes, at: str = str(NOW_S), secret: str = SECRET, sent: str = "") -> httpx.Response:
        sign = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {"x-slack-request-timestamp": at, "x-slack-signature": sent or f"v0={sign}",
                   "content-type": "application/x-www-form-urlencoded"}  # fmt: skip
        return await self.client.post(SLACK_PATH, content=body, headers=headers)


@pytest.mark.parametrize(
    ("action", "kind", "minutes", "said"),
    [
        (ACKNOWLEDGE, "acknowledge", None, "Acknowledged by kim."),
        (SILENCE, "silence", 60, "Silenced for an hour by kim."),
        (RESOLVE, "resolve", None, "Resolved by kim."),
    ],
)
async def test_a_press_is_done_in_the_persons_name_audited_and_answered(
    action: str, kind: str, minutes: int | None, said: str
) -> None:
    slack = Slack()
    assert (await slack.press(action)).status_code == 200
    (act,), (entry,) = slack.desk.acts, slack.audit
    assert (act.alert_key, act.kind.value, act.by, act.minutes) == ("r:p", kind, "kim", minutes)
    assert (entry.who, entry.what, entry.target, entry.result) == ("kim", f"alert.{kind}", "r:p", "done")
    assert (entry.request["role"], entry.request["slack_user"]) == ("slack", "U1")
    assert slack.said == [(URL, said)]


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another"}, {"sent": "v0="}, {"sent": "v0=" + "0" * 64}, {"sent": "v1=" + "0" * 64},
        {"at": str(NOW_S - 301)}, {"at": str(NOW_S + 301)}, {"at": ""}, {"at": "soon"}, {"at": "-1"},
    ],
)  # fmt: skip
async def test_a_wrong_signature_or_an_old_one_changes_nothing(changes: dict[str, str]) -> None:
    slack = Slack()
    answer = await slack.press(**changes)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert (slack.desk.acts, slack.audit, slack.said) == ([], [], [])


async def test_five_minutes_are_not_old() -> None:
    assert (await Slack().press(at=str(NOW_S - 300))).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"payload=", b"payload=%7B%7D", b"payload=x&payload=y", b"\xff", b"payload=" + b"%5B" * 2000,
     urlencode({"payload": '{"user":{},"actions":[{"action_id":"other","value":"r:p"}]}'}).encode(),
     urlencode({"payload": '{"user":{},"actions":[]}'}).encode()],
)  # fmt: skip
async def test_what_is_no_press_is_malformed(body: bytes) -> None:
    answer = await Slack().send(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_action")


async def test_an_alert_that_is_not_there_is_said_to_the_person() -> None:
    slack = Slack()
    assert (await slack.press(key="r:gone")).status_code == 200
    assert slack.said == [(URL, UNKNOWN_ALERT.detail)]
    assert slack.audit[0].result == UNKNOWN_ALERT.code


async def test_slack_is_answered_before_an_act_that_takes_long_and_the_person_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routes, "ANSWER_SECONDS", 0.01)
    slack = Slack()
    slack.desk.gate = asyncio.Event()
    assert (await slack.press()).status_code == 200
    assert slack.said == []
    slack.desk.gate.set()
    async with asyncio.timeout(10):
        while not slack.said:  # noqa: ASYNC110 - another task
            await asyncio.sleep(0)
    assert slack.said == [(URL, "Acknowledged by kim.")]


async def test_without_a_secret_the_path_needs_a_token_like_any_other() -> None:
    slack = Slack(WebSettings(host="0.0.0.0", api_tokens=SETTINGS.api_tokens))
    assert (await slack.press()).status_code == 401
    slack.client.headers["authorization"] = "Bearer s3cret"
    assert (await slack.press()).status_code == 501


async def test_the_signature_opens_no_other_path() -> None:
    slack = Slack()
    for path in (SLACK_PATH + "/", SLACK_PATH + "/r:p/resolve", "/monitoring/episodes/alerts/r:p/resolve"):
        assert (await slack.client.post(path)).status_code == 401


async def test_an_answer_is_said_to_slack_alone() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        for url in ("", "http://hooks.slack.com/a", "https://10.0.0.1/a", "https://hooks.slack.com.evil/a", URL):
            await routes.say_by(client)(url, "done")
    assert asked == [URL]


def test_the_example_of_slacks_own_documentation() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name="
        b"foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F"
        b"hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id="
        b"398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    assert is_from_slack(secret, "1531420618", signature, body, 1_531_420_618_000)


@pytest.mark.parametrize(
    ("action", "said"),
    [(ACKNOWLEDGE, "kim 님이 확인했습니다."), (SILENCE, "kim 님이 1시간 동안 알림을 중지했습니다."),
     (RESOLVE, "kim 님이 해소 처리했습니다.")],
)  # fmt: skip
async def test_a_person_is_answered_in_the_language_of_messages(action: str, said: str) -> None:
    slack = Slack(texts=KOREAN)
    await slack.press(action)
    assert slack.said == [(URL, said)]


def test_buttons_are_in_the_language_of_messages() -> None:
    shown = with_buttons(slack_payload(an_alert(), KOREAN), an_alert(), KOREAN)["attachments"]
    assert isinstance(shown, list)
    (block,) = shown[-1]["blocks"]
    assert [each["text"]["text"] for each in block["elements"]] == ["확인", "1시간 알림 중지", "해소 처리"]


def test_buttons_are_below_a_firing_alert_and_say_what_is_left_to_do() -> None:
    def buttons(alert: Alert) -> list[str]:
        shown = with_buttons(slack_payload(alert), alert)["attachments"]
        assert isinstance(shown, list)
        return [each["action_id"] for one in shown for block in one.get("blocks", []) for each in block["elements"]]

    assert buttons(an_alert()) == [ACKNOWLEDGE, SILENCE, RESOLVE]
    assert buttons(an_alert(acknowledged_by="kim")) == [SILENCE, RESOLVE]
    assert buttons(an_alert(alert_key="k" * 2001)) == []
