"""The events a project service may tell, checked when they are made: what the monitor would refuse never leaves here.

An event is immutable; `source` and `sequence` are given to it by whoever sends it.
"""

import itertools
import os
import re
import sys
import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Self

EventType = Literal[
    "episode.created",
    "episode.creation_succeeded",
    "episode.creation_failed",
    "episode.creation_conflict",
    "episode.renumbered",
    "episode.deleted",
]
RetryReason = Literal["conflict", "timeout", "error"]

EVENT_TYPES: frozenset[str] = frozenset(EventType.__args__)  # type: ignore[attr-defined]
RETRY_REASONS: frozenset[str] = frozenset(RetryReason.__args__)  # type: ignore[attr-defined]
MAX_EPISODE_NUMBER = 2_147_483_647
MAX_RETRIES = 1000
MAX_ERROR_CHARACTERS = 1000  # for people; the rest is cut off
MAX_ID_CHARACTERS = 128
MAX_NAME_CHARACTERS = 200  # of projects and episodes
MAX_INT64 = 2**63 - 1

_PROJECT = re.compile("[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
_EPISODE = re.compile("[^\ud800-\udfff]{1,200}", re.DOTALL)
_ID = re.compile("[^\ud800-\udfff]{1,128}", re.DOTALL)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_WITH_EPISODE = frozenset({"episode.created", "episode.renumbered", "episode.deleted"})
_WITH_NUMBER = frozenset({"episode.created", "episode.renumbered"})


class InvalidEvent(ValueError):
    """The event would be refused by the monitor; the message says which field and what it must be."""


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
    """32 hexadecimal digits nobody else has, a forked child neither."""
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
        if traceparent is not None and not _is_traceparent(traceparent):
            traceparent = None
        if error is not None:
            error = _tidy_error(error)
        if occurred_at_ms is None:
            occurred_at_ms = now_ms()
        event = super().__new__(
            cls, _plain(type), _plain(project_id), _plain(operation_id), _plain(episode_id), episode_number, old_number,
            duration_seconds, retry_count, retry_reasons, had_conflict, error, backfill, traceparent,
            new_id() if event_id is None else _plain(event_id), occurred_at_ms,
        )  # fmt: skip
        fault = _fault_of_names(event) or _fault_of_numbers(event)
        if fault is None and (retry_count != 0 or retry_reasons):
            fault = _fault_of_retries(event)
        if fault is not None:
            raise InvalidEvent(fault)
        return event


# What a caller passes may be anything, whatever the annotations say.


def _plain(value: Any) -> Any:
    """A text without whatever a class of the caller's makes of it; all else unchanged."""
    return value if type(value) is str or not isinstance(value, str) else str.__str__(value)


def _is_text(value: Any, most: int, pattern: re.Pattern[str]) -> bool:
    # Most texts are printable, which is seen sooner than that they match.
    return type(value) is str and (
        (0 < len(value) <= most and value.isprintable()) or pattern.fullmatch(value) is not None
    )


def _is_traceparent(value: object) -> bool:
    return type(value) is str and _TRACEPARENT.fullmatch(value) is not None


def _tidy_error(value: object) -> str:
    return str.__str__(str(_plain(value))[:MAX_ERROR_CHARACTERS]).encode("utf-8", "replace").decode()


def _fault_of_names(event: Any) -> str | None:
    kind, episode_id, operation_id = event.type, event.episode_id, event.operation_id
    if kind not in EVENT_TYPES:
        return f"type must be one of {', '.join(sorted(EVENT_TYPES))}."
    if not _is_text(event.project_id, MAX_NAME_CHARACTERS, _PROJECT):
        return "project_id must be a text of 1 to 200 characters without control characters."
    if episode_id is None:
        if kind in _WITH_EPISODE:
            return f"episode_id is needed for {kind}."
    elif not _is_text(episode_id, MAX_NAME_CHARACTERS, _EPISODE):
        return "episode_id must be a text of 1 to 200 characters."
    if operation_id is not None and not _is_text(operation_id, MAX_ID_CHARACTERS, _ID):
        return "operation_id must be a text of 1 to 128 characters."
    if not _is_text(event.event_id, MAX_ID_CHARACTERS, _ID):
        return "event_id must be a text of 1 to 128 characters."
    return None


def _fault_of_numbers(event: Any) -> str | None:
    number, old, duration = event.episode_number, event.old_number, event.duration_seconds
    if number is None:
        if event.type in _WITH_NUMBER:
            return f"episode_number is needed for {event.type}."
    elif type(number) is not int or not 1 <= number <= MAX_EPISODE_NUMBER:
        return f"episode_number must be a whole number from 1 to {MAX_EPISODE_NUMBER}."
    if old is not None and (type(old) is not int or not -MAX_INT64 <= old <= MAX_INT64):
        return "old_number must be a whole number."
    if duration is not None and (type(duration) not in (int, float) or not 0 <= duration <= sys.float_info.max):
        return "duration_seconds must be a finite number of at least 0."
    if type(event.occurred_at_ms) is not int or not 0 <= event.occurred_at_ms < 253_402_300_800_000:
        return "occurred_at_ms must be whole milliseconds between 1970 and 9999."
    if type(event.had_conflict) is not bool or type(event.backfill) is not bool:
        return "had_conflict and backfill must be true or false."
    return None


def _fault_of_retries(event: Any) -> str | None:
    count, reasons = event.retry_count, event.retry_reasons
    if type(count) is not int or not 0 <= count <= MAX_RETRIES:
        return f"retry_count must be a whole number from 0 to {MAX_RETRIES}."
    if reasons:
        if type(reasons) is not tuple or not all(type(r) is str and r in RETRY_REASONS for r in reasons):
            return "retry_reasons must be a tuple of conflict, timeout and error."
        if len(reasons) != count:
            return f"retry_reasons has {len(reasons)} entries for a retry_count of {count}; it must have one a retry."
    return None


def _reasons(given: Sequence[RetryReason]) -> tuple[RetryReason, ...]:
    if len(given) > MAX_RETRIES:  # before they are copied
        raise InvalidEvent(f"retry_reasons must have at most {MAX_RETRIES} entries.")
    return tuple(_plain(reason) for reason in given)


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
        retry_reasons=_reasons(retry_reasons) if retry_reasons else (),
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
        retry_reasons=_reasons(retry_reasons) if retry_reasons else (),
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
        retry_reasons=_reasons(retry_reasons) if retry_reasons else (),
        had_conflict=had_conflict,
        traceparent=traceparent,
    )


def creation_conflict(
    project_id: str, *, operation_id: str | None = None, traceparent: str | None = None
) -> EpisodeEvent:
    """Somebody else took the number first and the attempt goes on."""
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
