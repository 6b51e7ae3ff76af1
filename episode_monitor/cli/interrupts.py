"""Ctrl-C of a command that first brings its work to a place from which it can go on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupts:
    """`is_pressed` after a Ctrl-C inside `gentle`. Elsewhere Ctrl-C cancels the task of `asyncio.run`: an exception in
    the middle of the event loop would leave tasks behind half-cancelled. `reads_file`: it raises KeyboardInterrupt all
    the same, because a file that is a pipe blocks the loop, and nothing else ends that.
    """

    def __init__(self, *, reads_file: bool) -> None:
        self._handler = _raise if reads_file else signal.default_int_handler
        self.is_pressed = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.is_pressed:
            raise KeyboardInterrupt
        self.is_pressed = True

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ctrl-C counts here even if it was ignored before; to be entered by the main thread."""
        with _handled_by(self._handler):
            yield

    @contextmanager
    def gentle(self) -> Iterator[None]:
        """The first Ctrl-C in here only sets `is_pressed`."""
        with _handled_by(self._take):
            yield


def _raise(number: int, frame: FrameType | None) -> None:
    """As Python's own handler does, which `asyncio.run` replaces by one that cancels."""
    raise KeyboardInterrupt


@contextmanager
def _handled_by(handler: Any) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
