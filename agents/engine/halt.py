"""The end of a worker that is in doubt: nothing may be written any more, even should `stop` come back."""

from collections.abc import Callable


class Halt:
    """`stop` ends the process at once."""

    def __init__(self, stop: Callable[[str], None]) -> None:
        self.is_halted = False
        self._stop = stop

    def __call__(self, reason: str) -> None:
        self.is_halted = True
        self._stop(reason)
