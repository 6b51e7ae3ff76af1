"""The worker that runs a scheduled check is killed: another one runs it again, once, and one alert is told of it."""

import re
from contextlib import ExitStack
from typing import Any

import psycopg

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.demo.programs import Program
from tests.service_database.making import fill, make_table, run
from tests.system.running import ask, ready, until, view, worker
from tests.system.test_checks import created, feed

BEGAN = re.compile(r"check begins.*kind=deep")
ALL_PARTITIONS = 4


async def test_a_scheduled_check_outlives_the_worker_that_ran_it(
    broker: str, topic_prefix: str, postgres: EmbeddedPostgres, database_url: str
) -> None:
    own_url = postgres.create_database(f"own_{topic_prefix.strip('-').replace('-', '_')}")
    make_table(database_url)
    fill(database_url, [("a1", "a", 1), ("a2", "a", 2), ("a3", "a", 3)])
    shared = {
        "MONITOR_DATABASE_URL": own_url, "DATABASE_URL": database_url, "NO_COLOR": "1",
        "GAP_SETTLE_SECONDS": "20",  # so long is a check under way that has found something
    }  # fmt: skip
    with ExitStack() as running:
        both = [running.enter_context(worker(broker, topic_prefix, **shared)) for _ in range(2)]
        until(lambda: any(ready(each) for each in both), "ready worker")
        await feed(broker, f"{topic_prefix}events", [created("a", 1, "a1"), created("a", 2, "a2")])
        until(lambda: len(_began(both)) == 1, "worker that runs the deep check")
        (killed,) = _began(both)
        (survivor,) = (each for each in both if each is not killed)
        killed.kill9()
        until(lambda: ready(survivor) and _partitions(survivor) == ALL_PARTITIONS, "takeover of all partitions")
        assert [job["state"] for job in _deep(survivor)] == ["running"]
        _let_the_lease_run_out(own_url)
        until(lambda: _began([survivor]), "second run of the check")
        until(lambda: _states(survivor) == ["completed", "failed"], "end of the check")
        found, lost = _deep(survivor)
        assert [issue["project_id"] for issue in found["result"]["project_issues"]] == ["a"]
        assert "worker" in lost["error"]
        assert {found["requested_by"], lost["requested_by"]} == {"schedule"}
        assert len(BEGAN.findall(survivor.log.read_text())) == 1
        assert _attempts(own_url) == [(2, True)]
        until(lambda: len(_told(survivor)) == 1, "transition in the history")
        assert _active(survivor) == ["integrity_drift:a"]


def _began(workers: list[Program]) -> list[Program]:
    return [each for each in workers if BEGAN.search(each.log.read_text(errors="replace"))]


def _partitions(each: Program) -> int:
    _, body = ask(each, "/readyz")
    return int(body["recovery"]["partitions_live"]) if body else 0


def _deep(each: Program) -> list[Any]:
    """Newest first."""
    return [job for job in (view(each, "/jobs") or {"jobs": []})["jobs"] if job["kind"] == "deep"]


def _states(each: Program) -> list[str]:
    return [job["state"] for job in _deep(each)]


def _told(each: Program) -> list[Any]:
    return list((view(each, "/alerts/history?rule_id=integrity_drift") or {"transitions": []})["transitions"])


def _active(each: Program) -> list[str]:
    return [alert["alert_key"] for alert in view(each, "/alerts/active")["alerts"]]


def _let_the_lease_run_out(url: str) -> None:
    """As a minute would, in which nobody hears of the run."""
    run(url, "update episode_monitor.check_schedule set alive_at = alive_at - interval '2 minutes' where not is_done")
    run(url, "update episode_monitor.check_results set updated_at = updated_at - interval '2 minutes' "
             "where state = 'running'")  # fmt: skip


def _attempts(url: str) -> list[tuple[int, bool]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select attempts, is_done from episode_monitor.check_schedule where kind = 'deep'"
        ).fetchall()
