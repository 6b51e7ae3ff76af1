"""Options that `replay` and `rules backtest` share: which records, and how far time goes on after them."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from episode_monitor.access import kafka_access
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.file_source import FileSource
from episode_monitor.replay.ranges import BadRange, Position, Range, moment_ms, offsets_of, position_of
from episode_monitor.replay.sentences import with_sentences
from episode_monitor.replay.source import Source
from episode_monitor.replay.topic_source import TopicSource
from episode_monitor.settings.settings import Settings

T = TypeVar("T")

Lines = Annotated[
    Path | None,
    typer.Option("--jsonl", help="Read a file with one event per line, or - for standard input, instead of the topic."),
]
PartitionNumber = Annotated[int | None, typer.Option("--partition", help="Only this partition of the topic.", min=0)]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Start at an offset, one per partition (0:100,1:250), an RFC 3339 time with offset, or a time before now "
        "such as -2h. Partitions that are not named are read in full; --partition reads one alone.",
    ),
]
To = Annotated[str | None, typer.Option("--to", help="Stop before an offset, a time, or a time before now.")]
FromOffset = Annotated[
    str | None, typer.Option("--from-offset", help="Start at this offset, or at one per partition: 0:100,1:250.")
]
ToOffset = Annotated[
    str | None, typer.Option("--to-offset", help="Stop before this offset, or before one per partition: 0:100,1:250.")
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="RFC 3339 with offset: advance the clock to this time after the last event."),
]


ShowsProgress = Annotated[
    bool, typer.Option("--progress", help="Print progress every 10 s where standard error is no terminal.")
]


class Wanted(msgspec.Struct, frozen=True):
    """What a command was asked to replay."""

    jsonl: Path | None
    range: Range
    until_ms: int | None
    now_ms: int
    words: dict[str, str] = {}  # option -> its words, of those that were given

    def source(self, settings: Settings) -> Source:
        """The file, or the events topic."""
        if self.jsonl is not None:
            return FileSource(self.jsonl, self.now_ms, self.range)
        return TopicSource(kafka_access(settings), settings.events_topic, self.range)


def wanted(
    jsonl: Path | None, partition: int | None, begin: str | None, end: str | None, from_offset: str | None,
    to_offset: str | None, until: str | None,
) -> Wanted:  # fmt: skip
    """The options, read. Raises Failure."""
    now_ms = time.time_ns() // 1_000_000
    try:
        chosen = Range(
            partition,
            _one(begin, "--from", from_offset, "--from-offset", now_ms),
            _one(end, "--to", to_offset, "--to-offset", now_ms),
        )
        until_ms = None if until is None else moment_ms(until, "--until")
    except BadRange as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    given = {
        "--partition": partition, "--from": begin or from_offset, "--to": end or to_offset, "--until": until
    }  # fmt: skip
    words = {option: str(text) for option, text in given.items() if text is not None}
    return Wanted(jsonl, chosen, until_ms, now_ms, words)


def _one(text: str | None, option: str, offset: str | None, offset_option: str, now_ms: int) -> Position | None:
    if text is not None and offset is not None:
        raise BadRange(f"{option} and {offset_option} say the same twice; use one of them.")
    if offset is not None:
        return offsets_of(offset, offset_option)
    return None if text is None else position_of(text, option, now_ms)


def run(work: Callable[[], Coroutine[Any, Any, T]], settings: Settings, read: Path | None) -> T:
    """Run it; what it raises becomes a sentence and an exit code. `read`: the file that is read, None: the topic."""
    kafka = kafka_access(settings)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(with_sentences(work(), kafka))
    except OSError as error:
        raise Failure(f"{read or kafka} cannot be read: {error.strerror or error}.", ExitCode.USAGE) from None
