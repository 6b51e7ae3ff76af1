"""Which projects of one partition have a part in another one."""

import msgspec

from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import ANSWER_SECONDS, PartialAnswer, Question, Scope


class SeenPart(msgspec.Struct, frozen=True, array_like=True):
    """A project of a question, by its place there, has a part in this partition."""

    place: int
    partition: int
    has_no_key: bool


class SplitPartsQuestion(Question[list[SeenPart], None], frozen=True, kw_only=True):
    """Asked by the owner of a partition; see `episode_monitor.fleet.split_watch`. `keyless`: places of those whose
    records there had no key. `wait_seconds`: wait at most so long until all is taken that the logs hold."""

    scope = Scope.EVERY_OWNER
    found = list[SeenPart]
    partition: int
    projects: list[str]
    keyless: list[int] = msgspec.field(default_factory=list)
    wait_seconds: float = 0.0

    @property
    def timeout_seconds(self) -> float:
        return ANSWER_SECONDS + self.wait_seconds

    async def partial_answer(self, here: LocalState) -> PartialAnswer[list[SeenPart]]:
        answer: PartialAnswer[list[SeenPart]] = await here.find_parts(self)
        return answer
