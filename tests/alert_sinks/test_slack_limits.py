"""Slack's limits hold whatever is in an alert: in both languages, for one alert and for 500, by webhook and by bot."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from alert_sinks.digest import Digest
from alert_sinks.kinds.slack import SlackConfig, SlackSink
from alert_sinks.kinds.slack_bot import SlackBot
from alert_sinks.sink import Attempt, Delivered, SinkParts
from alert_sinks.slack_message import fitted
from alert_sinks.texts.catalogue import Language, Texts
from alert_sinks.texts.languages import texts_of
from alert_sinks.texts.translation import translated
from models.alert import Alert, AlertInputs, AlertStatus, Severity
from streams.alerting.rule_types import ALERT_TYPES
from tests.alert_sinks.support import NOW_MS, an_alert, digest_of

MOST = {"title": 256, "text": 3000, "value": 2000}  # in an attachment and its fields
PIECES = ("&", "<!channel>", "&amp;", "{", "%s", "\n", "\0", "가", "😀", "\ud800", "a", "exceeds ", " (proj_1)")
HOSTILE = st.builds(lambda parts, times: "".join(parts) * times, st.lists(st.sampled_from(PIECES), max_size=8),
                    st.sampled_from((1, 1, 50, 5000)))  # fmt: skip
LONG = "<&>" * 20_000


def _address(path: str) -> str:
    return f"https://d/{path}"


ALERTS = st.builds(
    an_alert,
    alert_type=st.sampled_from((*ALERT_TYPES, "NEWER")),
    severity=st.sampled_from(Severity),
    status=st.sampled_from(AlertStatus),
    project_id=HOSTILE, title=HOSTILE, description=HOSTILE, reason=HOSTILE | st.just("resolved_by_person"),
    value=st.none() | st.floats(0, 1e300), threshold=st.floats(0, 1e300), acknowledged_by=st.none() | HOSTILE,
    annotations=st.fixed_dictionaries({}, optional={"acted_by": HOSTILE, "comment": HOSTILE}),
    runbook_url=st.none() | HOSTILE.map(_address), dashboard_url=st.none() | HOSTILE.map(_address),
    inputs=st.just(msgspec.UNSET) | st.builds(
        AlertInputs, state=st.just("firing"), bad=st.integers(0, 2**60), whole=st.integers(0, 2**60),
        rate=st.none(),
    ),
)  # fmt: skip
TEXTS = st.sampled_from(Language).map(texts_of)
ALL_LONG = an_alert(
    project_id=LONG, title=LONG, description=LONG, reason=LONG, acknowledged_by=LONG, runbook_url=LONG,
    dashboard_url=LONG, annotations={"acted_by": LONG, "comment": LONG},
)  # fmt: skip


async def sent(message: Alert | Digest, texts: Texts) -> list[dict[str, Any]]:
    """The bodies that a webhook and a bot post: of the bot the message, its edit, and the line in its thread."""
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if "conversations.history" in request.url.path:
            return httpx.Response(200, stream=httpx.ByteStream(b'{"ok": true, "messages": []}'))
        bodies.append(msgspec.json.decode(request.content))
        return httpx.Response(200, stream=httpx.ByteStream(b'{"ok": true, "ts": "1.0", "channel": "C1"}'))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        bot = SlackConfig(bot_token=SecretStr("xoxb-1"), channel="C1")
        for sink in (SlackSink(client, "https://hooks/1"), SlackBot(bot, SinkParts(client, "team/slack", 5))):
            for number in range(2):
                attempt = Attempt(1, NOW_MS, message_id=f"n_{number}", group_key="k", texts=texts)
                deliver = sink.deliver_digest if isinstance(message, Digest) else sink.deliver
                assert await deliver(message, attempt) == Delivered()  # type: ignore[arg-type]
    return bodies


def check(body: Mapping[str, Any]) -> None:
    """Slack takes it."""
    texts = [body["text"]]
    for attachment in body.get("attachments", ()):
        texts += [attachment["title"], attachment["text"]]
        assert all(len(attachment[name]) <= MOST[name] for name in ("title", "text"))
        for field in attachment["fields"]:
            texts += [field["title"], field["value"]]
            assert 0 < len(field["value"]) <= MOST["value"]
    assert len(body["text"]) <= 4000
    assert sum(map(len, texts)) <= 40_000
    assert len(body.get("blocks", ())) <= 50
    for text in texts:
        assert "<" not in text.replace("<https://", "")
        assert all(rest.startswith(("amp;", "lt;", "gt;")) for rest in text.split("&")[1:])


@given(ALERTS, TEXTS)
@example(ALL_LONG, texts_of(Language.EN))
@example(ALL_LONG, texts_of(Language.KO))
@settings(max_examples=60, deadline=None)
async def test_any_alert_fits(alert: Alert, texts: Texts) -> None:
    for body in await sent(translated(alert, texts), texts):
        check(body)


@given(st.lists(ALERTS, min_size=2, max_size=4), st.sampled_from((1, 125)), TEXTS)
@example([ALL_LONG, ALL_LONG], 250, texts_of(Language.EN))
@example([ALL_LONG, ALL_LONG], 250, texts_of(Language.KO))
@settings(max_examples=40, deadline=None)
async def test_a_digest_of_any_500_fits_and_says_how_many_it_leaves_out(
    alerts: list[Alert], times: int, texts: Texts
) -> None:
    digest = digest_of((translated(alert, texts) for alert in alerts * times), texts=texts)
    for body in await sent(digest, texts):
        check(body)
        for attachment in body.get("attachments", ()):
            if digest.total > 10:
                assert attachment["text"].endswith(texts.say("more", count=digest.total - 10))


async def test_the_links_stay_whole_however_long_the_rest_is() -> None:
    alert = msgspec.structs.replace(ALL_LONG, runbook_url="https://wiki/1", dashboard_url="https://d/2")
    texts = texts_of(Language.KO)
    for message in (alert, digest_of([alert] * 500, texts=texts)):
        webhook, *_ = await sent(message, texts)
        values = [field["value"] for field in webhook["attachments"][0]["fields"]]
        assert values[-2:] == ["https://wiki/1", "https://d/2"]


async def test_an_address_that_does_not_fit_is_left_out_because_half_of_one_leads_nowhere() -> None:
    alert = an_alert(dashboard_url=f"https://d/{'a' * 2000}")
    webhook, *_ = await sent(alert, texts_of(Language.EN))
    assert "Dashboard" not in [field["title"] for field in webhook["attachments"][0]["fields"]]


def test_short_rows_stay_whole_and_long_ones_have_equal_shares() -> None:
    assert fitted(["a" * 50, "bb", "c" * 50], 25) == ["a" * 9 + "…", "bb", "c" * 9 + "…"]
    assert fitted(["aa", "bb"], 25) == ["aa", "bb"]
    assert fitted([], 25) == []
