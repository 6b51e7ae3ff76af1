"""The supervisor of several worker processes: sockets, signals and processes; `decisions` says what is done when.

It listens for all of them and never accepts: the workers share the socket. It has one thread, for the kernel ends the
workers when the thread that started them is gone.
"""

import os
import secrets
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
import structlog

from episode_monitor.addresses import advertised_url, local_url
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.listening import CannotListen, listen, reserve
from episode_monitor.supervising.child import Child
from episode_monitor.supervising.decisions import Action, Processes, Start
from episode_monitor.supervising.seat import IS_READY, TAKES_SIGNALS, Seat

log = structlog.get_logger(__name__)

_LISTENED_TO: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)
_COMMAND: Final = (sys.executable, "-P", "-m", "episode_monitor", "worker")


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """`host` and `port` are listened on for all; each worker gets a port from `first_own_port` on, for 0 any free one.
    `public_url` is how other machines reach `host`."""

    host: str
    port: int
    public_url: str
    first_own_port: int = 0


class Supervisor:
    """Runs `count` workers until it is told to stop or one of them says that none can run. `check` raises Failure or
    an exception of the settings where a restart of all would fail."""

    def __init__(
        self, where: Where, count: int, check: Callable[[], None], command: Iterable[str] = _COMMAND
    ) -> None:  # fmt: skip
        """Listens. Raises CannotListen."""
        self._check = check
        self._command = tuple(command)
        self._public = listen(where.host, where.port)
        ports = range(where.first_own_port, where.first_own_port + count) if where.first_own_port else [0] * count
        self._reserved = [reserve(where.host, port, "WORKER_OWN_PORTS") for port in ports]
        own_ports = [each.getsockname()[1] for each in self._reserved]
        self._counters = [_nameless_file() for _ in range(count)]
        self._addresses = tuple(local_url(where.host, port) for port in own_ports)
        self._urls = [advertised_url(where.public_url, port) for port in own_ports]
        self._token = secrets.token_urlsafe(24)
        self._processes = Processes(count)
        self._children: dict[int, Child] = {}
        self._started: set[int] = set()
        self._is_rolling = False
        self._wake, self._waker = os.pipe()
        for end in (self._wake, self._waker):
            os.set_blocking(end, False)

    def run(self) -> int:
        """The exit code, when all have ended."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for listened_to in _LISTENED_TO:
            signal.signal(listened_to, _nothing)
        log.info("supervising", url=local_url(*self._public.getsockname()[:2]), processes=len(self._reserved))
        self._do(self._processes.begin(time.monotonic()))
        while self._processes.exit_code is None:
            self._wait()
            for number in self._signals():
                self._obey(number)
            self._hear()
            self._do(self._processes.due(time.monotonic()))
            self._note_rolled()
        log.info("stopped", exit_code=int(self._processes.exit_code))
        return self._processes.exit_code

    def _note_rolled(self) -> None:
        if self._is_rolling and not self._processes.is_rolling:
            self._is_rolling = False
            if not self._processes.is_stopping:
                log.info("all processes were restarted")

    def _wait(self) -> None:
        due, now = self._processes.next_due(), time.monotonic()
        watched = [self._wake, *(child.line.fileno() for child in self._children.values() if child.is_heard)]
        select.select(watched, [], [], None if due is None else max(0.0, due - now))

    def _signals(self) -> set[int]:
        try:
            return set(os.read(self._wake, 4096))
        except BlockingIOError:
            return set()

    def _obey(self, number: int) -> None:
        now = time.monotonic()
        if number in (signal.SIGTERM, signal.SIGINT):
            if not self._processes.is_stopping:
                log.info("stopping all processes")
            self._do(self._processes.stop(now))
        elif number == signal.SIGHUP:
            self._do(self._processes.reload())
        elif number == signal.SIGUSR1 and self._may_restart():
            log.info("restarting the processes one after the other")
            self._do(self._processes.roll(now))
            self._is_rolling = self._processes.is_rolling

    def _may_restart(self) -> bool:
        """Settings that a new process would refuse end all of them, so they are looked at before."""
        try:
            self._check()
        except Exception as error:
            log.error("nothing is restarted, because the settings are wrong now; correct them", error=str(error))
            return False
        return True

    def _hear(self) -> None:
        """What the processes say, and which have ended."""
        for number, child in list(self._children.items()):
            for word in child.words():
                if word == TAKES_SIGNALS:
                    self._do(self._processes.takes_signals(number))
                elif word == IS_READY:
                    self._do(self._processes.ready(number, time.monotonic()))
            code = child.exit_code()
            if code is not None:
                self._note_end(number, child, code)

    def _note_end(self, number: int, child: Child, code: int) -> None:
        del self._children[number]
        child.close()
        say = log.info if code == ExitCode.CLEAN or self._processes.is_stopping else log.warning
        now = time.monotonic()
        actions = self._processes.ended(number, code, now)
        how = {"signal": signal.Signals(-code).name} if code < 0 else {"exit_code": code}
        say("process ended", number=number, pid=child.pid, **how, starts_in_s=self._processes.starts_in(number, now))
        self._do(actions)

    def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Start):
                self._start(action.number)
            elif action.number in self._children:
                if action.signal == signal.SIGKILL:
                    log.error("process does not end; killing it", number=action.number)
                self._children[action.number].send(action.signal)

    def _start(self, number: int) -> None:
        seat = Seat(
            number=number,
            is_replacement=number in self._started,
            public_fd=self._public.fileno(),
            own_port=self._reserved[number - 1].getsockname()[1],
            counters_fds=tuple(self._counters),
            addresses=self._addresses,
            url=self._urls[number - 1],
            token=self._token,
        )
        self._started.add(number)
        child = Child(self._command, seat)
        self._children[number] = child
        log.info("process started", number=number, pid=child.pid, url=seat.url)


def _nothing(number: int, frame: object) -> None:
    """The signal is read from the pipe."""


def _nameless_file() -> int:
    """A file that is gone when the last process that has it open is."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("counters")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def supervise(where: Where, count: int, check: Callable[[], None]) -> int:
    """Run workers until SIGTERM or Ctrl-C; the exit code. Raises Failure."""
    try:
        supervisor = Supervisor(where, count, check)
    except CannotListen as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    return supervisor.run()
