"""One bounded HTTP POST, and what its answer means. Addresses are secrets (Slack's hold a token) and never logged."""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
import msgspec

from alert_sinks.address_guard import AddressGuard
from alert_sinks.environment import nothing_forbids
from alert_sinks.proxies import environment_transport
from alert_sinks.retry_after import retry_after_seconds
from alert_sinks.sink import Delivered, Disabled, Outcome, Rejected, Retry

TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 4096  # the honest answers are a word or a short JSON object
_EXCERPT_CHARACTERS = 200
SECRET_CHARACTERS = 8  # shorter parts of an address are words such as `services`


class HttpAnswer(msgspec.Struct, frozen=True):
    """What came back. `body` holds at most `MAX_ANSWER_BYTES`; `broke_off` says that it ended before its end."""

    status: int
    retry_after: str | None
    body: bytes
    broke_off: bool = False


class NoHttpAnswer(msgspec.Struct, frozen=True):
    """No HTTP answer came back; `reason` says why."""

    reason: str


class SinkClient(httpx.AsyncClient):
    """Connects to the addresses that `guard` lets pass."""

    guard: AddressGuard = AddressGuard()


def new_client(timeout_seconds: float = TIMEOUT_SECONDS, guard: AddressGuard | None = None) -> SinkClient:
    """The client all sinks share: no redirects, no cookies, proxies from the environment but never for loopback."""
    guard = guard or AddressGuard()
    logging.getLogger("httpx").addFilter(_without_addresses)
    client = SinkClient(
        timeout=timeout_seconds,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        transport=environment_transport(guard),
        headers={"user-agent": "episode-monitor"},
    )
    client.guard = guard
    return client


def _without_addresses(record: logging.LogRecord) -> bool:
    # httpx logs each request with its whole address, which for Slack is the credential itself.
    return not record.getMessage().startswith("HTTP Request:")


_WRITES = ("send_request_headers.started", "send_request_body.started")  # httpcore's names, behind its protocol's


async def post(
    client: httpx.AsyncClient, url: str, content: bytes, headers: dict[str, str], timeout_seconds: float,
    check: Callable[[], None] = nothing_forbids, *, max_answer_bytes: int = MAX_ANSWER_BYTES,
) -> HttpAnswer | NoHttpAnswer:  # fmt: skip
    """Posts `content` and reads at most `max_answer_bytes` of the answer, all within `timeout_seconds`.

    `check` is called when there is a connection, right before each part of the request is written; what it raises ends
    the request.
    """

    async def before_writes(event: str, _: object) -> None:
        if event.endswith(_WRITES):
            check()

    trace = {"trace": before_writes}
    # Identity: a few compressed bytes could unfold into more than we are ready to hold.
    sent = {"content-type": "application/json", "accept-encoding": "identity", **headers}
    answer: HttpAnswer | None = None
    body = bytearray()
    try:
        # httpx limits each read; a destination that sends one byte at a time needs a limit for the whole.
        async with (
            asyncio.timeout(timeout_seconds),
            client.stream(
                "POST", url, content=content, headers=sent, follow_redirects=False, extensions=trace
            ) as response,
        ):
            answer = HttpAnswer(response.status_code, response.headers.get("retry-after"), b"", broke_off=True)
            async for piece in response.aiter_raw():
                body += piece[: max_answer_bytes - len(body)]
                if len(body) >= max_answer_bytes:
                    break
            return msgspec.structs.replace(answer, body=bytes(body), broke_off=False)
    except (httpx.HTTPError, TimeoutError) as error:
        if answer is not None:
            return msgspec.structs.replace(answer, body=bytes(body))
        return NoHttpAnswer(_why(error, timeout_seconds))


def _why(error: Exception, timeout_seconds: float) -> str:
    match error:
        case httpx.ConnectTimeout():
            return f"no connection within {timeout_seconds:g} s"
        case TimeoutError() | httpx.TimeoutException():
            return f"no answer within {timeout_seconds:g} s"
        case httpx.ProxyError():
            return f"the proxy does not let it through ({printable(str(error))})"
        case httpx.ConnectError():
            return f"cannot connect ({printable(str(error))})"
        case _:
            return f"the connection broke ({type(error).__name__})"


def json_body(payload: object) -> bytes:
    """The payload as JSON; halves of characters, which UTF-8 does not have, become question marks."""
    try:
        return msgspec.json.encode(payload)
    except UnicodeEncodeError:
        return json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")


def outcome_of(answer: HttpAnswer | NoHttpAnswer, now_ms: int, *secrets: str) -> Outcome:
    """What the status says. A 2xx counts even if its body broke off: it came after the whole request was read.

    `secrets`, whole addresses among them, are taken out of what the destination said, which may repeat them.
    """
    if isinstance(answer, NoHttpAnswer):
        return Retry(None, answer.reason)
    said = _said(answer, secrets)
    match answer.status:
        case status if 200 <= status < 300:
            return Delivered()
        case 429:
            return Retry(retry_after_seconds(answer.retry_after, now_ms), said, holds_sink=True)
        case 503:
            return Retry(retry_after_seconds(answer.retry_after, now_ms), said)
        case 408:
            return Retry(None, said)
        case status if 500 <= status < 600:
            return Retry(None, said)
        case 410:
            return Disabled(said)
        case status if 300 <= status < 400:
            return Rejected(f"HTTP {status}: redirects are not followed; configure its target address")
        case _:
            return Rejected(said)


def _said(answer: HttpAnswer, secrets: Iterable[str]) -> str:
    words = printable(without_secrets(answer.body.decode("utf-8", "replace"), secrets))
    return f"HTTP {answer.status}: {words}" if words else f"HTTP {answer.status}"


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with stars for each secret, and for each long part of an address."""
    parts = {part for secret in secrets for part in (secret, *re.split(r"[/?&=#@:]+", secret))}
    for part in sorted((part for part in parts if len(part) >= SECRET_CHARACTERS), key=len, reverse=True):
        text = text.replace(part, "***")
    return text


def printable(text: str) -> str:
    """The start of a foreign text, on one line and without control characters, fit for a log."""
    words = " ".join(text[: 4 * _EXCERPT_CHARACTERS].split())
    return "".join(letter for letter in words if letter.isprintable())[:_EXCERPT_CHARACTERS]
