"""Toxiproxy: a way between two that can be cut, made slow, or made to swallow everything. Built once with Go."""

import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from episode_monitor.demo.guarded import GuardedProcess, ServerError
from episode_monitor.demo.ports import LOOPBACK, free_port
from episode_monitor.demo.server import LocalServer

VERSION = "v2.5.0"
_TOOLS = Path(__file__).resolve().parents[1] / ".tools"


class Toxiproxy(LocalServer):
    """Its server. Ways are named; each has a port of its own on loopback."""

    name = "toxiproxy"

    def _launch(self, folder: Path) -> GuardedProcess:
        command = [str(toxiproxy_program()), "-host", LOOPBACK, "-port", str(self.port)]
        return GuardedProcess("Toxiproxy", command, cwd=folder, log=folder / "log", remove=folder)

    def _answers(self, folder: Path) -> bool:
        try:
            self._ask("GET", "/version")
        except OSError:
            return False
        return True

    def way(self, name: str, target_port: int) -> int:
        """Open a way to a port on loopback and answer the port where it begins."""
        port = free_port(avoid=[target_port, self.port])
        listen, upstream = f"{LOOPBACK}:{port}", f"{LOOPBACK}:{target_port}"
        self._ask("POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream, "enabled": True})
        return port

    def cut(self, name: str) -> None:
        """Refuse connections and end those there are."""
        self._ask("POST", f"/proxies/{name}", {"enabled": False})

    def mend(self, name: str) -> None:
        """As at first: open, and without any poison."""
        self._ask("POST", f"/proxies/{name}", {"enabled": True})
        for toxic in self._ask("GET", f"/proxies/{name}/toxics"):
            self._ask("DELETE", f"/proxies/{name}/toxics/{toxic['name']}")

    def slow(self, name: str, latency_ms: int, jitter_ms: int) -> None:
        """Let everything that comes back take so long."""
        self._poison(name, "latency", {"latency": latency_ms, "jitter": jitter_ms})

    def silence(self, name: str) -> None:
        """Swallow everything, in both directions, with connections open: no peer sees an error."""
        for stream in ("downstream", "upstream"):
            self._poison(name, "timeout", {"timeout": 0}, stream)

    def _poison(self, name: str, kind: str, attributes: dict[str, int], stream: str = "downstream") -> None:
        body = {"name": f"{kind}-{stream}", "type": kind, "stream": stream, "attributes": attributes}
        self._ask("POST", f"/proxies/{name}/toxics", body)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.port}{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith((b"{", b"[")) else text.decode()


def toxiproxy_program() -> Path:
    """The program; Go builds it the first time. Raises ServerError with what to do when there is no Go."""
    program = _TOOLS / f"toxiproxy-server-{VERSION}"
    if program.is_file():
        return program
    go = shutil.which("go")
    if go is None:
        raise ServerError("Toxiproxy is built with Go, and there is no go; install Go.")
    _TOOLS.mkdir(exist_ok=True)
    module = f"github.com/Shopify/toxiproxy/v2/cmd/server@{VERSION}"
    with tempfile.TemporaryDirectory(dir=_TOOLS) as building:  # of this process alone: another may build it, too
        environment = os.environ | {"GOBIN": building}
        done = subprocess.run([go, "install", module], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerError(f"Go could not build Toxiproxy: {done.stderr.strip()[-600:]}")
        (Path(building) / "server").replace(program)
    return program
