"""One attempt to create an episode, from its beginning to its ending; a context manager, with `async` or without.

An exception raised inside is sent as a failure and propagates unchanged.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

from .event_checks import MAX_ERROR_CHARACTERS
from .events import (
    MAX_RETRIES,
    EpisodeEvent,
    RetryReason,
    created,
    creation_conflict,
    creation_failed,
)

Tell = Callable[..., bool]  # what makes the event, the trace and what to make it of; queues it, lets nothing escape

_current: ContextVar["Operation | None"] = ContextVar("episode_monitor_operation", default=None)


def current_operation() -> "Operation | None":
    """The operation around the caller, as a decorated function or a `with` block began it."""
    return _current.get()


class Operation:
    """Made by `EpisodePerformanceTracker.operation`. Its methods never raise."""

    def __init__(self, tell: Tell, operation_id: str, project_id: str, traceparent: str | None = None) -> None:
        self.operation_id = operation_id
        self.project_id = project_id
        self.had_conflict = False
        self.duration_seconds: float | None = None  # once it has ended
        self._retry_reasons: list[RetryReason] = []
        self._tell = tell
        self._traceparent = traceparent
        self._started = time.perf_counter()
        self._result: tuple[str, int] | None = None
        self._error: str | None = None
        self._ended = False
        self._token: Token[Operation | None] | None = None

    @property
    def retry_reasons(self) -> tuple[RetryReason, ...]:
        """One entry a retry so far."""
        return tuple(self._retry_reasons)

    def conflict(self) -> None:
        """Another creation took the number first; sent at once."""
        self.had_conflict = True
        self._tell(creation_conflict, self._traceparent, self.project_id, operation_id=self.operation_id)

    def retry(self, reason: RetryReason) -> None:
        """It is tried again, because of `conflict`, `timeout` or `error`; counted up to 1000."""
        if len(self._retry_reasons) < MAX_RETRIES:
            self._retry_reasons.append(reason)

    def created(self, episode_id: str, episode_number: int) -> None:
        """The creation succeeded; sent when the block ends."""
        self._result = (episode_id, episode_number)

    def failed(self, error: str | None = None) -> None:
        """The creation failed; sent when the block ends. Not needed if an exception leaves the block."""
        self._error = "failed" if error is None else error

    def end(self) -> float:
        """Sends the ending and returns the duration in seconds; a second call sends nothing."""
        if self.duration_seconds is None:
            self.duration_seconds = time.perf_counter() - self._started
        if not self._ended:
            self._ended = True
            self._tell(self._ending, self._traceparent)
        return self.duration_seconds

    def _ending(self, traceparent: str | None) -> EpisodeEvent:
        known: dict[str, Any] = {
            "operation_id": self.operation_id,
            "duration_seconds": self.duration_seconds,
            "retry_reasons": self._retry_reasons,
            "had_conflict": self.had_conflict,
            "traceparent": traceparent,
        }
        if self._error is not None:
            return creation_failed(self.project_id, self._error, **known)
        if self._result is None:
            raise ValueError("the operation ended without created() or failed(): its outcome is unknown")
        return created(self.project_id, *self._result, **known)

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        token, self._token = self._token, None
        if token is not None:
            with suppress(ValueError):  # frameworks may leave a block in another context than they entered it
                _current.reset(token)
        if error is not None and self._result is None and self._error is None:
            self._error = _sentence(error)
        self.end()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


def _sentence(error: BaseException) -> str:
    """The host's exceptions may have a `__str__` that raises."""
    try:
        words = str(error)
    except Exception:
        words = ""
    words = words[:MAX_ERROR_CHARACTERS]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
