"""A server process of ours that never outlives us: started, watched and stopped through `guard.py`."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")
_LOG_LINES_SHOWN = 8


class ServerError(RuntimeError):
    """A server did not start, or ended. The text holds the last lines of its log."""


class GuardedProcess:
    """One run of one server. The calls block for moments; async callers use a thread.

    `environment` is all that the server sees of ours besides PATH and the temporary folder.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        death_signal: signal.Signals = signal.SIGKILL,
        stop_seconds: float = 5.0,
        owner: tuple[int, int] | None = None,
        remove: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        order = {
            "command": list(command),
            "cwd": str(cwd),
            "log": str(log),
            "stop_signal": int(stop_signal),
            "stop_seconds": stop_seconds,
            "death_signal": int(death_signal),
            "uid": owner[0] if owner else None,
            "gid": owner[1] if owner else None,
            "remove": str(remove) if remove else None,
        }
        kept = {key: os.environ[key] for key in ("PATH", "TMPDIR", "HOME") if key in os.environ}
        # -I -S: nothing of our environment or site-packages, so the guard is up in some 20 ms.
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD), json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the servers in our order
            env=kept | {"LC_ALL": "C"} | (environment or {}),
        )
        self._returncode: int | None = None
        self._heard = b""
        self.pid = self._hear_pid()

    @property
    def returncode(self) -> int | None:
        """None while the server runs, then its exit code; negative: ended by that signal."""
        self._listen(0)
        return self._returncode

    def wait_until(self, ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Returns once `ready()` is true. Raises ServerError when the server ends before, or time runs out."""
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self.returncode is not None:
                raise ServerError(f"{self.name} ended at once (exit {self._returncode}): {self.last_words()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} did not answer within {timeout_seconds:g} s: {self.last_words()}")
            self._listen(0.01)

    def kill9(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends the server at once by signal `number` and returns when it is gone; its folder stays."""
        if self.returncode is None:
            os.kill(self.pid, number)  # the guard reaps it only after its message, so the number is still its own
        while self.returncode is None:
            self._listen(0.1)

    def stop(self, *, keep: bool = False) -> None:
        """Stops the server kindly, by force after its `stop_seconds`; returns when it is gone. Twice is once.

        With `keep` the folder stays for a next run.
        """
        assert self._guard.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            if keep:
                self._guard.stdin.write(b"keep")
            self._guard.stdin.close()
        self._guard.wait()
        self._listen(0)
        if self._guard.stdout is not None:
            self._guard.stdout.close()

    def last_words(self) -> str:
        """The end of the server's log, on one line."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
            if lines:
                return " | ".join(line.strip() for line in lines)
        return "it wrote nothing"

    def _hear_pid(self) -> int:
        while b"\n" not in self._heard:
            assert self._guard.stdout is not None
            words = os.read(self._guard.stdout.fileno(), 4096)
            if not words:
                self.stop(keep=True)
                raise ServerError(f"{self.name} could not be started: its program is missing or may not be run.")
            self._heard += words
        line, _, self._heard = self._heard.partition(b"\n")
        return int(line.split()[1])

    def _listen(self, timeout_seconds: float) -> None:
        """Takes in what the guard has said; waits for news up to `timeout_seconds`."""
        pipe = self._guard.stdout
        if pipe is None or pipe.closed:
            return
        if self._returncode is not None:
            time.sleep(timeout_seconds)
            return
        words = b"-"
        if b"\n" not in self._heard and select.select([pipe], [], [], timeout_seconds)[0]:
            words = os.read(pipe.fileno(), 4096)
            self._heard += words
        if b"\n" in self._heard:
            self._returncode = int(self._heard.split()[1])
        elif not words:
            self._returncode = -int(signal.SIGKILL)  # the guard was killed, and the server with it
