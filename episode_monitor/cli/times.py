"""Options that are times: RFC 3339, or before now. A worker is asked in RFC 3339 alone."""

import time
from typing import Annotated, Final

import typer

from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.ranges import BadRange, moment_ms, time_ms
from models.times import rfc3339

_AFTER: Final = "RFC 3339 with offset, or a time before now such as -2h; at or after it."
_BEFORE: Final = "The same; before it. Default: now."

From = Annotated[str | None, typer.Option("--from", help=_AFTER)]
Before = Annotated[str | None, typer.Option("--to", help=_BEFORE)]
Since = Annotated[str | None, typer.Option("--since", help=_AFTER)]
Until = Annotated[str | None, typer.Option("--until", help=_BEFORE)]


def moment(text: str, option: str) -> int:
    """Epoch milliseconds of an RFC 3339 time with offset. Raises Failure."""
    try:
        return moment_ms(text, option)
    except BadRange as error:
        raise Failure(str(error), ExitCode.USAGE) from None


def span(minutes: int | None, until: str | None, end: str) -> dict[str, int | str]:
    """How long something lasts that a worker is asked for: `minutes` (60 by default), or its `end`, by that name, in
    RFC 3339. Raises Failure."""
    if minutes is not None and until is not None:
        raise Failure("Give --minutes or --until, not both.", ExitCode.USAGE)
    return {"minutes": minutes or 60} if until is None else {end: rfc3339(moment(until, "--until"))}


def asked_ms(text: str | None, option: str, now_ms: int) -> int | None:
    """Epoch milliseconds. Raises Failure."""
    if text is None:
        return None
    try:
        return time_ms(text, option, now_ms)
    except BadRange as error:
        raise Failure(str(error), ExitCode.USAGE) from None


def asked_times(since: str | None, until: str | None, options: tuple[str, str]) -> tuple[str | None, str | None]:
    """Both as RFC 3339. Raises Failure."""
    now_ms = time.time_ns() // 1_000_000
    first, last = asked_ms(since, options[0], now_ms), asked_ms(until, options[1], now_ms)
    if first is not None and last is not None and first > last:
        raise Failure(f"The range ends before it begins; exchange {options[0]} and {options[1]}.", ExitCode.USAGE)
    return None if first is None else rfc3339(first), None if last is None else rfc3339(last)
