"""How a command ends: the exit codes and what is said to people."""

import atexit
import os
import signal
from enum import IntEnum
from types import FrameType


class ExitCode(IntEnum):
    """The contract of every command."""

    CLEAN = 0
    ISSUES_FOUND = 1
    USAGE = 2  # wrong words or a wrong setting
    UNREACHABLE = 3  # a dependency does not answer
    REFUSED = 4
    CRASHED = 70  # the worker gave up rather than go on in doubt; whoever supervises it starts it again
    INTERRUPTED = 130  # by Ctrl-C, as shells have it


class Failure(Exception):
    """Ends a command with a sentence on standard error and this code."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(sentence)
        self.code = code


class NotReady(Failure):
    """A dependency answers that it cannot answer yet."""


class Interrupted(Failure):
    """Ctrl-C ended the waiting, and what was begun elsewhere goes on."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, ExitCode.INTERRUPTED)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    os.write(2, b"episode-monitor: Interrupted while it started; nothing was done.\n")
    os._exit(ExitCode.INTERRUPTED)


def begin_start() -> None:
    """From here to `end_start` Ctrl-C ends the process at once: an import may swallow or disguise KeyboardInterrupt.

    When everything is over, SIGINT is blocked: otherwise Python dies of a late one, or of one that came in an `exec`.
    """
    atexit.register(signal.pthread_sigmask, signal.SIG_BLOCK, {signal.SIGINT})  # the first one runs last
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it may be ignored, as in the background
        signal.signal(signal.SIGINT, _end_at_once)


def end_start() -> None:
    """The command runs: Ctrl-C raises KeyboardInterrupt, or cancels the task of `asyncio.run`."""
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_interruption(error: BaseException | None) -> bool:
    """Whether it is Ctrl-C, or was raised from it, as Python does in the creation of a class."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None
