"""How far each partition is applied, and where its log ends."""

from collections.abc import Sequence

import msgspec

from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Of one partition: the next offset to take, and where its log ends as far as the fetcher has heard."""

    partition: int
    next_offset: int
    end: int


class PositionsQuestion(Question[list[Position], list[Position]], frozen=True, kw_only=True):
    """Of every partition, in their order."""

    scope = Scope.EVERY_OWNER
    seconds = LONG_ANSWER_SECONDS
    found = list[Position]

    async def answer(self, here: LocalState) -> list[Position]:
        lag = here.view.engine.progress.lag
        return [Position(owned.number, owned.position, owned.position + lag(owned)) for owned in here.live]

    def merge(self, parts: Sequence[list[Position]], here: LocalState) -> list[Position]:
        return sorted((one for part in parts for one in part), key=lambda one: one.partition)
