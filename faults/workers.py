"""Worker processes of a fault run. Each is forked from a process that has only imported everything, which makes a start
much faster; from there on it is a worker like any other."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from episode_monitor.demo.ports import LOOPBACK, free_port
from faults import worker_entry
from faults.versions import OldProcess

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([worker_entry.__name__])

PATIENCE_SECONDS = 20.0


class WorkerProcess:
    """One worker under one name, one process after another. All lives write to the same log."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.lives = 0
        self.url = ""
        self.fault = ""  # the failpoint of the present process
        self.wanted = False  # whether the supervisor restarts it when it dies
        self._environment = {**environment, "STATE_DIR": str(folder / f"{name}.state")}
        self.tree: Path | None = None  # of another version, whose code the next process runs; None: this one
        self._process: ForkServerProcess | OldProcess | None = None

    @property
    def life(self) -> str:
        """The name of the present process."""
        return f"{self.name}.{self.lives}"

    def start(self, fault: str = "", on: int = 1, **environment: str) -> None:
        """Start a process, to be killed when it passes the place `fault` for the `on`-th time."""
        self.lives += 1
        self.fault, self.wanted = fault, True
        port = free_port()
        self.url = f"http://{LOOPBACK}:{port}"
        given = {**self._environment, "MONITORING_PORT": str(port), "TEST_WORKER": self.life, "TEST_FAULT": fault,
                 "TEST_FAULT_ON": str(on), **environment}  # fmt: skip
        if self.tree is not None:
            self._process = OldProcess(self.tree, given, self.log)
            return
        self._process = _forks.Process(target=worker_entry.main, args=(given, self.log), daemon=True)
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """None while it runs (or before its first start); negative: the signal that ended it."""
        return None if self._process is None else self._process.exitcode

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.exitcode is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it runs."""
        if self._process is not None and self._process.exitcode is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def processes(self) -> list[int]:
        """The ids of the processes that it supervises, on Linux."""
        process = self._process
        if process is None or process.pid is None or not self.is_running:
            return []
        with contextlib.suppress(OSError):
            return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
        return []

    async def kill9(self) -> None:
        """Kill it (SIGKILL)."""
        self.wanted = False
        self.signal(signal.SIGKILL)
        await self.ended()

    async def ended(self, patience_seconds: float = PATIENCE_SECONDS) -> int | None:
        """Its exit code; None where it has not ended within that time."""
        give_up_at = time.monotonic() + patience_seconds
        while self.is_running and time.monotonic() < give_up_at:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.01)
        return self.returncode

    async def stop(self) -> int | None:
        """Ask it to end; its exit code, or None where it did not and was killed."""
        self.wanted = False
        self.signal(signal.SIGTERM)
        code = await self.ended()
        if code is None:
            await self.kill9()
        return code

    def log_text(self) -> str:
        """All that its processes have printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""
