"""Our own programs as the demo runs them: each in a process of its own, with a port that is free and a log to read."""

import contextlib
import http.client
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from episode_monitor.demo.guarded import GuardedProcess
from episode_monitor.demo.ports import LOOPBACK
from episode_monitor.demo.server import LocalServer


class Program(LocalServer):
    """`python -m MODULE` with an HTTP face. `environment` is made when the port is known."""

    def __init__(
        self, name: str, words: list[str], port: int, environment: Callable[[int], Mapping[str, str]], ready: str = "/",
        files: Callable[[Path], None] | None = None,
    ) -> None:  # fmt: skip
        """`words`: module and arguments; `ready`: the path that answers 200 when it is up; `files` writes what it reads
        into its folder."""
        super().__init__(port)
        self.name = name  # type: ignore[misc]
        self.log = Path()
        self._words = words
        self._environment = environment
        self._ready = ready
        self._files = files

    @property
    def url(self) -> str:
        """Where it is found, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    def _prepare(self, folder: Path) -> None:
        if self._files is not None:
            self._files(folder)

    def _launch(self, folder: Path) -> GuardedProcess:
        self.log = folder / "log"
        return GuardedProcess(
            f"The {self.name}",
            [sys.executable, "-P", "-m", *self._words],
            cwd=folder,
            log=self.log,
            stop_seconds=15.0,
            remove=folder,
            environment={"PYTHONUNBUFFERED": "1", **self._environment(self.port)},
        )

    def _answers(self, folder: Path) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=2.0)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", self._ready)
            return connection.getresponse().status == http.client.OK
        return False


class Driver(LocalServer):
    """The load driver: it serves nothing, so it is ready as soon as it runs."""

    name = "load driver"

    def __init__(self, words: list[str]) -> None:
        super().__init__(None)
        self.log = Path()
        self._words = words

    def _launch(self, folder: Path) -> GuardedProcess:
        self.log = folder / "log"
        command = [sys.executable, "-P", "-m", *self._words]
        return GuardedProcess(
            "The load driver", command, cwd=folder, log=self.log, remove=folder, environment={"PYTHONUNBUFFERED": "1"}
        )

    def _answers(self, folder: Path) -> bool:
        return True
