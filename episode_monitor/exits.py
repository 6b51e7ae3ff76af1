"""How a command ends: the exit codes and what is said to people."""

from enum import IntEnum


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
