"""How every act changes a partition: under its lock and while it is live, the transitions emitted before anything is
kept, the state stored before anything is answered. What could not be emitted is undone.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from aiokafka.errors import KafkaError

from agents.engine.ownership import Owned
from agents.fleet_topic.fleet_view import FleetView
from episode_monitor.fleet.errors import Recovering, Unreachable
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from models.alert import Alert

T = TypeVar("T")
A = TypeVar("A")


class Performed(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A change in memory. `keep` marks it for the next flush; `undo` restores what was before."""

    answer: T
    emits: Sequence[Alert]
    undo: Callable[[], None]
    keep: Callable[[], None] = lambda: None


class Act(Question[T, A], Generic[T, A], frozen=True, kw_only=True):
    """A file in `fleet/acts` has one. `moved` is what to do where the partition left while the change was stored."""

    scope = Scope.ONE_OWNER
    seconds = LONG_ANSWER_SECONDS
    moved: ClassVar[str]

    def place(self, here: LocalState) -> Owned | None:
        """The partition of this worker in which it is to be done; None: not here."""
        raise NotImplementedError

    def perform(self, owned: Owned, view: FleetView) -> Performed[T] | T:
        """Change the state, or answer without a change. Raises Refused, Recovering, and has changed nothing then."""
        raise NotImplementedError

    async def answer(self, here: LocalState) -> T | None:
        owned = self.place(here)
        if owned is None:
            return None
        answer: T = await under_lock(here, owned, self)
        return answer


async def under_lock(here: LocalState, owned: Owned, act: Act[T, Any]) -> T:
    """The transaction. Raises ViewError; nothing was changed then, unless the partition moved while it was stored."""
    async with owned.locked() as change:
        if change is None:
            raise Recovering
        done = act.perform(owned, here.view)
        if not isinstance(done, Performed):
            return done
        try:
            await here.emit(change, done.emits)
        except BaseException as error:
            done.undo()
            if isinstance(error, KafkaError):
                raise Unreachable(
                    "Kafka did not accept the transition, so nothing was changed: try again shortly."
                ) from error
            raise
        done.keep()
        here.acts_done += 1
    await here.view.engine.flusher.flush()
    if not owned.is_live:
        raise Unreachable(f"The partition moved to another worker meanwhile: {act.moved}")
    here.mark_changed(owned.number)
    answer: T = done.answer
    return answer
