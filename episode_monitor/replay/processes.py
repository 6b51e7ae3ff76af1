"""A replay of a topic by several processes: each takes some of the partitions, with a reader of its own.

What they came to is put together by partition, so the report is the same as that of one process.
"""

import asyncio
import logging
import multiprocessing
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from typing import Any, Final

import msgspec

from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.run import Progress, ShowProgress
from episode_monitor.replay.sentences import with_sentences
from episode_monitor.replay.topic_source import TopicSource
from episode_monitor.replay.work import Done, Work, do, shares, together
from episode_monitor.settings.settings import Settings

TELL_SECONDS: Final = 0.2
_END_SECONDS: Final = 10.0
_pack = msgspec.msgpack.Encoder().encode


def do_in_processes(
    settings: Settings,
    topic: str,
    work: Work,
    processes: int,
    progress: ShowProgress | None,
    is_stopped: Callable[[], bool],
) -> Done:
    """Do it; `is_stopped` is asked now and then. Raises Failure."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    children = []
    try:
        for share in shares(work, processes):
            mine, theirs = context.Pipe()
            # The search path goes with it, and so the compiled form of the core where that is in use.
            child = context.Process(target=_child, args=(settings, topic, _pack(share), theirs, stop), daemon=True)
            child.start()
            theirs.close()
            children.append(_Child(child, mine))
        while any(each.done is None for each in children):
            ready = wait([each.connection for each in children if each.done is None], timeout=TELL_SECONDS)
            for each in children:
                if each.connection in ready:
                    each.hear()
            if progress is not None:
                progress(_sum(each.progress for each in children))
            if is_stopped():
                stop.set()
        return together([each.done for each in children if each.done is not None])
    finally:
        for each in children:
            each.end()


class _Child:
    """A process as its parent sees it."""

    def __init__(self, process: Any, connection: "Connection[Any, Any]") -> None:
        self._process = process
        self.connection = connection
        self.progress = Progress(0, 0, 0)
        self.done: Done | None = None

    def hear(self) -> None:
        """Take one message. Raises Failure where it failed."""
        try:
            kind, content = self.connection.recv()
        except (EOFError, OSError):
            self._process.join(_END_SECONDS)
            raise Failure(
                f"A process of the replay ended with {self._process.exitcode}, perhaps for want of memory; "
                f"use fewer --processes.",
                ExitCode.CRASHED,
            ) from None
        if kind == "progress":
            self.progress = Progress(*content)
        elif kind == "done":
            self.done = msgspec.msgpack.decode(content, type=Done)
        else:
            sentence, code = content
            raise Failure(sentence, ExitCode(code))

    def end(self) -> None:
        """Let go of it; one that still works is ended."""
        self.connection.close()
        if self.done is None:
            self._process.terminate()
        self._process.join(_END_SECONDS)


def _sum(parts: Any) -> Progress:
    each = list(parts)
    return Progress(sum(p.events for p in each), sum(p.done for p in each), sum(p.total or 0 for p in each))


def _child(settings: Settings, topic: str, packed: bytes, connection: "Connection[Any, Any]", stop: Event) -> None:
    """A process of its own. Ctrl-C is its parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError):  # the parent is gone
        try:
            done = asyncio.run(_work(settings, topic, msgspec.msgpack.decode(packed, type=Work), connection, stop))
            connection.send(("done", _pack(done)))
        except Failure as failure:
            connection.send(("failure", (str(failure), int(failure.code))))


async def _work(settings: Settings, topic: str, work: Work, connection: "Connection[Any, Any]", stop: Event) -> Done:
    from agents.engine.gc_tuning import spare_the_state
    from episode_monitor.access import kafka_access
    from episode_monitor.settings.rules_file import core_from

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    kafka, told = kafka_access(settings), time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            connection.send(("progress", msgspec.structs.astuple(progress)))

    spare_the_state()
    return await with_sentences(do(core_from(settings), TopicSource(kafka, topic), work, tell, stop.is_set), kafka)
