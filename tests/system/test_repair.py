"""Repair on the running system: real broker, real database, the sample service, a worker, the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.demo.ports import free_port
from episode_monitor.demo.programs import Program
from tests.system.running import BASE, ask, post, until, view, worker

pytestmark = pytest.mark.broker

ROOT = Path(__file__).resolve().parents[2]


def service(broker: str, prefix: str, database_url: str) -> Program:
    """The sample project service; not started."""

    def environment(port: int) -> Mapping[str, str]:
        return {
            "DATABASE_URL": database_url,
            "KAFKA_BOOTSTRAP_SERVERS": broker,
            "EVENTS_TOPIC": f"{prefix}events",
            "EVENTS_PARTITIONS": "4",
            "PROJECT_SERVICE_PORT": str(port),
        }

    return Program("project service", ["examples.project_service"], free_port(), environment, "/healthz")


def command(program: Program, *words: str) -> tuple[int, Any, str]:
    """Exit code, JSON of standard output, standard error."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "episode_monitor", "repair", *words, "--url", program.url, "--json"],
        capture_output=True, text=True, timeout=120, check=False, cwd=ROOT, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def test_an_injected_gap_and_duplicate_are_repaired_and_rolled_back_by_api_and_by_command_line(
    broker: str, postgres: EmbeddedPostgres, topic_prefix: str
) -> None:
    names = [f"{topic_prefix.strip('-').replace('-', '_')}_{part}" for part in ("service", "monitor")]
    theirs, ours = (postgres.create_database(name) for name in names)
    with ExitStack() as running:
        for name in names:
            running.callback(postgres.drop_database, name)
        made = service(broker, topic_prefix, theirs)
        monitor = worker(
            broker, topic_prefix, DATABASE_URL=theirs, MONITOR_DATABASE_URL=ours, EPISODES_VERSION_COLUMN="version",
            AUTO_FIX_ENABLED="true", GAP_SETTLE_SECONDS="1", REPAIR_APPROVAL_ABOVE="2",
        )  # fmt: skip
        running.enter_context(made)
        running.enter_context(monitor)
        inject(made)
        before = until(lambda: settled(monitor), "settled gap and duplicate")
        assert (before["gaps"], before["duplicates"]) == ([3], [5])

        code, plan, _ = command(monitor, "plan", "p", "--by", "mina")
        assert (code, plan["state"], plan["approval_needed"]) == (0, "planned", False)
        moves = [(change["old_number"], change["new_number"]) for change in plan["changes"]]
        assert moves == MOVES
        assert (plan["blast_radius"]["before"]["gaps"], plan["blast_radius"]["after"]["gaps"]) == (1, 0)

        code, _, said = command(monitor, "apply", plan["plan_id"], "--by", "mina", "--confirm", "q")
        assert (code, "invalid_confirm" in said) == (2, True)
        code, applied, said = command(monitor, "apply", plan["plan_id"], "--by", "mina", "--confirm", "p")
        assert (code, applied["state"], applied["verification"], applied["events_pending"]) == (
            0, "applied", "passed", False,
        ), said  # fmt: skip
        mended = view(monitor, "/integrity/project/p")
        assert (mended["is_healthy"], mended["suspects"], mended["max_number"]) == (True, [], 7)
        code, _, said = command(monitor, "apply", plan["plan_id"], "--by", "mina", "--confirm", "p")
        assert (code, "plan_not_open" in said) == (4, True)

        status, back = post(monitor, f"{BASE}/repair-plans/{plan['plan_id']}/rollback", {"by": "jun", "confirm": "p"})
        assert (status, back["state"], back["verification"]) == (200, "rolled_back", "passed")
        after = until(lambda: settled(monitor), "gap and duplicate again")
        assert {name: after[name] for name in FACTS} == {name: before[name] for name in FACTS}

        status, again = post(monitor, f"{BASE}/integrity/project/p/repair-plans", {"strategy": "duplicates_to_gaps"})
        assert status == 200
        path = f"{BASE}/repair-plans/{again['plan_id']}"
        assert post(monitor, f"{path}/apply", {"by": "mina", "confirm": "p"})[0] == 200
        status, shown = ask(monitor, path)
        assert (status, shown["state"], shown["verification"]) == (200, "applied", "passed")
        assert view(monitor, "/integrity/project/p")["is_healthy"]
    code, _, said = command(monitor, "show", plan["plan_id"])
    assert (code, "No worker answers" in said) == (3, True)


MOVES = [(4, 3), (5, 4)]  # the earlier one of the two with number 5; the later one then has it alone
FACTS = ("gaps", "duplicates", "duplicate_owners", "total_episodes", "max_number")


def inject(made: Program) -> None:
    """1, 2, (3 lost), 4, 5, 5 again, 6, 7."""
    create = ("/projects/p/episodes", {"title": "t"})
    for kind in (None, None, "lose_number", None, "use_twice", None, None):
        if kind:
            assert post(made, "/admin/trouble", {"project_id": "p", "kind": kind})[0] == 200
        assert post(made, *create)[0] == 201


def settled(monitor: Program) -> Any:
    found = view(monitor, "/integrity/project/p")
    return found if found and found["gaps"] and found["duplicates"] else None
