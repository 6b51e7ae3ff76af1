"""What every server that we start has in common: a port, a folder of its own, and an end that leaves nothing behind."""

import asyncio
import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from episode_monitor.demo.guarded import GuardedProcess, ServerError
from episode_monitor.demo.ports import free_port

_BIND_ATTEMPTS = 5


class LocalServer(ABC):
    """A server on loopback. Use it as a context manager, plain or async; the plain calls block.

    `port` is the wished one until `start`, then the one in use; `moved_from` is the wished port if that was taken.
    """

    name: ClassVar[str]
    start_seconds: ClassVar[float] = 90.0  # they need a tenth of that; a machine under heavy load needs more

    def __init__(self, port: int | None = None) -> None:
        self._wished_port = port
        self._process: GuardedProcess | None = None
        self._folder: Path | None = None
        self.port = port or 0
        self.moved_from: int | None = None

    def start(self) -> None:
        """Starts the server, after `pause` or `kill9` on its old port and data; returns when it answers.

        Raises ServerError or NoFreePortError.
        """
        if self.is_running:
            return
        if self._folder is not None:
            self._forget_process()
            self._run(self._folder)
            return
        refused: set[int] = set()
        while True:
            self.port = free_port(self._wished_port, avoid=refused)
            self.moved_from = self._wished_port if self._wished_port not in (None, self.port) else None
            self._folder = Path(tempfile.mkdtemp(prefix=f"episode-monitor-{self.name}-"))
            try:
                self._prepare(self._folder)
                self._run(self._folder)
            except BaseException as error:
                self.stop()
                refused.add(self.port)
                if not _port_was_taken_meanwhile(error) or len(refused) == _BIND_ATTEMPTS:
                    raise
            else:
                return

    def stop(self) -> None:
        """Stops the server and removes its data; nothing happens if it never ran."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def pause(self) -> None:
        """Stops the server and keeps its port and data for `start`."""
        self._forget_process()

    def kill9(self) -> None:
        """Ends the server without a farewell; `start` brings it back on its port and data."""
        if self._process is not None:
            self._process.kill9()

    def restart(self) -> None:
        """`pause`, then `start`."""
        self.pause()
        self.start()

    @property
    def is_running(self) -> bool:
        """False before the start, after the stop, and when the server has ended by itself."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """The server's own process id while it is started."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """The exit code of a server that has ended by itself, negative: by that signal; else None."""
        return self._process.returncode if self._process else None

    @property
    def log_file(self) -> Path:
        """What the server wrote. It goes with the server's folder."""
        return (self._folder or Path()) / "log"

    def _run(self, folder: Path) -> None:
        process = self._process = self._launch(folder)
        process.wait_until(lambda: self._answers(folder), self.start_seconds)

    def _forget_process(self) -> None:
        if self._process is not None:
            self._process.stop(keep=True)
            self._process = None

    def _prepare(self, folder: Path) -> None:  # noqa: B027 - most servers need nothing
        """Makes what the first start needs in the new, empty `folder`."""

    @abstractmethod
    def _launch(self, folder: Path) -> GuardedProcess: ...

    @abstractmethod
    def _answers(self, folder: Path) -> bool: ...

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)


def _port_was_taken_meanwhile(error: BaseException) -> bool:
    words = ("address already in use", "address in use", "could not bind", "is in use by another program")
    said = " ".join(str(error).lower().split())  # a log's lines are broken anywhere
    return isinstance(error, ServerError) and any(word in said for word in words)
