"""A small process between us and a server that we start: when we are gone, however we went, it stops the server.

A parent killed by -9 cannot clean up, and yet no server, port or folder may stay behind. Runs as a script with the
standard library alone; its parent side is `episode_monitor.demo.guarded`.

usage: guard.py JSON, an object with
    command                   the server, a list of strings
    cwd, log                  its folder, and the file that its output is appended to
    stop_signal, stop_seconds the signal that stops it kindly, and how long it may take before it is killed
    death_signal              what the kernel sends it should the guard itself be killed (Linux)
    uid, gid                  its user and group, or null for ours
    remove                    folder to remove at the end, or null
Standard input ends when the parent does; "keep" before that leaves the folder alone.
Standard output: "pid N" when the server runs, "exit N" when it has ended (negative: by that signal).
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_PARENT_CHECK_SECONDS = 1.0  # a forked sibling may hold the other end of our pipe open, so look at the parent, too


def main() -> None:
    """Starts the server, waits for the end of the server and of the parent, and cleans up."""
    order = json.loads(sys.argv[1])
    wake = _wake_on_signals()
    server = _start(order)
    _say(f"pid {server.pid}")
    keep = _wait_for_parent_to_go(server, wake)
    _stop(server, order["stop_signal"], order["stop_seconds"])
    if order["remove"] and not keep:
        shutil.rmtree(order["remove"], ignore_errors=True)


def _wake_on_signals() -> int:
    """A file descriptor that becomes readable when a child ends or on a signal to stop."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reader


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    guard, death_signal = os.getpid(), order["death_signal"]
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def die_with_guard() -> None:  # runs in the new process, after it has changed its user
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != guard:
                os.kill(os.getpid(), signal.SIGKILL)

    identity = {} if order["uid"] is None else {"user": order["uid"], "group": order["gid"], "extra_groups": []}
    with open(order["log"], "ab") as log:
        return subprocess.Popen(
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=order["cwd"],
            preexec_fn=die_with_guard,
            **identity,
        )


def _wait_for_parent_to_go(server: subprocess.Popen[bytes], wake: int) -> bool:
    """Returns whether the folder is to be kept."""
    parent, keep, told = os.getppid(), False, False
    while os.getppid() == parent:
        readable, _, _ = select.select([0, wake], [], [], _PARENT_CHECK_SECONDS)
        if 0 in readable:
            words = os.read(0, 4096)
            keep = keep or b"keep" in words
            if not words:
                break
        if wake in readable and {signal.SIGTERM, signal.SIGINT} & set(os.read(wake, 4096)):
            break
        if not told and server.poll() is not None:
            told = True
            _say(f"exit {server.returncode}")
    return keep


def _stop(server: subprocess.Popen[bytes], stop_signal: int, stop_seconds: float) -> None:
    if server.poll() is None:
        server.send_signal(stop_signal)
        try:
            server.wait(stop_seconds)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        _say(f"exit {server.returncode}")


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent may be gone, and that is what we are here for
        os.write(1, line.encode() + b"\n")


if __name__ == "__main__":
    main()
