"""Asks the owners of other partitions, each at most once a question, all at the same time, and never for long."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

import httpx
import msgspec
import structlog

from agents.fleet.fleet_view import Owner
from episode_monitor.fleet.errors import Unreachable
from episode_monitor.fleet.peer_protocol import PREFIX, PartialAnswer, Path

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 3.0  # for one project: found in memory
LONG_ANSWER_SECONDS = 10.0  # for a list of very many projects, and for an act, which waits for the broker

T = TypeVar("T")


class Neighbours:
    """`client` is shared by all questions and closed by its owner."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask_all(
        self,
        owners: Sequence[Owner],
        path: Path,
        question: msgspec.Struct,
        kind: type[PartialAnswer[T]],
        seconds: float,
        *,
        is_enough: Callable[[PartialAnswer[T]], bool] = lambda told: False,
    ) -> list[PartialAnswer[T]]:
        """What each owner told; as soon as one told enough, that alone. Raises Unreachable where one gave no answer."""
        body = msgspec.json.encode(question)
        waiting = {asyncio.create_task(self._ask(owner, path, body, kind, seconds)) for owner in owners}
        told: list[PartialAnswer[T]] = []
        failures: list[Unreachable] = []
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    try:
                        told.append(task.result())
                    except Unreachable as error:
                        failures.append(error)
                enough = [answer for answer in told if is_enough(answer)]
                if enough:
                    return enough
        finally:
            for task in waiting:
                task.cancel()
        if failures:
            raise failures[0]
        return told

    async def _ask(
        self, owner: Owner, path: Path, body: bytes, kind: type[PartialAnswer[T]], seconds: float
    ) -> PartialAnswer[T]:
        headers = {"authorization": f"Bearer {owner.token}", "content-type": "application/json"}
        address = f"{owner.url.rstrip('/')}{PREFIX}/{path}"
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
                raise _refused(owner, answer.status_code)
            return msgspec.json.decode(answer.content, type=kind)
        except _NO_ANSWER as error:
            log.warning("another worker did not answer", url=owner.url, question=path, error=repr(error))
            raise Unreachable(
                f"The worker at {owner.url}, which owns a part of the projects, did not answer: ask again shortly."
            ) from error


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
    log.warning("another worker refused a question", url=owner.url, status=status)
    if status in (401, 403, 404):
        return Unreachable(
            f"Behind {owner.url} is not the worker that gave this address: give each worker a WORKER_URL of its own."
        )
    return Unreachable(f"The worker at {owner.url} cannot answer now (HTTP {status}): ask again shortly.")
