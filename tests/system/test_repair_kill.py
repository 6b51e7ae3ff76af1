"""A worker killed in the middle of the transaction of a repair: nothing is left behind, and the plan says so."""

import asyncio
import json
import threading
from typing import Any

import psycopg
import pytest

from episode_monitor.demo.embedded import EmbeddedPostgres
from examples.project_service.database import SCHEMA
from tests.service_database.making import run
from tests.system.running import BASE, ask, post, ready, until, view, worker
from tests.system.test_checks import created, feed

pytestmark = pytest.mark.broker

OLD = {"p1": 1, "p3": 3, "p4": 4, "p5": 5}
NEW = {"p1": 1, "p3": 2, "p4": 3, "p5": 4}
TEST_LOCK = 4711
# Two of three rows are changed already when the third waits for the test.
WAIT_AT_THE_THIRD = f"""
CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id = 'p5' THEN PERFORM pg_advisory_xact_lock({TEST_LOCK}); END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER wait_for_the_test BEFORE UPDATE ON episodes FOR EACH ROW EXECUTE FUNCTION wait_for_the_test();
"""
YES = {"by": "mina", "confirm": "p"}


def held(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT id, number FROM episodes ORDER BY id").fetchall())


def count(url: str, query: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def test_a_worker_killed_in_the_middle_of_the_transaction_leaves_nothing_behind_and_the_plan_says_so(
    broker: str, topic_prefix: str, postgres: EmbeddedPostgres, database_url: str
) -> None:
    ours = f"own_{topic_prefix.strip('-').replace('-', '_')}"
    own_url = postgres.create_database(ours)
    run(database_url, SCHEMA)
    for episode, number in OLD.items():
        run(database_url, f"INSERT INTO episodes (id, project_id, number) VALUES ('{episode}', 'p', {number})")
    settings: dict[str, Any] = {
        "DATABASE_URL": database_url, "MONITOR_DATABASE_URL": own_url, "EPISODES_VERSION_COLUMN": "version",
        "AUTO_FIX_ENABLED": "true", "GAP_SETTLE_SECONDS": "0", "EVENTS_PARTITIONS": "1",
    }  # fmt: skip
    with worker(broker, topic_prefix, **settings) as monitor:
        until(lambda: ready(monitor), "ready worker")
        records = [created("p", number, episode) for episode, number in OLD.items()]
        asyncio.run(feed(broker, f"{topic_prefix}events", records))
        until(lambda: (view(monitor, "/integrity/project/p") or {}).get("total_episodes") == 4, "all episodes")
        plan = post(monitor, f"{BASE}/integrity/project/p/repair-plans", {"by": "mina"})[1]
        path = f"{BASE}/repair-plans/{plan['plan_id']}"

        run(database_url, WAIT_AT_THE_THIRD)
        with psycopg.connect(database_url, autocommit=True) as test:
            test.execute(f"SELECT pg_advisory_lock({TEST_LOCK})")
            applying = threading.Thread(target=_post_until_cut, args=(monitor, f"{path}/apply"))
            applying.start()
            waiting = f"SELECT count(*) FROM pg_locks WHERE NOT granted AND objid = {TEST_LOCK}"
            until(lambda: count(database_url, waiting), "transaction that waits at its third row")
            monitor.kill9()
            applying.join(60)
        at_work = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'episode-monitor repair'"
        until(lambda: count(database_url, at_work) == 0, "end of the killed worker's session")
        assert held(database_url) == OLD
        run(database_url, "DROP TRIGGER wait_for_the_test ON episodes")

        monitor.start()
        until(lambda: ready(monitor), "ready worker")
        assert ask(monitor, path)[1]["state"] == "applying"  # whoever wrote it might still be at it
        status, problem = post(monitor, f"{path}/apply", YES)
        assert (status, problem["code"]) == (409, "plan_busy")
        _end_the_lease(own_url)
        shown = ask(monitor, path)[1]
        assert shown["state"] == "planned"
        assert shown["steps"][-1]["what"] == "interrupted"
        assert shown["steps"][-1]["detail"] == "the worker stopped during the transaction, which was rolled back"
        status, applied = post(monitor, f"{path}/apply", YES)
        assert (status, applied["state"], applied["verification"]) == (200, "applied", "passed"), applied
        assert held(database_url) == NEW
        assert view(monitor, "/integrity/project/p")["is_healthy"]
    postgres.drop_database(ours)


def _post_until_cut(monitor: Any, path: str) -> None:
    """The answer never comes."""
    with pytest.raises((OSError, json.JSONDecodeError)):
        post(monitor, path, YES)


def _end_the_lease(own_url: str) -> None:
    """As if two and a half minutes had gone by."""
    run(own_url, "UPDATE episode_monitor.repair_plans SET progress = jsonb_set(progress, '{lease_until_ms}', '0')")
