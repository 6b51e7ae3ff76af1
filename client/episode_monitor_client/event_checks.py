"""What each field of an event must be, in one sentence a rule. The caller may pass anything, whatever it annotates."""

import re
import sys
from collections.abc import Sequence
from typing import Any, Literal

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


def plain(value: Any) -> Any:
    """A text without whatever a class of the caller's makes of it; all else unchanged."""
    return value if type(value) is str or not isinstance(value, str) else str.__str__(value)


def _is_text(value: Any, most: int, pattern: re.Pattern[str]) -> bool:
    # Most texts are printable, which is seen sooner than that they match.
    return type(value) is str and (
        (0 < len(value) <= most and value.isprintable()) or pattern.fullmatch(value) is not None
    )


def is_traceparent(value: object) -> bool:
    """Whether it is one of W3C Trace Context."""
    return type(value) is str and _TRACEPARENT.fullmatch(value) is not None


def tidy_error(value: object) -> str:
    """A text that can be encoded, cut to its limit."""
    return str.__str__(str(plain(value))[:MAX_ERROR_CHARACTERS]).encode("utf-8", "replace").decode()


def fault_of_names(event: Any) -> str | None:
    """What is wrong with type, names or ids; None: nothing."""
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


def fault_of_numbers(event: Any) -> str | None:
    """What is wrong with numbers, times or flags; None: nothing."""
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


def fault_of_retries(event: Any) -> str | None:
    """What is wrong with retries; None: nothing."""
    count, reasons = event.retry_count, event.retry_reasons
    if type(count) is not int or not 0 <= count <= MAX_RETRIES:
        return f"retry_count must be a whole number from 0 to {MAX_RETRIES}."
    if reasons:
        if type(reasons) is not tuple or not all(type(r) is str and r in RETRY_REASONS for r in reasons):
            return "retry_reasons must be a tuple of conflict, timeout and error."
        if len(reasons) != count:
            return f"retry_reasons has {len(reasons)} entries for a retry_count of {count}; it must have one a retry."
    return None


def reasons_of(given: Sequence[RetryReason]) -> tuple[RetryReason, ...]:
    """The reasons as an event stores them. Raises InvalidEvent where there are too many."""
    if len(given) > MAX_RETRIES:  # before they are copied
        raise InvalidEvent(f"retry_reasons must have at most {MAX_RETRIES} entries.")
    return tuple(plain(reason) for reason in given)
