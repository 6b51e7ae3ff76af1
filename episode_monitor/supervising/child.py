"""One worker process as its supervisor sees it."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from episode_monitor.supervising.seat import Seat

SEAT_OPTION: Final = "--seat"
_PR_SET_PDEATHSIG: Final = 1


class Child:
    """Started when it is made. `line` is our end of its line."""

    def __init__(self, command: Sequence[str], seat: Seat) -> None:
        self.line, theirs = socket.socketpair()
        self.is_heard = True  # until its end of the line is closed
        with theirs:
            self._process = subprocess.Popen(
                [*command, SEAT_OPTION, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), seat.public_fd, *seat.counters_fds),
                preexec_fn=_ends_with_us(),
                process_group=0,  # Ctrl-C in a terminal comes to the supervisor alone, which tells the others
            )
        with suppress(OSError):  # it has ended already
            self.line.sendall(msgspec.json.encode(seat) + b"\n")
        self.line.setblocking(False)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def words(self) -> Iterator[bytes]:
        """What it has said since the last call, a byte each."""
        while self.is_heard:
            try:
                heard = self.line.recv(64)
            except BlockingIOError:
                return
            except OSError:
                heard = b""
            self.is_heard = bool(heard)
            yield from (heard[at : at + 1] for at in range(len(heard)))

    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        self._process.send_signal(number)

    def close(self) -> None:
        """Give the line back."""
        with suppress(OSError):
            self.line.close()


def _ends_with_us() -> Callable[[], None] | None:
    """What a new process runs before anything else, so that the kernel kills it when the supervisor is gone (Linux);
    elsewhere it ends itself when its line does."""
    if sys.platform != "linux":
        return None
    supervisor, libc = os.getpid(), ctypes.CDLL(None)

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os.kill(os.getpid(), signal.SIGKILL)

    return ask_kernel
