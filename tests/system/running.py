"""Workers as processes of their own, questions to them, and waiting for what is to become true."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from episode_monitor.demo.ports import free_port
from episode_monitor.demo.programs import Program
from testbed.monitor_settings import monitor_settings

T = TypeVar("T")

BASE = "/monitoring/episodes"


def worker(broker: str, prefix: str, *, module: str = "episode_monitor", **settings: str) -> Program:
    """A worker of the monitor named by `prefix`; not started. `module` takes the place of the command."""

    def environment(port: int) -> Mapping[str, str]:
        return {
            **monitor_settings(broker, prefix),
            "EVENTS_PARTITIONS": "4",
            "TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_SESSION_TIMEOUT_SECONDS": "5",  # a pause of half of it ends a worker; busy machines make some of 2 s
            "KAFKA_REBALANCE_TIMEOUT_SECONDS": "5",
            "MONITORING_PORT": str(port),
            **settings,
        }

    return Program("worker", [module, "worker"], free_port(), environment, "/livez")


def ask(program: Program | str, path: str) -> tuple[int, Any]:
    """Status and JSON body; status 0 where nobody answers. `program` may be its address."""
    url = program if isinstance(program, str) else program.url
    try:
        with urllib.request.urlopen(f"{url}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")
    except OSError:
        return 0, None


def post(program: Program | str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Status and JSON body of a change; `program` may be its address."""
    url = program if isinstance(program, str) else program.url
    request = urllib.request.Request(f"{url}{path}", json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def delete(program: Program, path: str) -> tuple[int, Any]:
    """Status and JSON body of what removes something."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{program.url}{path}", method="DELETE"), timeout=60
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def view(program: Program | str, path: str) -> Any:
    """The body of a view; None while it is not given."""
    status, body = ask(program, BASE + path)
    return body if status == 200 else None


def until(look: Callable[[], T | None], what: str, seconds: float = 60.0) -> T:
    """What `look` gives as soon as it gives something true."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"within {seconds:g} s there was no {what}"
        time.sleep(0.1)


def ready(program: Program) -> bool:
    """Whether the worker says it can serve, with nothing left to apply."""
    status, body = ask(program, "/readyz")
    return status == 200 and body["lag"] == 0
