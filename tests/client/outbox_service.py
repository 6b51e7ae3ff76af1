"""A service of the kill tests, and a relay, as processes: `python -m tests.client.outbox_service PROJECTS` creates
episodes in `made` with their events in the outbox, until it is killed.
"""

import asyncio
import os
import random
import sys

import asyncpg

from episode_monitor_client import Outbox, created

TABLES = """
CREATE TABLE IF NOT EXISTS made (
    id text PRIMARY KEY, project_id text NOT NULL, number integer NOT NULL, UNIQUE (project_id, number)
)
"""
MAX_PER_PROJECT = 100_000  # the loop is bounded even if nobody kills it


async def create_for_ever(database_url: str, project_id: str) -> None:
    """Creations one after the other, some of them rolled back after their event was added."""
    outbox, dice = Outbox("kill-test"), random.Random(os.getpid())
    connection = await asyncpg.connect(database_url)
    for _ in range(MAX_PER_PROJECT):
        try:
            async with connection.transaction():
                number = await connection.fetchval(
                    "SELECT coalesce(max(number), 0) + 1 FROM made WHERE project_id = $1", project_id
                )
                episode_id = f"ep-{os.urandom(6).hex()}"
                await connection.execute("INSERT INTO made VALUES ($1, $2, $3)", episode_id, project_id, number)
                await outbox.add(connection, created(project_id, episode_id, number))
                if dice.random() < 0.1:
                    raise InterruptedError("rolled back, event and all")
        except (asyncpg.UniqueViolationError, InterruptedError):
            await asyncio.sleep(0.001)


async def main() -> None:
    """Two callers a project, so that they race for numbers."""
    url = os.environ["DATABASE_URL"]
    await asyncio.gather(*(create_for_ever(url, f"p{n % int(sys.argv[1])}") for n in range(2 * int(sys.argv[1]))))


if __name__ == "__main__":
    asyncio.run(main())
