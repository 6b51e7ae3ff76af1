"""What the live monitor holds: the digests of a partition's projects, and all of one, from any of its workers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec

from episode_monitor.exits import ExitCode, Failure, NotReady
from models.project_facts import ProjectFacts, ProjectFactsAnswer, ProjectStateRow, ProjectStatesPage

PATIENCE_SECONDS: Final = 60.0  # a rebalance and the recovery after it
RETRY_SECONDS: Final = 0.5
MAX_RESTARTS: Final = 10  # of a list whose partition moves while it is read

Get = Callable[[str, dict[str, Any]], Awaitable[Any]]  # a path and its parameters; raises Failure
T = TypeVar("T")


class LivePartition(msgspec.Struct, frozen=True):
    """A partition as its owner answered. A row is None once it is known to be equal. `next_offset`: all records before
    it had been taken when the list began."""

    number: int
    topic: str
    monitor_id: str
    next_offset: int
    rules_digest: str
    rows: dict[str, ProjectStateRow | None]


class LiveMonitor:
    """Every method raises Failure. While partitions move or recover, or a worker that answered before is away, it asks
    again for a minute."""

    def __init__(self, address: str, get: Get, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.address = address
        self._get = get
        self._sleep = sleep
        self._has_answered = False

    async def partition(self, number: int) -> LivePartition:
        """All projects of a partition."""
        for _ in range(MAX_RESTARTS):
            found = await self._list(number)
            if found is not None:
                return found
        raise Failure(
            f"Partition {number} of the monitor at {self.address} moves again and again; try again when it rests.",
            ExitCode.UNREACHABLE,
        )

    async def facts(self, partition: int, project_id: str) -> ProjectFacts | None:
        """All that a project holds; None where the partition does not have it."""
        parameters = {"partition": partition, "project_id": project_id}
        return (await self._ask("/integrity/facts", parameters, ProjectFactsAnswer)).facts

    async def _list(self, number: int) -> LivePartition | None:
        """None where the partition moved meanwhile: places are good within one generation."""
        page = first = await self._page(number, None)
        rows: dict[str, ProjectStateRow | None] = {}
        while True:
            rows.update((row.project_id, row) for row in page.rows)
            if page.next_cursor is None:
                return LivePartition(
                    number, first.topic, first.monitor_id, first.next_offset, first.rules_digest, rows
                )  # fmt: skip
            page = await self._page(number, page.next_cursor)
            if page.generation != first.generation:
                return None

    async def _page(self, number: int, cursor: str | None) -> ProjectStatesPage:
        given = {"partition": number} if cursor is None else {"partition": number, "cursor": cursor}
        return await self._ask("/integrity/states", given, ProjectStatesPage)

    async def _ask(self, path: str, parameters: dict[str, Any], kind: type[T]) -> T:
        waited = 0.0
        while True:
            try:
                answer = await self._get(path, parameters)
                self._has_answered = True
                return msgspec.convert(answer, kind)
            except Failure as failure:
                may_wait = isinstance(failure, NotReady) or self._has_answered
                if failure.code is not ExitCode.UNREACHABLE or not may_wait or waited >= PATIENCE_SECONDS:
                    raise self._explained(failure) from None
            except msgspec.ValidationError as error:
                raise Failure(
                    f"The worker at {self.address} answers in another form ({error}); use the version of the worker.",
                    ExitCode.REFUSED,
                ) from None
            await self._sleep(RETRY_SECONDS)
            waited += RETRY_SECONDS

    def _explained(self, failure: Failure) -> Failure:
        if "(not_found)" in str(failure):
            return Failure(
                f"The worker at {self.address} is of a version that lists no states: upgrade it first.",
                ExitCode.REFUSED,
            )
        return failure
