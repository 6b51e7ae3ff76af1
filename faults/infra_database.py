"""Faults of PostgreSQL while alerts flow: tracking and deliveries go on, and the history is whole afterwards."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from episode_monitor.demo.embedded import EmbeddedPostgres
from faults.dispatch_plan import Dispatch
from faults.evidence import end_offsets
from faults.infra import Ground, InfraStage, scenario
from models.alert_codec import decode_alert

DATABASE = "monitor"
PATIENCE_SECONDS = 60.0


@asynccontextmanager
async def with_postgres(folder: Path, broker: str) -> AsyncIterator[Ground]:
    """A server that may be killed; commits survive that."""
    async with EmbeddedPostgres() as server:
        url = await asyncio.to_thread(server.create_database, DATABASE)
        connection = await asyncpg.connect(url)
        await connection.execute(f"alter database {DATABASE} set synchronous_commit = on")
        await connection.close()
        yield Ground(bootstrap_servers=broker, environment={"MONITOR_DATABASE_URL": url}, parts=server)


def _check_history(stage: InfraStage) -> None:
    async def history_is_whole() -> list[str]:
        rows, progress = await _rows(stage, "alert_transitions"), await _rows(stage, "history_progress")
        found = Counter(str(row["transition_id"]) for row in rows)
        logs = stage.evidence.alerts
        emitted = {
            alert.transition_id for log in logs.values() for kept in log if (alert := decode_alert(kept.value or b""))
        }
        stage.figures["history_rows"] = len(rows)
        wrong = [f"The history lacks the transition {name}." for name in sorted(emitted - found.keys())]
        wrong += [f"The history has {name}, which was never emitted." for name in sorted(found.keys() - emitted)]
        wrong += [f"The history has {name} {count} times." for name, count in found.items() if count > 1]
        ends = {number: log[-1].offset for number, log in logs.items() if log}
        reached = {row["kafka_partition"]: row["kafka_offset"] for row in progress}
        if reached != ends:
            wrong.append(f"The progress of the history is {reached} instead of {ends}.")
        return wrong[:8]

    stage.afterwards.append(history_is_whole)


async def _tracking_goes_on(stage: InfraStage, seconds: float, *, released: float) -> None:
    """While the database is unreachable, workers must go on applying events. `released`: the share of the events that
    may flow from now on; those before may all have flowed, on a slow machine."""
    before, stage.released = len(stage.evidence.acknowledged), released
    await asyncio.sleep(seconds)
    if stage.feeding.done() or len(stage.evidence.acknowledged) == before:
        stage.wrong.append("No events flowed while the database was unreachable: the round proves nothing.")
    status, _ = await stage.ask(stage.workers["a"], "/readyz")
    if status != 200:
        stage.wrong.append(f"A worker is not ready ({status}) because its database is unreachable.")
    await stage.caught_up("a", 10.0)


@scenario("postgres-killed", with_postgres, seconds=14.0, records=2_500)
async def postgres_killed(stage: InfraStage) -> None:
    """PostgreSQL is killed twice while alerts flow; once a worker is killed, too, before it is back."""
    server: EmbeddedPostgres = stage.ground.parts
    _check_history(stage)
    stage.released = 0.3
    await stage.start("a")
    await stage.live("a")
    for worker_dies, released in ((False, 0.6), (True, 1.0)):
        await asyncio.sleep(stage.rnd.uniform(0.5, 1.5))
        await asyncio.to_thread(server.kill9)
        stage.deaths["postgres"] += 1
        await _tracking_goes_on(stage, 2.0, released=released)
        if worker_dies:
            await stage.kill("a")
            await stage.start("a")
            await stage.live("a")
        await asyncio.to_thread(server.start)
    await _database_is_back(stage)


@scenario("postgres-restarted", with_postgres, seconds=12.0, records=2_500)
async def postgres_restarted(stage: InfraStage) -> None:
    """PostgreSQL is restarted in order, and then stopped for some seconds, while alerts flow."""
    server: EmbeddedPostgres = stage.ground.parts
    _check_history(stage)
    stage.released = 0.4
    await stage.start("a")
    await stage.live("a")
    await asyncio.sleep(1.0)
    await asyncio.to_thread(server.restart)
    await asyncio.sleep(1.0)
    await asyncio.to_thread(server.pause)
    await _tracking_goes_on(stage, 4.0, released=1.0)
    await asyncio.to_thread(server.start)
    await _database_is_back(stage)


@scenario("postgres-away-notified", with_postgres, seconds=10.0, dispatch=Dispatch(escalate_ms=2_000))
async def postgres_away_notified(stage: InfraStage) -> None:
    """PostgreSQL, and with it the delivery ledger, is killed while a dispatcher notifies and workers die: each message
    reaches its receiver, repeated only under its own id."""
    server: EmbeddedPostgres = stage.ground.parts
    await stage.start("a", "b")
    await stage.live("a", "b")
    for name in ("a", "b"):
        await asyncio.sleep(stage.rnd.uniform(0.3, 1.0))
        await asyncio.to_thread(server.kill9)
        stage.deaths["postgres"] += 1
        await asyncio.sleep(stage.rnd.uniform(0.3, 1.0))
        await stage.kill(name)
        await stage.start(name)
        await stage.live("a", "b")
        await asyncio.to_thread(server.start)


async def _database_is_back(stage: InfraStage) -> None:
    """Wait until the history has reached the end of the topic, so that ending the worker adds no fault."""
    await stage.feeding
    await stage.caught_up("a")
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        ends = await end_offsets(stage.plan.bootstrap_servers, stage.topics.alerts)
        reached = {row["kafka_partition"]: row["kafka_offset"] for row in await _rows(stage, "history_progress")}
        if all(reached.get(number, -1) == end - 1 for number, end in ends.items()):
            return
        await asyncio.sleep(0.2)
    stage.wrong.append(f"The history did not reach the end of the alerts within {PATIENCE_SECONDS:.0f} s.")


async def _rows(stage: InfraStage, table: str) -> list[asyncpg.Record]:
    server: EmbeddedPostgres = stage.ground.parts
    connection = await asyncpg.connect(server.url(DATABASE))
    try:
        rows: list[asyncpg.Record] = await connection.fetch(f"select * from episode_monitor.{table}")
        return rows
    finally:
        await connection.close()
