"""What every kind of sink keeps, each against a real local server: what an answer means, and what a message holds."""

import logging
import re

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from alert_sinks.destinations import KINDS, RECEIVER_KINDS
from alert_sinks.sink import Attempt, Delivered, Disabled, Rejected, Retry, Sink, TakesDigests
from models.alert import AlertStatus, Severity
from tests.alert_sinks.stands import SECRET, SHORT, Stand, stand_of
from tests.alert_sinks.support import NOW_MS, alert_of, an_alert, digest_of

FIRST = Attempt(1, NOW_MS, message_id="n_1", group_key="team:k")
WITHOUT_SERVER = {"handlers"}  # a process of its own, in test_handlers.py
KEYS = [key.removesuffix("_configs") for key in RECEIVER_KINDS]
ENDED = an_alert(status=AlertStatus.RESOLVED, ends_at_ms=1_760_000_060_000, updated_at_ms=1_760_000_060_000)
every_kind = pytest.mark.parametrize("key", KEYS)


def test_every_registered_kind_is_under_contract() -> None:
    files = {(kind.of_config or kind.build).__module__.rpartition(".")[2] for kind in KINDS}
    assert files - WITHOUT_SERVER == set(KEYS)


@every_kind
async def test_what_was_taken_is_delivered(key: str, client: httpx.AsyncClient) -> None:
    async with stand_of(key, client) as stand:
        assert await stand.sink.deliver(an_alert(), FIRST) == Delivered()
        assert len(stand.texts()) == 1


def agrees(stand: Stand, outcome: object, status: int) -> bool:
    """Whether an outcome is what CONTRACT says of a status; for a library that does not tell, a repetition is right."""
    if not stand.knows_status:
        return isinstance(outcome, Retry)
    match status:
        case 429 | 503:
            return isinstance(outcome, Retry) and outcome.after_seconds == (7.0 if stand.waits else None)
        case 408 | 500:
            return isinstance(outcome, Retry) and outcome.after_seconds is None
        case 410:
            return isinstance(outcome, Disabled)
        case _:
            return isinstance(outcome, Rejected)


@every_kind
@pytest.mark.parametrize("status", [429, 503, 408, 500, 410, 400, 302, 307])
async def test_each_answer_means_the_same_everywhere(key: str, status: int, client: httpx.AsyncClient) -> None:
    if key == "email" and status in (410, 302, 307):
        pytest.skip("SMTP has no such answer")
    async with stand_of(key, client) as stand:
        stand.says(status)
        outcome = await stand.sink.deliver(an_alert(), FIRST)
        assert agrees(stand, outcome, status), outcome
        assert SECRET not in repr(outcome)
        assert len(stand.texts()) == 1


@every_kind
async def test_a_destination_that_does_not_answer_is_tried_again_in_bounded_time(
    key: str, client: httpx.AsyncClient
) -> None:
    async with stand_of(key, client, SHORT) as stand:
        stand.hangs()
        assert await stand.sink.deliver(an_alert(), FIRST) == Retry(None, f"no answer within {SHORT:g} s")


@every_kind
async def test_a_refused_connection_is_tried_again(key: str, client: httpx.AsyncClient) -> None:
    async with stand_of(key, client) as stand:
        await stand.stop()
        outcome = await stand.sink.deliver(an_alert(), FIRST)
        assert isinstance(outcome, Retry)
        assert outcome.after_seconds is None


@every_kind
async def test_a_repetition_is_the_same_message_under_the_same_id(key: str, client: httpx.AsyncClient) -> None:
    async with stand_of(key, client) as stand:
        stand.says(500)
        for number in (1, 2):
            await stand.sink.deliver(an_alert(), Attempt(number, NOW_MS + number, message_id="n_1", group_key="k"))
        first, second = stand.ids()
        assert first == second


@every_kind
async def test_a_group_of_500_is_one_message_with_the_worst_ten_and_a_count(
    key: str, client: httpx.AsyncClient
) -> None:
    alerts = [alert_of(f"drama_{n:03}", starts_at_ms=1_760_000_000_000 + n) for n in range(499)]
    digest = digest_of([*alerts, alert_of("worst", severity=Severity.CRITICAL)])
    digest = msgspec.structs.replace(digest, alerts=digest.alerts[:100], more_firing=400)
    async with stand_of(key, client) as stand:
        assert isinstance(stand.sink, TakesDigests)
        assert await stand.sink.deliver_digest(digest, FIRST) == Delivered()
        (text,) = stand.texts()
    assert "worst" in text
    assert "drama_008" in text
    if key not in ("webhook", "alertmanager"):  # read by programs, which get more of them
        assert "drama_009" not in text
        assert "and 490 more" in text
        assert "500 alerts are on" in text


@every_kind
async def test_an_end_is_told_as_one(key: str, client: httpx.AsyncClient) -> None:
    async with stand_of(key, client) as stand:
        assert await stand.sink.deliver(ENDED, FIRST) == Delivered()
        (text,) = stand.texts()
    assert re.search("resolve" if key != "alertmanager" else '"endsAt": "2025-10-09T08:54:20.000Z"', text, re.I)


HOSTILE = {
    "quotes": "\"'`}{[]\\ %s {{ .Labels }} ${HOME} $(id)",
    "mention": "<!channel> <@U1> & <http://evil.example|safe>",
    "header": "a\r\nBcc: all@example.com\r\n\r\nbody",
    "right to left": "\u202egnitseretni\u202c שלום",
    "nul": "a\0b",
    "half a character": "a\ud800b",
    "a megabyte": "x" * 1_000_000,
    "empty": "",
}


@every_kind
@pytest.mark.parametrize("what", HOSTILE)
async def test_hostile_text_arrives_as_text_and_breaks_nothing(key: str, what: str, client: httpx.AsyncClient) -> None:
    text = HOSTILE[what]
    alert = an_alert(
        title=text, description=text, project_id=text, alert_key=f"r:{text}", runbook_url=text, acknowledged_by=text,
        labels={"a": text}, reason=text,
    )  # fmt: skip
    async with stand_of(key, client) as stand:
        outcome = await stand.sink.deliver(alert, Attempt(1, NOW_MS, group_key=text))
        assert outcome == Delivered()
        assert isinstance(stand.sink, TakesDigests)
        assert await stand.sink.deliver_digest(digest_of([alert] * 6), FIRST) == Delivered()
        texts = stand.texts()
    assert len(texts) == 2
    if key == "slack":
        assert "<!channel>" not in texts[0]
    if key == "email":
        assert "Bcc:" not in texts[0].split("\n")[1]


@every_kind
@pytest.mark.parametrize("status", [400, 500, 0])
async def test_no_secret_is_in_a_log_or_an_error(
    key: str, status: int, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, "mail.log")  # the test's own server
    async with stand_of(key, client) as stand:
        if status:
            stand.says(status)
        else:
            await stand.stop()
        with capture_logs() as lines:
            outcome = await stand.sink.deliver(an_alert(), FIRST)
        assert SECRET not in repr(outcome) + repr(lines) + caplog.text + repr(vars(stand.sink).get("_config", ""))


@every_kind
async def test_what_may_no_longer_be_sent_is_not_sent(key: str, client: httpx.AsyncClient) -> None:
    class Frozen(Exception):
        """The process stood still."""

    def check() -> None:
        raise Frozen

    async with stand_of(key, client) as stand:
        sink: Sink = stand.sink
        with pytest.raises(Frozen):
            await sink.deliver(an_alert(), Attempt(1, NOW_MS, check))
        assert stand.texts() == []
