"""Makes each client's program ready and runs it. What is installed goes to .interop/, which git does not know.

A client that cannot be had here raises NotHere with the reason; a program that fails raises RuntimeError.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from episode_monitor.demo.guarded import ServerError
from testbed.apache_kafka import jars, java
from tests.interop.batches import Batch
from tests.interop.clients import Client

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".interop"
INSTALL_SECONDS = 300.0
SEND_SECONDS = 240.0

Command = tuple[list[str], dict[str, str]]  # words, and what is added to the environment


class NotHere(Exception):
    """The client cannot be had on this machine; the message says why."""


def send(client: Client, servers: str, batches: Sequence[Batch]) -> None:
    """Send these in order; returns when the broker has acknowledged all."""
    words, environment = _COMMANDS.get(client.name, _python(client.name))()
    lines = b"".join(msgspec.json.encode(batch) + b"\n" for batch in batches)
    done = subprocess.run(
        [*words, servers], input=lines, capture_output=True, check=False, timeout=SEND_SECONDS, cwd=ROOT,
        env={**os.environ, **environment},
    )  # fmt: skip
    sent = done.stdout.decode().splitlines()
    if done.returncode != 0 or sent != [batch.name for batch in batches]:
        words_of_it = done.stderr.decode(errors="replace")[-2000:]
        raise RuntimeError(f"{client.name} sent {len(sent)} of {len(batches)} batches: {words_of_it}")


def _python(name: str) -> Callable[[], Command]:
    return lambda: ([sys.executable, "-m", "tests.interop.python_producer", name], {})


def _java() -> Command:
    try:
        program, folder = java(), jars()
    except ServerError as error:
        raise NotHere(str(error)) from error
    if shutil.which("javac") is None:
        raise NotHere("The producer in Java is compiled as it starts, and there is no javac; install a JDK.")
    return [program, "-XX:TieredStopAtLevel=1", "-cp", f"{folder}/*", str(HERE / "java" / "Send.java")], {}


def _go(name: str) -> Callable[[], Command]:
    return lambda: ([str(_go_program()), name], {})


@cache
def _go_program() -> Path:
    go = shutil.which("go")
    if go is None:
        raise NotHere("The producers in Go are built here, and there is no go; install it.")
    program = CACHE / "go-sender"
    offline = {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    _run("The producers in Go", [go, "build", "-o", str(program), "."], HERE / "go", offline)
    return program


@cache
def _node_command() -> Command:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotHere("kafkajs is installed by npm and run by node, and one of them is missing; install them.")
    sources = [HERE / "node" / name for name in ("package.json", "package-lock.json")]
    wanted = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    folder = CACHE / f"node-{wanted[:12]}"
    if not folder.is_dir():
        unfinished = CACHE / f"{folder.name}.{os.getpid()}"
        unfinished.mkdir(parents=True)
        for source in sources:
            shutil.copy(source, unfinished)
        try:
            _run("kafkajs", [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], unfinished)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    modules = {"NODE_PATH": str(folder / "node_modules"), "KAFKAJS_NO_PARTITIONER_WARNING": "1"}
    return [node, str(HERE / "node" / "send.js")], modules


def _run(what: str, words: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    CACHE.mkdir(exist_ok=True)
    try:
        done = subprocess.run(
            words, cwd=folder, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False,
            timeout=INSTALL_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotHere(f"{what} could not be installed within {INSTALL_SECONDS:.0f} s.") from error
    if done.returncode != 0:
        raise NotHere(f"{what} could not be installed: {done.stderr[-600:].strip()}")


_COMMANDS: dict[str, Callable[[], Command]] = {
    "Apache Kafka": _java,
    "kafkajs": lambda: _node_command(),
    "franz-go": _go("franz-go"),
    "sarama": _go("sarama"),
}
