"""A worker process in a test's hands: started with its parent's death as its own, looked at, killed, stopped."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import msgspec

from testbed.worker_process import ROOT, Orders, Status


class WorkerHandle:
    """One process after another under one name. Its output goes to `log`."""

    def __init__(self, folder: Path, name: str, orders: Orders) -> None:
        self.name = name
        self.orders = msgspec.structs.replace(orders, status_file=str(folder / f"{name}.status"))
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **changes: object) -> None:
        """Start a new process, with orders changed for it alone."""
        orders = msgspec.structs.replace(self.orders, **changes)
        Path(orders.status_file).unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "testbed.worker_process", msgspec.json.encode(orders).decode()],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=os.environ.copy(),
            )  # fmt: skip

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the worker was not started"
        return self._process

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self.process.poll()

    def signal(self, number: int) -> None:
        """Send a signal."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def kill9(self) -> None:
        """End it without a farewell."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    async def stop(self) -> int:
        """Ask it to end and answer its exit code."""
        self.signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 30)

    def status(self) -> Status | None:
        """What it said last; None before it has said anything."""
        try:
            return msgspec.json.decode(Path(self.orders.status_file).read_bytes(), type=Status)
        except OSError:
            return None

    def committed(self) -> int:
        """Offsets that are stored, of all partitions; -1 until each of them is live."""
        status = self.status()
        partitions = [] if status is None else list(status.partitions.values())
        is_live = len(partitions) == self.orders.partitions and all(each.phase == "live" for each in partitions)
        return sum(each.committed for each in partitions) if is_live else -1

    def log_text(self) -> str:
        """All that its processes have printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill9()
