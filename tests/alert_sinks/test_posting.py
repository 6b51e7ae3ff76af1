"""What every kind of answer, half answer and silence means, over real connections."""

import asyncio
import logging
import socket

import httpx
import pytest

from agents.engine.stall_guard import StoodStill
from alert_sinks.posting import HttpAnswer, NoHttpAnswer, new_client, outcome_of, post
from alert_sinks.settings import http_address
from alert_sinks.sink import Delivered, Disabled, Outcome, Rejected, Retry
from tests.alert_sinks.receiver import Action, Receiver, answers, drips, hangs, sends
from tests.alert_sinks.support import NOW_MS

LONG = 30.0  # seconds that no test waits out
SHORT = 0.5  # for destinations that never come to an end


async def asked(client: httpx.AsyncClient, receiver: Receiver, action: Action, seconds: float = LONG) -> Outcome:
    """The outcome of one POST that the receiver meets with `action`."""
    receiver.script.append(action)
    return outcome_of(await post(client, receiver.url, b"{}", {}, seconds), NOW_MS)


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        (answers(200), Delivered()),
        (answers(204, b""), Delivered()),
        (answers(299), Delivered()),
        (answers(400, b"invalid_payload"), Rejected("HTTP 400: invalid_payload")),
        (answers(401, b""), Rejected("HTTP 401")),
        (answers(404, b"no_service"), Rejected("HTTP 404: no_service")),
        (answers(408, b""), Retry(None, "HTTP 408")),
        (answers(408, b"", retry_after="9"), Retry(None, "HTTP 408")),
        (answers(410, b"gone"), Disabled("HTTP 410: gone")),
        (answers(429, b"slow", retry_after="9"), Retry(9.0, "HTTP 429: slow", holds_sink=True)),
        (answers(429, b"", retry_after="Thu, 09 Oct 2025 08:54:20 GMT"), Retry(59.877, "HTTP 429", holds_sink=True)),
        (answers(429, b"", retry_after="in a while"), Retry(None, "HTTP 429", holds_sink=True)),
        (answers(429, b"", retry_after="86400"), Retry(3600.0, "HTTP 429", holds_sink=True)),
        (answers(500, b"oops\x00\x1b[31m\nagain"), Retry(None, "HTTP 500: oops[31m again")),
        (answers(502, b""), Retry(None, "HTTP 502")),
        (answers(503, b"", retry_after="9"), Retry(9.0, "HTTP 503")),
        (answers(503, b""), Retry(None, "HTTP 503")),
        (answers(999, b""), Rejected("HTTP 999")),
    ],
    ids=lambda value: None if callable(value) else str(value),
)
async def test_the_table_of_answers(
    client: httpx.AsyncClient, receiver: Receiver, action: Action, outcome: Outcome
) -> None:
    got = await asked(client, receiver, action)

    if isinstance(got, Retry) and got.after_seconds is not None:
        got = Retry(round(got.after_seconds, 3), got.reason, got.holds_sink)
    assert got == outcome


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_rejected_and_not_followed(
    client: httpx.AsyncClient, receiver: Receiver, status: int
) -> None:
    outcome = await asked(client, receiver, answers(status, location=receiver.url + "/elsewhere"))

    assert outcome == Rejected(f"HTTP {status}: redirects are not followed; configure its target address")
    assert [request.path for request in receiver.requests] == ["/hook"]


async def test_a_refused_connection_is_tried_again(client: httpx.AsyncClient) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused, and nobody else can take it
        answer = await post(client, f"http://127.0.0.1:{closed.getsockname()[1]}/", b"{}", {}, LONG)

    outcome = outcome_of(answer, NOW_MS)
    assert isinstance(outcome, Retry)
    assert outcome.after_seconds is None
    assert outcome.reason.startswith("cannot connect")


async def test_a_destination_that_never_answers_is_tried_again(client: httpx.AsyncClient, receiver: Receiver) -> None:
    assert await asked(client, receiver, hangs, SHORT) == Retry(None, "no answer within 0.5 s")


async def test_a_head_that_drips_in_is_cut_off_at_the_limit(client: httpx.AsyncClient, receiver: Receiver) -> None:
    slow = drips(b"HTTP/1.1 200 OK\r\n", b"x-more: 1\r\n")

    assert await asked(client, receiver, slow, SHORT) == Retry(None, "no answer within 0.5 s")


async def test_a_body_that_drips_in_does_not_undo_a_delivery(client: httpx.AsyncClient, receiver: Receiver) -> None:
    slow = drips(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", b".")

    assert await asked(client, receiver, slow, SHORT) == Delivered()


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 200", b"\x00\x01\x02garbage\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n", b"SSH-2.0-x\r\n"], ids=repr
)
async def test_what_is_not_http_is_tried_again(client: httpx.AsyncClient, receiver: Receiver, raw: bytes) -> None:
    outcome = await asked(client, receiver, sends(raw))

    assert isinstance(outcome, Retry)
    assert outcome.reason.startswith("the connection broke")


async def test_an_answer_that_ends_half_way_keeps_its_status(client: httpx.AsyncClient, receiver: Receiver) -> None:
    receiver.script.append(sends(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"))

    answer = await post(client, receiver.url, b"{}", {}, LONG)

    assert answer == HttpAnswer(200, None, b"half", broke_off=True)


async def test_only_the_first_4096_bytes_of_an_endless_answer_are_read(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    receiver.script.append(
        drips(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"fff\r\n" + b"x" * 4095 + b"\r\n")
    )

    answer = await post(client, receiver.url, b"{}", {}, LONG)

    assert answer == HttpAnswer(200, None, b"x" * 4096)


async def test_cookies_of_a_destination_are_not_kept(client: httpx.AsyncClient, receiver: Receiver) -> None:
    receiver.default = answers(200, set_cookie="session=1; Path=/")

    for _ in range(2):
        await post(client, receiver.url, b"{}", {}, LONG)

    assert [request.headers.get("cookie") for request in receiver.requests] == [None, None]


async def test_the_connection_is_used_again(client: httpx.AsyncClient, receiver: Receiver) -> None:
    ports = set()

    async def act(request: object, writer: asyncio.StreamWriter) -> None:
        ports.add(writer.get_extra_info("peername")[1])
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    receiver.default = act
    for _ in range(3):
        await post(client, receiver.url, b"{}", {}, LONG)

    assert len(ports) == 1


async def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)

    async with new_client() as client:
        answer = await post(client, receiver.url, b"{}", {}, LONG)

    assert answer == HttpAnswer(200, None, b"ok")


@pytest.mark.parametrize("action", [answers(200), answers(404), hangs, sends(b"junk\r\n\r\n")], ids=range(4))
async def test_an_address_never_reaches_the_log(
    client: httpx.AsyncClient, receiver: Receiver, caplog: pytest.LogCaptureFixture, action: Action
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.script.append(action)

    answer = await post(client, receiver.url + "/T0/B0/token", b"{}", {}, SHORT)

    assert len(receiver.requests) == 1
    assert "token" not in caplog.text
    assert "token" not in repr(answer)


def test_the_log_of_httpx_still_says_everything_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    new_client()
    logging.getLogger("httpx").warning("something else")

    assert caplog.messages == ["something else"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "https://hooks.slack.com/services/T/B/x", "http://[::1]/"])
def test_a_usable_address_passes(url: str) -> None:
    assert http_address(url) == url


@pytest.mark.parametrize(
    "url",
    ["", "secret", "ftp://host/secret", "https://", "http:///secret", "http://host:99999/secret", "http://host:x/secret",
     "http://[::1/secret", "http://host:0/secret", "http://ho\nst/secret", "http://" + "a" * 70_000 + "/secret"],
    ids=lambda url: url[:20],
)  # fmt: skip
def test_an_unusable_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValueError, match="must be an address that begins with http:// or https://") as refused:
        http_address(url)

    assert "secret" not in str(refused.value)


def test_no_answer_is_tried_again_with_its_reason() -> None:
    assert outcome_of(NoHttpAnswer("no answer within 10 s"), NOW_MS) == Retry(None, "no answer within 10 s")


def test_only_the_start_of_a_foreign_text_is_kept() -> None:
    outcome = outcome_of(HttpAnswer(400, None, b"x" * 4096), NOW_MS)

    assert outcome == Rejected("HTTP 400: " + "x" * 200)


@pytest.mark.parametrize("writes", [0, 1], ids=["before the headers", "between headers and body"])
async def test_what_may_no_longer_be_sent_is_not_sent_although_the_connection_was_made(
    client: httpx.AsyncClient, receiver: Receiver, writes: int
) -> None:
    asked_of: list[int] = []

    def stood_still() -> None:
        asked_of.append(len(receiver.requests))
        if len(asked_of) > writes:
            raise StoodStill("the process stood still")

    with pytest.raises(StoodStill):
        await post(client, receiver.url, b"{}", {}, LONG, stood_still)
    receiver.script.append(answers(200))
    assert outcome_of(await post(client, receiver.url, b"{}", {}, LONG), NOW_MS) == Delivered()
    assert len(receiver.requests) == 1, "only the one that was allowed"
