"""Asks the owners of other partitions: each at most once a question, all at the same time, and never for long.

An answer names the partitions that it speaks for. Without that, a partition that moves between two questions would
turn a known project into an unknown one.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import structlog

from agents.fleet_topic.fleet_view import Owner
from episode_monitor.fleet.errors import Refusal, Unreachable
from episode_monitor.fleet.question import PartialAnswer, Question

log = structlog.get_logger(__name__)

PREFIX = "/internal/v1"
CONNECT_SECONDS = 1.0

_NOTHING = msgspec.Raw(b"null")


class _RawAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A `PartialAnswer` whose answer is not decoded yet."""

    partitions: list[int]
    found: msgspec.Raw = _NOTHING
    is_split: bool = False
    refusal: Refusal | None = None


class PeerClient:
    """`client` is shared by all questions and closed by its owner."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._silent: set[str] = set()  # those that gave no answer last time: each is logged once

    async def ask_all(
        self, owners: Sequence[Owner], question: Question[Any, Any], kind: Any, *, is_first_enough: bool = False,
        are_all_needed: bool = True,
    ) -> list[PartialAnswer[Any]]:  # fmt: skip
        """What each owner found, decoded as `kind`; with `is_first_enough`, only the first that found something or
        refused. Raises Unreachable where one gave no answer, unless that may be."""
        body = msgspec.json.encode(question)
        waiting = {asyncio.create_task(self._ask(owner, question, body, kind)) for owner in owners}
        answers: list[PartialAnswer[Any]] = []
        failures: list[Unreachable] = []
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    try:
                        answers.append(task.result())
                    except Unreachable as error:
                        failures.append(error)
                enough = [answer for answer in answers if answer.found is not None or answer.refusal is not None]
                if is_first_enough and enough:
                    return enough
        finally:
            for task in waiting:
                task.cancel()
        if failures and are_all_needed:
            raise failures[0]
        return answers

    async def _ask(self, owner: Owner, question: Question[Any, Any], body: bytes, kind: Any) -> PartialAnswer[Any]:
        headers = {"authorization": f"Bearer {owner.token}", "content-type": "application/json"}
        name, seconds = question.wire_name(), question.timeout_seconds
        address = f"{owner.url.rstrip('/')}{PREFIX}/{name}"
        try:
            async with asyncio.timeout(seconds):
                answer = await self._client.post(
                    address,
                    content=body,
                    headers=headers,
                    timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
                    follow_redirects=False,
                )
            if answer.status_code != httpx.codes.OK:
                self._note_silent(owner, "another worker refused a request", status=answer.status_code)
                raise _refused(owner, answer.status_code)
            decoded = _decoded(answer.content, kind)
            self._silent.discard(owner.url)
            return decoded
        except _NO_ANSWER as error:
            said = str(error) or type(error).__name__
            self._note_silent(owner, "another worker did not answer", question=name, error=said)
            raise Unreachable(
                f"The worker at {owner.url}, which owns a part of the projects, did not answer: try again shortly."
            ) from error

    def _note_silent(self, owner: Owner, event: str, **about: Any) -> None:
        if owner.url not in self._silent:
            log.warning(event, url=owner.url, **about)
        self._silent.add(owner.url)


def _decoded(content: bytes, kind: Any) -> PartialAnswer[Any]:
    raw = msgspec.json.decode(content, type=_RawAnswer)
    found: Any = raw.found
    if bytes(raw.found) == b"null":
        found = None
    elif kind is not msgspec.Raw:
        found = msgspec.json.decode(raw.found, type=kind)
    return PartialAnswer(partitions=raw.partitions, found=found, is_split=raw.is_split, refusal=raw.refusal)


# AttributeError: anyio looks at a socket that the other side has closed in the very moment of connecting.
_NO_ANSWER = (
    httpx.HTTPError,
    httpx.InvalidURL,
    TimeoutError,
    msgspec.MsgspecError,
    UnicodeDecodeError,
    AttributeError,
)


def _refused(owner: Owner, status: int) -> Unreachable:
    if status in (401, 403, 404):
        return Unreachable(
            f"Behind {owner.url} is not the worker that published this address: give each worker a WORKER_URL of its "
            "own."
        )
    return Unreachable(f"The worker at {owner.url} cannot answer now (HTTP {status}): try again shortly.")
