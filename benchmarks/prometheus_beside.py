"""Prometheus and Alertmanager as fast as they can be set: everything every second, and no waiting for a group."""

import asyncio
import json
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from benchmarks import rig
from episode_monitor.demo.guarded import GuardedProcess
from episode_monitor.demo.ports import LOOPBACK, free_port

PROGRAMS = ("prometheus", "prometheus-alertmanager")
# More than 5 % of the operations of ten minutes conflicted. `increase` cannot say it: it sees nothing in a project's
# first sample, so a project that begins with a conflict would never alert.
_SINCE = "({0} - ({0} offset 10m or {0} * 0))"
_EXPRESSION = f"100 * {_SINCE.format('exported_conflicts_total')} / {_SINCE.format('exported_operations_total')} > 5"


def missing() -> str:
    """ "" where both programs are here, else what to do."""
    gone = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not measured: {' and '.join(gone)} not found; on Debian: apt install {' '.join(PROGRAMS)}" if gone else ""


@asynccontextmanager
async def running(servers: str, topic: str, receiver_port: int) -> AsyncIterator[None]:
    """An exporter of the topic's events, Prometheus that scrapes it, Alertmanager that notifies the receiver."""
    with tempfile.TemporaryDirectory(prefix="episode-monitor-prometheus-") as name, ExitStack() as stack:
        folder = Path(name)
        exporter, prometheus, alertmanager = _ports(3)
        _configure(folder, exporter, alertmanager, receiver_port)
        commands = {
            "exporter": [sys.executable, "-P", "-m", "benchmarks.metrics_exporter", servers, topic, str(exporter)],
            "alertmanager": [
                "prometheus-alertmanager", f"--config.file={folder}/alertmanager.json",
                f"--storage.path={folder}/alertmanager", f"--web.listen-address={LOOPBACK}:{alertmanager}",
                "--cluster.listen-address=",
            ],
            "prometheus": [
                "prometheus", f"--config.file={folder}/prometheus.json", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={LOOPBACK}:{prometheus}",
            ],
        }  # fmt: skip
        for program, command in commands.items():
            process = GuardedProcess(program, command, cwd=folder, log=folder / f"{program}.log")
            stack.callback(process.stop)
        for port, path in ((exporter, "/metrics"), (alertmanager, "/-/ready"), (prometheus, "/-/ready")):
            await asyncio.to_thread(rig.until, partial(_answers, f"{port}{path}"), 60, f"an answer of {port}{path}")
        yield


def _ports(count: int) -> list[int]:
    ports: list[int] = []
    for _ in range(count):
        ports.append(free_port(avoid=ports))
    return ports


def _configure(folder: Path, exporter: int, alertmanager: int, receiver: int) -> None:
    """JSON is YAML."""
    rule = {"alert": "HighConflictRate", "expr": _EXPRESSION, "labels": {"severity": "critical"}}
    documents = {
        "prometheus": {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.json")],
            "scrape_configs": [
                {"job_name": "exporter", "static_configs": [{"targets": [f"{LOOPBACK}:{exporter}"]}]}
            ],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [f"{LOOPBACK}:{alertmanager}"]}]}]
            },
        },
        "rules": {"groups": [{"name": "episodes", "rules": [rule]}]},
        "alertmanager": {
            "route": {
                "receiver": "local", "group_by": ["project_id"], "group_wait": "0s", "group_interval": "1s",
                "repeat_interval": "1h",
            },
            "receivers": [
                {
                    "name": "local",
                    "webhook_configs": [{"url": f"http://{LOOPBACK}:{receiver}/alertmanager", "send_resolved": False}],
                }
            ],
        },
    }  # fmt: skip
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{address}", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
