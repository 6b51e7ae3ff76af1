"""What a question about the state of the fleet is: its parameters, which are also its wire form, who answers it, its
answer from one worker's memory, and where needed how the answers of several workers become one."""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from episode_monitor.fleet.errors import Recovering, Refusal
from episode_monitor.fleet.local_state import LocalPart, LocalState

ANSWER_SECONDS = 3.0  # for one project: found in memory
LONG_ANSWER_SECONDS = 10.0  # for very many projects, and for an act, which waits for the broker

T = TypeVar("T")  # what one worker finds
A = TypeVar("A")  # the answer to the caller


class Scope(Enum):
    """Who is asked, and when the answer is complete."""

    LOCAL = "local"  # this worker alone: it reads the whole fleet's published state, or a database
    ONE_OWNER = "one_owner"  # the first that finds it; None only where every partition was asked
    ONE_PARTITION = "one_partition"  # the owner of a partition that has one at all times; Recovering without an answer
    EVERY_OWNER = "every_owner"  # all of them; their answers are merged once every partition was asked
    OTHERS = "others"  # every other worker, whichever partitions it has


class PartialAnswer(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What one worker found in these partitions; None: it is in none of them. `is_split`: of one part of several."""

    partitions: list[int]
    found: T | None = None
    is_split: bool = False
    refusal: Refusal | None = None


class Question(msgspec.Struct, Generic[T, A], frozen=True, kw_only=True):
    """A file in `fleet/questions` or `fleet/acts` has one. `found` is the type of what one worker finds."""

    scope: ClassVar[Scope] = Scope.LOCAL
    seconds: ClassVar[float] = ANSWER_SECONDS  # the usual `timeout_seconds`
    found: ClassVar[Any] = None

    @classmethod
    def wire_name(cls) -> str:
        """The end of its address between workers: its name in small letters, without `Question`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__.removesuffix("Question")).lower()

    @property
    def timeout_seconds(self) -> float:
        """How long another worker may take."""
        return self.seconds

    def check(self) -> None:
        """Raises InvalidQuery for a parameter that no worker could answer, before any is asked."""

    async def answer(self, here: LocalState) -> T | None:
        """What this worker finds. Raises ViewError. It must change nothing and keep nothing in a partition's cache."""
        raise NotImplementedError

    async def partial_answer(self, here: LocalState) -> PartialAnswer[T]:
        """The same with the partitions that it speaks for. Raises Recovering if one of them that had to be asked has
        left meanwhile."""
        live = here.live
        found = await self.answer(here)
        if self.scope is Scope.EVERY_OWNER and not all(owned.is_live for owned in live):
            raise Recovering
        return PartialAnswer(partitions=[owned.number for owned in live], found=found)

    def merge(self, parts: Sequence[T], here: LocalState) -> A:
        """One answer of the answers of all; for `EVERY_OWNER` and `OTHERS`."""
        raise NotImplementedError

    def of_all_parts(self) -> "Question[Any, A] | None":
        """What to ask instead where the answer is of one part of several; None: such an answer will do."""
        return None

    async def conclude(self, found: Any, here: LocalState) -> Any:
        """The answer to the caller, given what the first owner found, or None; for `ONE_OWNER`. Raises ViewError."""
        return found


class OfProject(Question[T, T | None], Generic[T], frozen=True, kw_only=True):
    """A question about one project. If its events are in several partitions, the owner of the lowest answers for that
    part alone, so that all workers return the same; with `any_part`, the first owner that has a part. With
    `of_all_parts`, all owners are asked."""

    scope = Scope.ONE_OWNER
    any_part: ClassVar[bool] = False
    project_id: str

    def of(self, part: LocalPart) -> T:
        """The answer from the project's state. Raises ViewError."""
        raise NotImplementedError

    async def partial_answer(self, here: LocalState) -> PartialAnswer[T]:
        parts = here.parts_of(self.project_id) if self.any_part else here.counted_parts_of(self.project_id)
        for part in parts:
            return PartialAnswer(partitions=here.partitions, found=self.of(part), is_split=bool(part.state.split))
        return PartialAnswer(partitions=here.partitions)


class OfProjectParts(Question[list[T], A], Generic[T, A], frozen=True, kw_only=True):
    """A question about all parts of a project in several partitions."""

    scope = Scope.EVERY_OWNER
    seconds = LONG_ANSWER_SECONDS
    project_id: str

    def of(self, part: LocalPart) -> T | None:
        """What one part has; None: nothing."""
        raise NotImplementedError

    def join(self, parts: Sequence[T], here: LocalState) -> A:
        """One answer of all parts."""
        raise NotImplementedError

    async def answer(self, here: LocalState) -> list[T]:
        found = map(self.of, here.parts_of(self.project_id))
        return [one for one in found if one is not None]

    def merge(self, parts: Sequence[list[T]], here: LocalState) -> A:
        return self.join([one for found in parts for one in found], here)


def once_per_project(
    parts: Iterable[Iterable[T]], project: Callable[[T], str], *, order: Callable[[T], Any]
) -> list[T]:
    """What all owners found, in order, for `merge`. A project that is in several partitions appears once, by the lowest
    of `order`: until its parts are known of, each owner finds one."""
    seen: dict[str, T] = {}
    for one in sorted((one for part in parts for one in part), key=order):
        seen.setdefault(project(one), one)
    return list(seen.values())
