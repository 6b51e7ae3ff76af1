"""`python -m tests.repair.victim URL PLAN_ID PROJECT VERB PLACE [with_newer]`: acts on a plan, is killed at PLACE."""

import asyncio
import os
import signal
import sys

from episode_monitor.repair.store import PostgresPlans
from episode_monitor.storage.database import Database
from testbed.databases import PATIENT
from tests.repair.desk import Desk


async def main(url: str, plan_id: str, project_id: str, verb: str, place: str, *options: str) -> None:
    """Ends with the signal, or with 0 where the place was never reached."""

    def die(passed: str) -> None:
        if passed == place:
            os.kill(os.getpid(), signal.SIGKILL)

    database = Database(url, PATIENT)
    await database.connect()
    desk = Desk(url, store=PostgresPlans(database), failpoint=die)
    desk.stream.numbers[project_id] = await desk.numbers(project_id)
    await getattr(desk.repairs, verb)(plan_id, "victim", project_id, with_newer="with_newer" in options)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
