"""What a worker process gets from its supervisor, and the line between both.

The supervisor writes the seat as one line of JSON. The worker answers with one byte when it takes signals, and with
another when it is ready for the first time. The end of the line is the end of the supervisor.
"""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Final

import msgspec

from episode_monitor.exits import ExitCode, Failure

TAKES_SIGNALS: Final = b"s"
IS_READY: Final = b"r"


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """The place of one worker process among its siblings; they are numbered from 1.

    `addresses` are those of the siblings' own ports on this machine, by number, and `url` is how workers elsewhere
    reach this one. `counters_fds` are files in which each keeps its counters for whoever takes its place.
    """

    number: int
    is_replacement: bool  # another process had this place before
    public_fd: int  # the socket that listens for all
    own_port: int  # reserved for this one alone
    counters_fds: tuple[int, ...]
    addresses: tuple[str, ...]
    url: str
    token: str  # for requests between siblings


class Line:
    """The worker's end of the line; `seat` is what came over it."""

    def __init__(self, fd: int) -> None:
        """Waits for the seat. Raises Failure where nothing comes."""
        self._socket = socket.socket(fileno=fd)
        os.set_inheritable(fd, False)
        with self._socket.makefile("rb") as given:
            line = given.readline()
        if not line.endswith(b"\n"):
            raise Failure("The supervisor ended before this worker process had started.", ExitCode.CRASHED)
        self.seat = msgspec.json.decode(line, type=Seat)
        for inherited in (self.seat.public_fd, *self.seat.counters_fds):
            os.set_inheritable(inherited, False)

    def say(self, word: bytes) -> None:
        """Tell the supervisor; nothing happens where it is gone, for then this process ends as well."""
        with suppress(OSError):
            self._socket.send(word)

    async def ended(self) -> None:
        """Returns when the supervisor is gone."""
        self._socket.setblocking(False)
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while await loop.sock_recv(self._socket, 64):
                pass
