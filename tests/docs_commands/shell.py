"""One shell for all commands of a page, as a reader types them one after the other in one terminal."""

import os
import re
import select
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.docs_commands.pages import Block, Run

COMMAND_SECONDS = 120.0
BUSY_SECONDS = 60.0  # a machine under load answers late: a view says 503 (curl: 22), a command 3, and people try again
_BUSY = (3, 22)
_PRELUDE = 'set -o pipefail\ncurl() { command curl --fail-with-body --max-time 60 "$@"; }\n'


class CommandFailed(AssertionError):
    """A command of the documents does not do what the page says."""


class Shell:
    """A bash in a folder of its own. `prelude` is run first; `environment` is all that it has. As a context manager it
    ends everything that its commands have started."""

    def __init__(self, folder: Path, environment: dict[str, str], prelude: str = "") -> None:
        self._output = folder / ".output"
        self._output.touch()
        self._read, write = os.pipe()
        with self._output.open("a") as file:
            self._process = subprocess.Popen(
                ["bash", "--noprofile", "--norc"], cwd=folder, env=environment | {"STATUS_FD": str(write)},
                stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                pass_fds=[write],
            )  # fmt: skip
        os.close(write)
        self._background = 0
        if self.run(_PRELUDE + prelude)[0] != 0:
            raise CommandFailed(f"The shell of the page could not begin:\n{self.said()}")

    def __enter__(self) -> "Shell":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sent in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._started():
                with suppress(ProcessLookupError):
                    os.kill(pid, sent)
            deadline = time.monotonic() + 10.0
            while self._started() and time.monotonic() < deadline:
                self._process.poll()
                time.sleep(0.1)
        self._process.wait(10)
        assert self._process.stdin is not None
        self._process.stdin.close()
        os.close(self._read)

    def said(self, since: int = 0) -> str:
        """All that was printed, from a place in it on."""
        return self._output.read_bytes()[since:].decode(errors="replace")

    def run(self, command: str) -> tuple[int, str]:
        """Exit code and output of a command that ends. Raises CommandFailed when it does not end in time."""
        before = self._output.stat().st_size
        self._send(f"{{\n{command}\n}} </dev/null\nprintf '%s\\n' $? >&$STATUS_FD\n")
        readable, _, _ = select.select([self._read], [], [], COMMAND_SECONDS)
        said = os.read(self._read, 16).decode() if readable else ""
        if not said:
            why = "ended the shell" if readable else f"has not ended after {COMMAND_SECONDS:.0f} s"
            raise CommandFailed(f"{command}\n{why}:\n{self.said(before)[-2000:]}")
        return int(said), self.said(before)

    def run_block(self, block: Block) -> None:
        """The commands of a block, each as its mark says. Raises CommandFailed."""
        mark = block.mark
        assert isinstance(mark, Run)
        if mark.before:
            code, output = self.run(mark.before)
            if code != 0:
                raise CommandFailed(f"{block.place}: what is run before: code {code}\n{mark.before}\n{output[-2000:]}")
        if mark.until is not None:
            self._start(block, mark.until)
            return
        statements, codes = block.statements(), block.codes()
        for number, (statement, code) in enumerate(zip(statements, codes, strict=True), 1):
            shows = mark.shows if number == len(statements) else None
            self._run_until_right(block, statement, code, shows, mark.within)

    def _run_until_right(self, block: Block, statement: str, wanted: int, shows: str | None, within: float) -> None:
        began = time.monotonic()
        while True:
            code, output = self.run(statement)
            is_shown = shows is None or re.search(shows, output) is not None
            if code == wanted and is_shown:
                return
            patience = max(within, BUSY_SECONDS if code in _BUSY else 0.0)
            if time.monotonic() - began >= patience:
                missing = "" if is_shown else f"; the output does not show {shows!r}"
                raise CommandFailed(
                    f"{block.place}: code {code}, the page says {wanted}{missing}\n$ {statement}\n{output[-3000:]}"
                )
            time.sleep(1.0)

    def _start(self, block: Block, shows: str) -> None:
        self._background += 1
        output = self._output.with_name(f".output-{self._background}")
        commands = "\n".join(block.statements())
        self._send(f"(\n{commands}\n) </dev/null >'{output}' 2>&1 &\n")
        deadline = time.monotonic() + COMMAND_SECONDS
        while not (output.exists() and re.search(shows, output.read_text(errors="replace"))):
            if time.monotonic() > deadline:
                said = output.read_text(errors="replace")[-3000:] if output.exists() else ""
                raise CommandFailed(f"{block.place}: the output does not show {shows!r}\n$ {commands}\n{said}")
            time.sleep(0.1)

    def _send(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def _started(self) -> list[int]:
        """The processes of this shell's session: itself, and all that its commands have started and that still runs."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == self._process.pid and state != "Z":
                    found.append(int(folder.name))
        return found
