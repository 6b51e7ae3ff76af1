"""Whatever ids a table has, and in whatever order, they are compared with those of the stream."""

import uuid

import pytest

from tests.checks.fleet import deep
from tests.fleet.fleet import Fleet
from tests.service_database.making import fill, make_table, run


async def test_uuids_are_compared(database_url: str) -> None:
    make_table(database_url, "create table episodes (id uuid, project_id uuid, number integer)")
    ids = [str(uuid.UUID(int=number)) for number in range(1, 4)]
    project = str(uuid.UUID(int=99))
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        for number, episode in enumerate(ids, 1):
            log.created(project, number, episode=episode)
        fill(database_url, [(episode, project, number) for number, episode in enumerate(ids, 1)])
        assert (await deep(fleet, worker, database_url)).project_issues == []
        run(database_url, f"update episodes set id = '{uuid.UUID(int=7)}' where number = 2")
        (issue,) = (await deep(fleet, worker, database_url)).project_issues
        assert issue.drift is not None
        assert issue.drift.different_owner == 1


@pytest.mark.parametrize("kind", ["text", "uuid"])
async def test_numbers_held_twice_are_compared_whatever_order_the_table_has_them_in(
    database_url: str, kind: str
) -> None:
    make_table(database_url, f"create table episodes (id {kind}, project_id text, number integer)")
    ids = [str(uuid.UUID(int=number)) for number in (9, 3, 7)]
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        for episode in ids:
            log.created("p", 1, episode=episode)
        log.settle(60)
        fill(database_url, [(episode, "p", 1) for episode in reversed(ids)])
        (issue,) = (await deep(fleet, worker, database_url)).project_issues
        assert (issue.duplicates, issue.drift) == ([1], None)
        run(database_url, f"delete from episodes where id = '{ids[0]}'")
        (issue,) = (await deep(fleet, worker, database_url)).project_issues
        assert issue.drift is not None
        assert issue.drift.different_owner == 1
