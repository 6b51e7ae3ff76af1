"""`EpisodePerformanceTracker`: what a project service calls where it creates, renumbers and deletes episodes.

Nothing of it waits or raises: a wrong argument costs the event, one line in the log and a count.
"""

import functools
import inspect
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar, cast

from . import events
from .client import EventSink, current_client
from .event_checks import MAX_ID_CHARACTERS
from .events import EpisodeEvent, RetryReason
from .operation import Operation
from .tracing import current_traceparent

log = logging.getLogger("episode_monitor_client")

MAX_OPEN_OPERATIONS = 10_000  # begun and never ended; the oldest is forgotten
LOG_SECONDS = 60.0  # between two lines about events that could not be made

P = ParamSpec("P")
R = TypeVar("R")


class EpisodePerformanceTracker:
    """Measures operations and sends their events. One per process is enough; any thread may use it."""

    def __init__(self, sink: EventSink | None = None) -> None:
        """`sink` None: the client of the process, as the environment configures it."""
        self._sink = sink
        self._open: OrderedDict[str, float] = OrderedDict()  # each step on it is one, whatever other threads do
        self._logged_at = -LOG_SECONDS
        self.invalid = 0  # events that could not be made of what was said

    def start_operation(self, name: str = "create") -> str:
        """Begins to time an attempt and answers its operation id: `name` with a random tail, so that two never meet."""
        operation_id = _operation_id(name)
        self._open[operation_id] = time.perf_counter()
        if len(self._open) > MAX_OPEN_OPERATIONS:
            with suppress(KeyError):  # others may have ended them all
                self._open.popitem(last=False)
        return operation_id

    def end_operation(
        self,
        operation_id: str,
        project_id: str,
        episode_id: str | None = None,
        success: bool = True,
        retry_count: int | None = None,
        had_conflict: bool = False,
        *,
        episode_number: int | None = None,
        retry_reasons: Sequence[RetryReason] = (),
        error: str | None = None,
        traceparent: str | None = None,
    ) -> float:
        """Emits the ending and returns the duration in seconds, 0.0 for an operation that was not begun here.

        A success without `episode_number` counts in rates and latencies; numbering knows nothing of the episode until
        its number is stated: with `episode_number` here, or by an event `created` of the same `operation_id`.
        """
        started = self._open.pop(operation_id, None) if type(operation_id) is str else None
        duration_seconds = None if started is None else time.perf_counter() - started
        known: dict[str, Any] = {
            "operation_id": operation_id,
            "duration_seconds": duration_seconds,
            "retry_count": retry_count,
            "retry_reasons": retry_reasons,
            "had_conflict": had_conflict,
        }
        if success is True or (success is not False and _is_true(success)):
            if episode_number is None:
                self._tell(events.creation_succeeded, traceparent, project_id, episode_id=episode_id, **known)
            else:
                self._tell(events.created, traceparent, project_id, episode_id, episode_number, **known)
        else:
            self._tell(events.creation_failed, traceparent, project_id, error, **known)
        return duration_seconds or 0.0

    def conflict(self, operation_id: str, project_id: str, *, traceparent: str | None = None) -> None:
        """Another creation took the number first, and the operation continues."""
        self._tell(events.creation_conflict, traceparent, project_id, operation_id=operation_id)

    def renumbered(
        self,
        project_id: str,
        episode_id: str,
        episode_number: int,
        old_number: int | None = None,
        *,
        traceparent: str | None = None,
    ) -> None:
        """An episode has another number now. To be called after the commit."""
        self._tell(events.renumbered, traceparent, project_id, episode_id, episode_number, old_number=old_number)

    def deleted(self, project_id: str, episode_id: str, *, traceparent: str | None = None) -> None:
        """An episode is gone. To be called after the commit."""
        self._tell(events.deleted, traceparent, project_id, episode_id)

    def operation(self, project_id: str, name: str = "create", *, traceparent: str | None = None) -> Operation:
        """`async with tracker.operation("p") as op: ... op.created(episode.id, episode.number)`; plain `with` too."""
        return Operation(self._tell, _operation_id(name), project_id, traceparent)

    def track(
        self,
        project_id: str | Callable[..., str] = "project_id",
        result: Callable[[Any], tuple[str, int]] | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """A decorator for functions, async or not, that create an episode and return it.

        `project_id`: the name of the argument that holds it, or what makes it of the arguments. `result`: makes episode
        id and number of what was returned; by default its `id` and `number`, attributes or keys. Inside,
        `current_operation()` takes conflicts and retries.
        """

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            project_of = project_id if callable(project_id) else _argument(function, project_id)

            def begin(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Operation:
                return self.operation(_quietly(project_of, *args, **kwargs), getattr(function, "__name__", "create"))

            def end(operation: Operation, returned: Any) -> None:
                episode = _quietly(result or _id_and_number, returned)
                if isinstance(episode, tuple) and len(episode) == 2:
                    operation.created(*episode)

            return _wrapped(function, begin, end)

        return decorate

    def _tell(self, make: Callable[..., EpisodeEvent], traceparent: str | None, /, *told: Any, **known: Any) -> bool:
        try:
            sink = self._sink or current_client()
            if not sink.enabled:
                return False
            return sink.emit(make(*told, traceparent=traceparent or current_traceparent(), **known))
        except Exception as error:
            self.invalid += 1
            now = time.monotonic()
            if now - self._logged_at >= LOG_SECONDS:
                self._logged_at = now
                with suppress(Exception):  # even the host's logging may be broken
                    log.error("an episode event could not be made (%d so far): %s", self.invalid, error)
            return False


def _operation_id(name: object) -> str:
    """`name`, whatever it is, with a tail that makes it the only one."""
    if type(name) is not str:
        try:
            name = str(name)
        except Exception:
            name = "create"
    return f"{name[: MAX_ID_CHARACTERS - 33]}-{events.new_id()}"


def _is_true(value: object) -> bool:
    """As `bool` has it; what raises there is something, and so true."""
    try:
        return bool(value)
    except Exception:
        return True


def _wrapped(
    function: Callable[P, R],
    begin: Callable[[tuple[Any, ...], Mapping[str, Any]], Operation],
    end: Callable[[Operation, Any], None],
) -> Callable[P, R]:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def tracked_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            with begin(args, kwargs) as operation:
                returned = await function(*args, **kwargs)
                end(operation, returned)
                return returned

        return cast(Callable[P, R], tracked_async)

    @functools.wraps(function)
    def tracked(*args: P.args, **kwargs: P.kwargs) -> R:
        with begin(args, kwargs) as operation:
            returned = function(*args, **kwargs)
            end(operation, returned)
            return returned

    return tracked


def _argument(function: Callable[..., Any], name: str) -> Callable[..., str]:
    """What gives the argument of this name. Raises TypeError at once where the function has none."""
    signature = inspect.signature(function)
    if name not in signature.parameters:
        raise TypeError(
            f"{function!r} has no argument {name!r}; say track(project_id=...) which one is the project's id"
        )

    def value(*args: Any, **kwargs: Any) -> str:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return cast(str, bound.arguments[name])

    return value


def _id_and_number(episode: Any) -> tuple[str, int]:
    if isinstance(episode, Mapping):
        return episode["id"], episode["number"]
    return episode.id, episode.number


def _quietly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """None where it raises: the event is then one that cannot be made, which is counted."""
    try:
        return function(*args, **kwargs)
    except Exception:
        log.debug("what the event needs could not be found", exc_info=True)
        return None
