"""amtool, Alertmanager's own tool, unchanged, against a worker: it queries, silences, updates, imports and expires."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from episode_monitor.demo.programs import Program
from tests.alertmanager_api.installed import amtool_path
from tests.system.running import ask, ready, until, view, worker
from tests.system.test_dispatcher import failed, feed

pytestmark = pytest.mark.broker


class Amtool:
    """Runs it against a worker."""

    def __init__(self, program: Program, *options: str) -> None:
        self._base = [amtool_path(), f"--alertmanager.url={program.url}", *options]

    def run(self, *arguments: str, code: int = 0) -> str:
        """Its output; both streams where it is to fail."""
        done = subprocess.run([*self._base, *arguments], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *arguments: str) -> Any:
        """Its output of `-o json`."""
        return json.loads(self.run("-o", "json", *arguments))


def projects(alerts: list[dict[str, Any]]) -> list[str]:
    return sorted(each["labels"]["project_id"] for each in alerts)


async def test_amtool_works_against_a_worker(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    with ExitStack() as running:
        program = running.enter_context(worker(broker, topic_prefix))
        until(lambda: ready(program), "ready worker")
        for project in ("p1", "p2"):
            await feed(broker, topic_prefix, project, [failed(project)])
        amtool = Amtool(program)
        until(lambda: len(amtool.json("alert", "query")) == 2, "two alerts in the read model")

        check_queries(amtool)
        silence_id = check_silences(amtool)
        check_imports(amtool, tmp_path)
        check_status(amtool)
        entries = view(program, "/audit")["entries"]
        acts = [(entry["what"], entry["who"]) for entry in reversed(entries) if entry["target"] == silence_id]
        again = ("silence.expire", "loopback")  # it had ended
        assert acts == [("silence.create", "kim"), ("silence.change", "kim"), again, again]
        refused = amtool.run("alert", "add", "alertname=x", code=1)
        assert "status 405" in refused


def check_queries(amtool: Amtool) -> None:
    lines = amtool.run("alert", "query").splitlines()
    assert lines[0].split() == ["Alertname", "Starts", "At", "Summary", "State"]
    assert lines[1].startswith("episode_failure_rate")
    assert lines[1].rstrip().endswith("(p1)  active")
    assert projects(amtool.json("alert", "query", "project_id=~p[23]", "severity=warning")) == ["p2"]
    assert projects(amtool.json("alert", "query", "project_id!=p1", "severity=critical")) == []
    assert projects(amtool.json("alert", "query", "--receiver=te.*")) == ["p1", "p2"]
    assert projects(amtool.json("alert", "query", "--receiver=on-call")) == []
    assert "double quote inside" in amtool.run("alert", "query", 'project_id="p', code=1)


def check_silences(amtool: Amtool) -> str:
    """Made, changed and ended; the id."""
    made = amtool.run("silence", "add", "--author=kim", "--comment=works", "--duration=1h", "project_id=~p[13]")
    silence_id = made.strip()
    assert projects(amtool.json("alert", "query")) == ["p2"]
    silenced = amtool.json("alert", "query", "--silenced")
    assert (projects(silenced), silenced[0]["status"]["silencedBy"]) == (["p1"], [silence_id])
    assert silence_id in amtool.run("silence", "query", "project_id=~p[13]")
    assert silence_id not in amtool.run("silence", "query", "project_id=p1")
    amtool.run("silence", "update", "--duration=2h", "--comment=longer", silence_id)
    [changed] = amtool.json("silence", "query")
    assert (changed["id"], changed["comment"], changed["createdBy"]) == (silence_id, "longer", "kim")
    amtool.run("silence", "expire", silence_id)
    amtool.run("silence", "expire", silence_id)
    assert projects(amtool.json("alert", "query")) == ["p1", "p2"]
    assert "silence not found" in amtool.run("silence", "expire", "0f0c7f2e-1111-2222-3333-444444444444", code=1)
    assert silence_id in amtool.run("silence", "query", "--expired")
    return silence_id


def check_imports(amtool: Amtool, folder: Path) -> None:
    """What was exported can be imported."""
    options = ("--author=lee", "--comment=both", "--duration=1h", "alertname=episode_failure_rate")
    amtool.run("silence", "add", *options, "project_id!=p2")
    exported = amtool.json("silence", "query")
    file = folder / "silences.json"
    file.write_text(json.dumps(exported), encoding="utf-8")
    amtool.run("silence", "expire", exported[0]["id"])
    amtool.run("silence", "import", "--force", str(file))
    [imported] = amtool.json("silence", "query")
    assert (imported["matchers"], imported["endsAt"]) == (exported[0]["matchers"], exported[0]["endsAt"])
    assert projects(amtool.json("alert", "query")) == ["p2"]


def check_status(amtool: Amtool) -> None:
    assert "receiver: team" in amtool.run("config", "show")
    assert amtool.run("config", "routes", "test", "severity=critical").strip() == "team"
    assert "default-route  receiver: team" in amtool.run("config", "routes", "show")
    cluster = amtool.run("cluster", "show")
    assert "Cluster Status:  ready" in cluster


async def test_amtool_needs_an_operators_token_where_there_are_tokens(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    token = "amtool-token-0123456789abcdef"
    with ExitStack() as running:
        options = {"API_TOKENS": f"operator:{token}"}
        program = running.enter_context(worker(broker, topic_prefix, **options))
        until(lambda: ready(program), "ready worker")
        until(lambda: ask(program, "/api/v2/receivers")[0] == 200, "dispatcher's state")
        silence = ("silence", "add", "--author=kim", "--comment=works", "--duration=1h", "project_id=p1")
        assert "status 401" in Amtool(program).run(*silence, code=1)
        file = tmp_path / "http.yml"
        file.write_text(f"authorization:\n  credentials: {token}\n", encoding="utf-8")
        silence_id = Amtool(program, f"--http.config.file={file}").run(*silence).strip()
        assert ask(program, f"/api/v2/silence/{silence_id}")[1]["status"] == {"state": "active"}
