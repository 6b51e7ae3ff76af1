"""The events a project service may emit, checked when they are made: what the monitor would refuse never leaves here.

An event is immutable; the sender adds `source` and `sequence`.
"""

import itertools
import os
import time
from collections.abc import Sequence
from typing import NamedTuple, Self

from .event_checks import (
    EVENT_TYPES,
    MAX_EPISODE_NUMBER,
    MAX_RETRIES,
    RETRY_REASONS,
    EventType,
    InvalidEvent,
    RetryReason,
    fault_of_names,
    fault_of_numbers,
    fault_of_retries,
    is_traceparent,
    plain,
    reasons_of,
    tidy_error,
)

__all__ = [
    "EVENT_TYPES", "MAX_EPISODE_NUMBER", "MAX_RETRIES", "RETRY_REASONS", "EpisodeEvent", "EventType", "InvalidEvent",
    "RetryReason", "created", "creation_conflict", "creation_failed", "creation_succeeded", "deleted", "new_id",
    "now_ms", "renumbered",
]  # fmt: skip


class _Ids:
    """Drawn once for the process and counted from there: to ask the system each time lets other threads run first."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Ids of a process that has made none."""
        self.drawn = os.urandom(10).hex()
        self.numbers = itertools.count()


_ids = _Ids()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.begin)


def new_id() -> str:
    """32 unique hexadecimal digits, also in a forked child."""
    return f"{_ids.drawn}{next(_ids.numbers):012x}"


def now_ms() -> int:
    """The wall clock in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class _Fields(NamedTuple):
    """A tuple, because nothing else that cannot be changed is made as quickly."""

    type: EventType
    project_id: str
    operation_id: str | None
    episode_id: str | None
    episode_number: int | None
    old_number: int | None
    duration_seconds: float | None
    retry_count: int
    retry_reasons: tuple[RetryReason, ...]  # one a retry, or none at all
    had_conflict: bool
    error: str | None
    backfill: bool
    traceparent: str | None
    event_id: str
    occurred_at_ms: int


class EpisodeEvent(_Fields):
    """One event. Raises InvalidEvent where a field breaks its rule; a `traceparent` that is none becomes None."""

    __slots__ = ()

    def __new__(
        cls,
        *,
        type: EventType,
        project_id: str,
        operation_id: str | None = None,
        episode_id: str | None = None,
        episode_number: int | None = None,
        old_number: int | None = None,
        duration_seconds: float | None = None,
        retry_count: int = 0,
        retry_reasons: tuple[RetryReason, ...] = (),
        had_conflict: bool = False,
        error: str | None = None,
        backfill: bool = False,
        traceparent: str | None = None,
        event_id: str | None = None,
        occurred_at_ms: int | None = None,
    ) -> Self:
        """`event_id` None draws one; `occurred_at_ms` None is now."""
        if traceparent is not None and not is_traceparent(traceparent):
            traceparent = None
        if error is not None:
            error = tidy_error(error)
        if occurred_at_ms is None:
            occurred_at_ms = now_ms()
        event = super().__new__(
            cls, plain(type), plain(project_id), plain(operation_id), plain(episode_id), episode_number, old_number,
            duration_seconds, retry_count, retry_reasons, had_conflict, error, backfill, traceparent,
            new_id() if event_id is None else plain(event_id), occurred_at_ms,
        )  # fmt: skip
        fault = fault_of_names(event) or fault_of_numbers(event)
        if fault is None and (retry_count != 0 or retry_reasons):
            fault = fault_of_retries(event)
        if fault is not None:
            raise InvalidEvent(fault)
        return event


def created(
    project_id: str,
    episode_id: str,
    episode_number: int,
    *,
    operation_id: str | None = None,
    duration_seconds: float | None = None,
    retry_count: int | None = None,
    retry_reasons: Sequence[RetryReason] = (),
    had_conflict: bool = False,
    traceparent: str | None = None,
) -> EpisodeEvent:
    """An episode got its number. `retry_count` None: as many as there are reasons."""
    return EpisodeEvent(
        type="episode.created",
        project_id=project_id,
        episode_id=episode_id,
        episode_number=episode_number,
        operation_id=operation_id,
        duration_seconds=duration_seconds,
        retry_count=len(retry_reasons) if retry_count is None else retry_count,
        retry_reasons=reasons_of(retry_reasons) if retry_reasons else (),
        had_conflict=had_conflict,
        traceparent=traceparent,
    )


def creation_succeeded(
    project_id: str,
    *,
    episode_id: str | None = None,
    operation_id: str | None = None,
    duration_seconds: float | None = None,
    retry_count: int | None = None,
    retry_reasons: Sequence[RetryReason] = (),
    had_conflict: bool = False,
    traceparent: str | None = None,
) -> EpisodeEvent:
    """An attempt to create an episode ended well; which number it got is stated by a `created` event, or not at all."""
    return EpisodeEvent(
        type="episode.creation_succeeded",
        project_id=project_id,
        episode_id=episode_id,
        operation_id=operation_id,
        duration_seconds=duration_seconds,
        retry_count=len(retry_reasons) if retry_count is None else retry_count,
        retry_reasons=reasons_of(retry_reasons) if retry_reasons else (),
        had_conflict=had_conflict,
        traceparent=traceparent,
    )


def creation_failed(
    project_id: str,
    error: str | None = None,
    *,
    operation_id: str | None = None,
    duration_seconds: float | None = None,
    retry_count: int | None = None,
    retry_reasons: Sequence[RetryReason] = (),
    had_conflict: bool = False,
    traceparent: str | None = None,
) -> EpisodeEvent:
    """An attempt to create an episode was given up."""
    return EpisodeEvent(
        type="episode.creation_failed",
        project_id=project_id,
        error=error,
        operation_id=operation_id,
        duration_seconds=duration_seconds,
        retry_count=len(retry_reasons) if retry_count is None else retry_count,
        retry_reasons=reasons_of(retry_reasons) if retry_reasons else (),
        had_conflict=had_conflict,
        traceparent=traceparent,
    )


def creation_conflict(
    project_id: str, *, operation_id: str | None = None, traceparent: str | None = None
) -> EpisodeEvent:
    """Another attempt took the number first; this one goes on."""
    return EpisodeEvent(
        type="episode.creation_conflict", project_id=project_id, operation_id=operation_id, traceparent=traceparent
    )


def renumbered(
    project_id: str,
    episode_id: str,
    episode_number: int,
    *,
    old_number: int | None = None,
    traceparent: str | None = None,
) -> EpisodeEvent:
    """An episode has another number now."""
    return EpisodeEvent(
        type="episode.renumbered",
        project_id=project_id,
        episode_id=episode_id,
        episode_number=episode_number,
        old_number=old_number,
        traceparent=traceparent,
    )


def deleted(project_id: str, episode_id: str, *, traceparent: str | None = None) -> EpisodeEvent:
    """An episode is gone."""
    return EpisodeEvent(type="episode.deleted", project_id=project_id, episode_id=episode_id, traceparent=traceparent)
