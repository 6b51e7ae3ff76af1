"""The one loop that asks: this worker first, the other owners all at once, and no answer before every partition that
matters was asked. What another worker found passes through as its bytes, unless the caller looks inside."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from episode_monitor.fleet.errors import Recovering, Refused
from episode_monitor.fleet.local_state import LocalState, parts_of_fleet
from episode_monitor.fleet.peer_client import PeerClient
from episode_monitor.fleet.question import PartialAnswer, Question, Scope

A = TypeVar("A")


class Ask(Protocol):
    """`Fleet.ask` alone."""

    def __call__(self, question: Question[Any, A], /) -> Awaitable[A]:
        """The answer. Raises ViewError."""


class Asks(Protocol):
    """Answers questions; `Fleet` does. Raises ViewError."""

    async def ask(self, question: Question[Any, A], /) -> A:
        """The answer."""

    async def encoded(self, question: Question[Any, Any], /) -> bytes | None:
        """The answer as JSON; None: no partition has it."""

    def version(self) -> str | None:
        """Changes whenever the fleet's summary or its active alerts would. None, or raising Recovering: unknown."""


class Fleet:
    """The workers of one monitor, asked from this one."""

    def __init__(self, here: LocalState, peers: PeerClient) -> None:
        self.here = here
        self._peers = peers

    async def ask(self, question: Question[Any, A]) -> A:
        """See `Asks`."""
        answer: A = await self._ask(question, question.found)
        return answer

    async def encoded(self, question: Question[Any, Any]) -> bytes | None:
        """See `Asks`."""
        answer = await self._ask(question, msgspec.Raw)
        return None if answer is None else msgspec.json.encode(answer)

    def version(self) -> str | None:
        """See `Asks`."""
        view = self.here.view
        parts = parts_of_fleet(view)
        stale = tuple(view.stale_partitions(parts))
        return f"{hash((tuple(part.version for part in parts), stale, self.here.acts_done)):x}"

    async def survey(self, question: Question[Any, Any]) -> list[PartialAnswer[Any]]:
        """What this worker and the others find; those that do not answer are left out."""
        owners = self.here.view.other_owners()
        others = self._peers.ask_all(owners, question, question.found, are_all_needed=False)
        own, found = await asyncio.gather(question.partial_answer(self.here), others)
        return [own, *found]

    async def _ask(self, question: Question[Any, Any], kind: Any) -> Any:
        """`kind` is what to decode a single owner's answer as."""
        question.check()
        match question.scope:
            case Scope.LOCAL:
                return await question.answer(self.here)
            case Scope.EVERY_OWNER:
                return await self._ask_all(question)
            case Scope.OTHERS:
                return self._merged(question, await self._ask_others(question, question.found))
        first = await self._ask_until_found(question, kind)
        whole = question.of_all_parts() if first.is_split else None
        if whole is not None:
            return await self._ask(whole, kind)
        return await question.conclude(first.found, self.here)

    async def _ask_all(self, question: Question[Any, Any]) -> Any:
        own, others = await asyncio.gather(
            question.partial_answer(self.here), self._ask_others(question, question.found)
        )
        self._check_coverage([own, *others])
        return self._merged(question, [own, *others])

    def _merged(self, question: Question[Any, Any], answers: Sequence[PartialAnswer[Any]]) -> Any:
        return question.merge([answer.found for answer in answers if answer.found is not None], self.here)

    async def _ask_until_found(self, question: Question[Any, Any], kind: Any) -> PartialAnswer[Any]:
        own = await question.partial_answer(self.here)
        if own.found is not None:
            return own
        others = await self._ask_others(question, kind, is_first_enough=True)
        for answer in others:
            if answer.found is not None:
                return answer
        if question.scope is Scope.ONE_PARTITION:
            raise Recovering
        self._check_coverage([own, *others])
        return own

    async def _ask_others(
        self, question: Question[Any, Any], kind: Any, *, is_first_enough: bool = False
    ) -> list[PartialAnswer[Any]]:
        owners = self.here.view.other_owners()
        answers = await self._peers.ask_all(owners, question, kind, is_first_enough=is_first_enough)
        for answer in answers:
            if answer.refusal is not None:
                raise Refused(answer.refusal)
        return answers

    def _check_coverage(self, answers: Sequence[PartialAnswer[Any]]) -> None:
        count = self.here.view.partition_count()
        asked = {partition for answer in answers for partition in answer.partitions}
        if not count or not asked.issuperset(range(count)):
            raise Recovering
