"""Ctrl-C of a command that first brings its work to a place from which it can go on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """`is_pressed` after a Ctrl-C while `is_gentle`; any other Ctrl-C raises KeyboardInterrupt where the program is."""

    def __init__(self) -> None:
        self.is_gentle = False
        self.is_pressed = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        if not self.is_gentle or self.is_pressed:
            raise KeyboardInterrupt
        self.is_pressed = True

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While it is entered; to be entered by the main thread."""
        before = signal.signal(signal.SIGINT, self._take)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
