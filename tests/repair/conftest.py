"""Desks on databases of each test's own."""

import pytest

from tests.repair.desk import Desk


@pytest.fixture
async def desk(database_url: str) -> Desk:
    """The sample service's empty tables, repair switched on, plans in memory."""
    desk = Desk(database_url)
    await desk.make_tables()
    return desk
