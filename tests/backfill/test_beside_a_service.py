"""A backfill while the sample project service really creates, renumbers and deletes: in the end all agree."""

import asyncio
import random
from pathlib import Path

import pytest

from examples.project_service.settings import Settings
from tests.backfill.support import environment, events_of, numbers, run, states_after
from tests.examples.support import Service, fetch, project_service

pytestmark = pytest.mark.broker

PROJECTS = ("p0", "p1", "p2")


async def change_things(service: Service, project: str, enough: asyncio.Event) -> None:
    """One caller of one project, until it is enough."""
    dice, mine = random.Random(project), [f"{project}-old-{number}" for number in range(1, 201)]
    while not enough.is_set():
        created = (await service.create(project)).json()
        mine.append(created["id"])
        what = dice.random()
        if what < 0.3:
            path = f"/projects/{project}/episodes/{dice.choice(mine)}/renumber"
            assert (await service.client.post(path, json={"number": created["number"] + 1})).status_code == 200
        elif what < 0.5:
            gone = mine.pop(dice.randrange(len(mine)))
            assert (await service.client.delete(f"/projects/{project}/episodes/{gone}")).status_code == 204


async def test_the_monitor_ends_with_what_the_table_has(
    database_url: str, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    env = environment(database_url, broker, topic_prefix, tmp_path)
    settings = Settings(
        database_url=database_url, kafka_bootstrap_servers=broker, events_topic=env["EVENTS_TOPIC"],
        events_partitions=3, instance_name="beside", time_limit_seconds=60.0, attempt_timeout_seconds=30.0,
    )  # fmt: skip
    async with project_service(settings) as service:
        # Rows from a time whose events are gone.
        old = "SELECT p || '-old-' || n, p, n FROM generate_series(1, 200) n, unnest($1::text[]) p"
        await fetch(database_url, f"INSERT INTO episodes (id, project_id, number) {old}", list(PROJECTS))
        enough = asyncio.Event()
        callers = [asyncio.create_task(change_things(service, project, enough)) for project in PROJECTS]
        try:
            for words in (("--rate", "150"), ()):
                code, summary, err = await asyncio.to_thread(run, env, tmp_path, *words)
                assert (code, summary["status"]) == (0, "completed"), err
        finally:
            enough.set()
            await asyncio.gather(*callers)
        await service.records()  # the service has sent all of its own
        rows = await fetch(database_url, "SELECT id, project_id, number FROM episodes")
    found = states_after(await events_of(env))
    table: dict[str, dict[int, str]] = {project: {} for project in PROJECTS}
    for row in rows:
        table[row["project_id"]][row["number"]] = row["id"]
    assert numbers(found) == table
    for state in found.values():
        assert not state.numbering.episodes.duplicates
