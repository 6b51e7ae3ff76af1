"""Schemathesis asks a running worker whatever the committed OpenAPI document allows, and what it forbids: no answer is
an error of the server, and each is one that the document describes. Its seed is fixed and its examples are few.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.demo.programs import Program
from tests.system.running import BASE, post, ready, until, view, worker
from tests.system.test_repair import inject, service, settled

pytestmark = pytest.mark.broker

DOCUMENT = Path(__file__).resolve().parents[2] / "dashboard" / "openapi.json"
# What is not judged: whether data is taken or refused, and rights, which have tests of their own.
OTHER_CHECKS = (
    "missing_required_header", "unsupported_method", "negative_data_rejection", "positive_data_acceptance",
    "use_after_free", "ensure_resource_availability", "ignored_auth", "allow_header_conformance",
    "object_level_authorization",
)  # fmt: skip
OTHERS_OFF = "[checks]\n" + "".join(f"{name}.enabled = false\n" for name in OTHER_CHECKS)
# Alertmanager 0.25 answers so where a silence is unknown, and its clients know it; the document says so too.
EXCEPTION = """
[[operations]]
include-path = "/api/v2/silence/{silence_id}"
include-method = "DELETE"
checks.not_a_server_error.enabled = false
"""


class Run(NamedTuple):
    """What schemathesis printed, and how it ended."""

    code: int
    said: str


@pytest.fixture
def monitor(broker: str, postgres: EmbeddedPostgres, topic_prefix: str) -> Iterator[Program]:
    """A worker with everything that routes need, and a project with a gap and a duplicate. Its topics are its own:
    a run repairs, silences and resolves what it finds."""
    names = [f"{topic_prefix.strip('-').replace('-', '_')}_{part}" for part in ("service", "monitor")]
    with ExitStack() as running:
        theirs, ours = (postgres.create_database(name) for name in names)
        for name in names:
            running.callback(postgres.drop_database, name)
        made = running.enter_context(service(broker, topic_prefix, theirs))
        started = running.enter_context(
            worker(
                broker, topic_prefix, DATABASE_URL=theirs, MONITOR_DATABASE_URL=ours, EPISODES_VERSION_COLUMN="version",
                AUTO_FIX_ENABLED="true", GAP_SETTLE_SECONDS="1",
            )
        )  # fmt: skip
        inject(made)
        until(lambda: settled(started), "settled gap and duplicate")
        yield started
        said = started.log.read_text()
        assert "request failed" not in said, said[said.index("request failed") :][:3000]


def schemathesis(monitor: Program, folder: Path, config: str, *options: str) -> Run:
    """One run over all operations; the stream is left out, because it does not end."""
    (folder / "schemathesis.toml").write_text(config + OTHERS_OFF + EXCEPTION)
    done = subprocess.run(
        [Path(sys.executable).parent / "schemathesis", "--config-file", "schemathesis.toml", "run", DOCUMENT,
         "--url", monitor.url, "--seed", "15", "--no-shrink", "--continue-on-failure",
         "--exclude-path-regex", "/stream$", "--warnings", "off", "--generation-database", "none", *options],
        capture_output=True, text=True, timeout=500, check=False, cwd=folder, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    return Run(done.returncode, done.stdout + done.stderr)


def operations() -> int:
    paths = json.loads(DOCUMENT.read_text())["paths"]
    return sum(len(item) for path, item in paths.items() if not path.endswith("/stream"))


def test_whatever_the_document_allows_or_forbids_is_answered_as_it_says(monitor: Program, tmp_path: Path) -> None:
    run = schemathesis(monitor, tmp_path, "", "--phases", "coverage,fuzzing", "--max-examples", "5")
    assert run.code == 0, run.said[-20_000:]
    assert f"Tested: {operations()}" in run.said
    until(lambda: ready(monitor), "a worker that is still well")


def test_so_it_is_of_what_is_really_there(monitor: Program, tmp_path: Path) -> None:
    ids = json.dumps(known_ids(monitor))[1:-1].replace('": ', '" = ').replace('", "', '"\n"')
    run = schemathesis(monitor, tmp_path, f"[parameters]\n{ids}\n", "--phases", "fuzzing", "--max-examples", "12")
    assert run.code == 0, run.said[-20_000:]
    assert f"Tested: {operations()}" in run.said


def known_ids(monitor: Program) -> dict[str, Any]:
    """By path parameter, one that exists."""
    until(lambda: view(monitor, "/alerts/active")["alerts"], "an alert")
    matcher = {"name": "project_id", "value": "q", "operator": "="}
    _, silence = post(monitor, f"{BASE}/silences", {"by": "mina", "comment": "c", "matchers": [matcher], "minutes": 9})
    _, plan = post(monitor, f"{BASE}/repair-plans?project_id=p", {"by": "mina"})
    _, job = post(monitor, f"{BASE}/replays", {"by": "mina"})
    return {
        "project_id": "p",
        "alert_key": view(monitor, "/alerts/active")["alerts"][0]["alert_key"],
        "finding_id": view(monitor, "/integrity/findings?project_id=p")["findings"][0]["finding_id"],
        "silence_id": silence["id"],
        "plan_id": plan["plan_id"],
        "job_id": job["job_id"],
    }
