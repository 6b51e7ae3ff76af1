"""A real Alertmanager on loopback, with data of its own, and the receiver that its webhooks go to."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from episode_monitor.demo.ports import free_port
from models.alert import Alert, AlertStatus
from models.times import rfc3339
from streams.routing.labels import labels_of
from tests.alertmanager_api.installed import alertmanager_path
from tests.system.running import until


@contextmanager
def running(config: str, folder: Path) -> Iterator[httpx.Client]:
    """A client whose base is the API v2."""
    path, port = alertmanager_path(), free_port()
    file = folder / "alertmanager.yml"
    file.write_text(config, encoding="utf-8")
    with (folder / "alertmanager.log").open("wb") as output:
        process = subprocess.Popen(
            [path, f"--config.file={file}", f"--storage.path={folder / 'data'}", "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=debug"],
            stdout=output, stderr=output,
        )  # fmt: skip
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v2", trust_env=False) as client:
                until(lambda: _is_ready(client), "Alertmanager")
                yield client
        finally:
            process.kill()
            process.wait()


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/status").status_code == 200
    except httpx.TransportError:
        return False


def posted(alert: Alert, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """An alert as it is posted to Alertmanager."""
    body: dict[str, Any] = {
        "labels": labels_of(alert),
        "annotations": annotations or {},
        "startsAt": rfc3339(alert.starts_at_ms),
    }
    if alert.status is AlertStatus.RESOLVED and alert.ends_at_ms is not None:
        body["endsAt"] = rfc3339(alert.ends_at_ms)
    return body


class Received(NamedTuple):
    """A webhook's body and when it came (epoch milliseconds)."""

    at_ms: int
    body: dict[str, Any]


@contextmanager
def receiving() -> Iterator[tuple[str, list[Received]]]:
    """The address of a receiver, and what it got so far."""
    got: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            at_ms = time.time_ns() // 1_000_000
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
            got.append(Received(at_ms, json.loads(body)))

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 200  # many at once: one that finds no place would come a second later

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
