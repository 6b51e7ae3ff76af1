"""The demo as a process of its own, and what it tells whoever started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.system.running import until

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180.0  # each part has its own limit; two demos may start beside each other on two busy cores
_LAST_WORDS = "nothing else did"  # of what it tells when all of it runs


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    said: str  # on standard error


class Demo:
    """The demo in a process group of its own; what it says goes to a file."""

    def __init__(self, output: Path, seconds: int = 120) -> None:
        self._output = output
        with output.open("w") as file:
            command = [sys.executable, "-P", "-m", "episode_monitor", "demo", "--seconds", str(seconds)]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, start_new_session=True)

    def addresses(self) -> dict[str, str]:
        """What it says where its parts are."""
        found = {}
        for line in self._told():
            for name in ("Monitor", "What the receivers got", "Sample project service", "Kafka"):
                if line.strip().startswith(name + "  "):
                    found[name] = line.split()[-1]
        return found

    def commands(self) -> list[str]:
        """The commands that it proposes, in their order."""
        return [line.strip() for line in self._told() if line.startswith(("    .", "    episode-monitor"))]

    def run(self, command: str) -> Ran:
        """As typed in another terminal, after the first of the commands that it proposes."""
        words = ["sh", "-c", f"{self.commands()[0]}\n{command}"]
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        done = subprocess.run(
            words, cwd="/", env=environment, capture_output=True, text=True, timeout=120, check=False
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def said(self) -> str:
        """All that it has said so far."""
        return self._output.read_text()

    def interrupt(self) -> int:
        """Ctrl-C, and the exit code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def _told(self) -> list[str]:
        until(lambda: _LAST_WORDS in self.said() or self.process.poll() is not None, "demo that runs", START_SECONDS)
        assert _LAST_WORDS in self.said(), f"the demo ended with {self.process.returncode}: {self.said()}"
        return self.said().splitlines()
