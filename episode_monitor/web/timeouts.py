"""How long a caller may take, for the head of a request, its body, and the answer; and how many callers there may be.

No number of callers takes the descriptors that Kafka, PostgreSQL and receivers need. Where all places are taken, the
connection that has waited longest without a whole request gives way, so that a probe is answered however many hang on.
"""

import asyncio
import errno
import os
import resource
from typing import Any

import h11
import msgspec
import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

log = structlog.get_logger(__name__)

_CONNECTIONS_MOST = 1000
_REPEAT_SECONDS = 60.0  # between two lines of the log that say the same
_FULL = msgspec.json.encode(
    {
        "type": "about:blank", "title": "Service Unavailable", "status": 503, "code": "too_many_connections",
        "detail": "This worker has reached its limit of connections: close idle ones and try again shortly.",
    }
)  # fmt: skip


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one server."""

    head_seconds: float = 10.0
    body_seconds: float = 60.0
    answer_seconds: float = 60.0  # for the caller to take what is written, counted while it takes nothing or too little
    connections: int = 256  # a page uses two


def connections_for(descriptors: int) -> int:
    """How many connections a process with so many descriptors takes: a quarter, the rest is for its own work."""
    return max(16, min(_CONNECTIONS_MOST, descriptors // 4))


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one; answers what holds then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        return _bounded(soft)
    return _bounded(hard)


def descriptor_limit() -> int:
    """The soft limit of open files."""
    return _bounded(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _bounded(limit: int) -> int:
    return 1 << 20 if limit == resource.RLIM_INFINITY else limit


class DescriptorWatch:
    """Logs that no descriptor is left: the system then refuses connections before this process sees them."""

    def __init__(self) -> None:
        self._said_at = float("-inf")

    def look(self, now: float) -> bool:
        """Whether one is left. `now` is a monotonic clock in seconds."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                return True
            if now - self._said_at >= _REPEAT_SECONDS:
                self._said_at = now
                log.error(
                    "no file descriptors are left, so connections fail, also to receivers and Kafka; "
                    "raise the limit of open files (ulimit -n)",
                    limit=descriptor_limit(),
                )
            return False
        return True


class Doorkeeper:
    """The connections of one server, and which of them wait without a whole request, the longest first."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.waiting: dict[PatientProtocol, None] = {}
        self._said_at = float("-inf")

    def make_room(self, connections: int, now: float) -> bool:
        """Whether one more may come in; the longest waiting one is closed for it where all places are taken."""
        if connections <= self.patience.connections:
            return True
        if now - self._said_at >= _REPEAT_SECONDS:
            self._said_at = now
            log.warning("the limit of HTTP connections is reached", most=self.patience.connections)
        longest = next(iter(self.waiting), None)
        if longest is None:
            return False
        longest.give_way()
        return True


class PatientProtocol(H11Protocol):
    """Uvicorn's protocol with deadlines. `doorkeeper` is set by `protocol_for`."""

    doorkeeper: Doorkeeper

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._is_refused = False
        self._phase: tuple[str, object] = ("", None)  # what is waited for, and after which request
        self._deadline: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # notified of every answer that is not read at once
        self._is_refused = not self.doorkeeper.make_room(len(self.connections), self.loop.time())
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self.doorkeeper.waiting.pop(self, None)
        for timer in (self._deadline, self._taking):
            if timer is not None:
                timer.cancel()
        self._phase = ("lost", None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            self._say_and_close(503, _FULL)
            return
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._taking is None:
            self._taking = self.loop.call_later(self.doorkeeper.patience.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def give_way(self) -> None:
        """Close at once, for another connection."""
        self.doorkeeper.waiting.pop(self, None)
        self.connections.discard(self)  # its place is free from now on
        self._say_and_close(408 if self._phase[0] == "head" else None)

    def _watch(self) -> None:
        """Find out what is waited for, and set its deadline where that is new."""
        phase = (self._awaited(), self.cycle)
        if phase == self._phase or self._phase[0] == "lost":
            return
        self._phase = phase
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        patience = self.doorkeeper.patience
        seconds = {"first": patience.head_seconds, "head": patience.head_seconds, "body": patience.body_seconds}
        if phase[0] in seconds:
            self._deadline = self.loop.call_later(seconds[phase[0]], self._expire)
        self.doorkeeper.waiting.pop(self, None)
        cycle = self._cycle()
        if cycle is None or cycle.response_complete:
            self.doorkeeper.waiting[self] = None

    def _awaited(self) -> str:
        """`first`: anything at all; `head`, `body`: the rest of it; `next`: idle; `answer`: ours to give."""
        if self.conn.their_state is h11.SEND_BODY:
            return "body"
        if self.conn.their_state is not h11.IDLE:
            return "answer"
        if self.conn.trailing_data[0]:
            return "head"
        return "first" if self._cycle() is None else "next"

    def _cycle(self) -> RequestResponseCycle | None:
        """The last request; none before the first."""
        return self.cycle

    def _expire(self) -> None:
        cycle = self._cycle()
        is_begun = cycle is not None and cycle.response_started
        self._say_and_close(None if self._phase[0] == "first" or (self._phase[0] == "body" and is_begun) else 408)

    def _say_and_close(self, status: int | None, body: bytes = b"") -> None:
        """End the connection with a bare answer or, for None, without one. What is not taken is dropped in time."""
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        cycle = self._cycle()
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if status is not None:
            phrase = {408: b"Request Timeout", 503: b"Service Unavailable"}[status]
            kind = b"content-type: application/problem+json\r\nretry-after: 1\r\n" if body else b""
            self.transport.write(
                b"HTTP/1.1 %d %s\r\nconnection: close\r\n%scontent-length: %d\r\n\r\n%s"
                % (status, phrase, kind, len(body), body)
            )
        self.transport.close()


def protocol_for(patience: Patience) -> type[asyncio.Protocol]:
    """The protocol of one server; its connections share a doorkeeper."""
    return type("ServersProtocol", (PatientProtocol,), {"doorkeeper": Doorkeeper(patience)})
